"""Face-swapped clips from genuine ones, for end-to-end checks: never for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deepfake_hf.detector import Detector
from deepfake_hf.errors import DataError
from deepfake_hf.media import EveryNth, Uniform, probe, read_audio, read_frames, write_video
from deepfake_hf.synthesis.face_swap import swap_face
from deepfake_hf.types import AudioTrack, Frame


def swap_clip(detector: Detector, target: Path, source: Path, out: Path, seconds: float = 6.0) -> int:
    """Put the face of ``source``'s middle frame on every frame of ``target``; sound and timestamps are kept.

    Args:
        detector: finds faces and landmarks.
        target: genuine clip with one face.
        source: genuine clip that gives its face.
        out: the mp4 to write.
        seconds: of the target that are used.

    Returns:
        How many frames were swapped; frames without a face stay as they are.

    Raises:
        DataError: The source shows no face.
    """
    donor = next(iter(read_frames(source, Uniform(1)))).rgb
    found = detector.landmarks(donor)
    if not found:
        raise DataError(f"no face to take from {source}", "none was found in its middle frame", "use another clip")
    donor_points = found[0][1]
    info = probe(target)
    swapped = 0

    def frames() -> Iterator[Frame]:
        nonlocal swapped
        for frame in read_frames(target, EveryNth(1), info=info):
            if frame.pts_s >= seconds:
                return
            faces = detector.landmarks(frame.rgb)
            if faces:
                rgb, _ = swap_face(frame.rgb, faces[0][1], donor, donor_points)
                swapped += 1
                frame = Frame(rgb, frame.pts_s, frame.index)
            yield frame

    sound = None
    if info.num_audio_streams:
        rate = 44_100
        blocks = [block.waveform for block in read_audio(target, rate)]
        sound = AudioTrack(np.concatenate(blocks)[: int(seconds * rate)], rate)
    write_video(out, frames(), info.fps or 25.0, audio=sound, crf=20)
    return swapped


def swap_round(clips: Sequence[Path], out: Path, bundle: Path | None = None) -> list[Path]:
    """Swap each clip with the face of the next one; finished files are kept."""
    detector = Detector.from_pretrained(bundle)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for index, target in enumerate(clips):
        path = out / f"{target.stem}_swapped.mp4"
        if not path.is_file():
            swap_clip(detector, target, clips[(index + 1) % len(clips)], path)
        made.append(path)
    return made


def alternate(first: Sequence[Path], second: Sequence[Path]) -> list[Path]:
    """Interleave two lists, so that neighbours show different people as long as both last."""
    mixed: list[Path] = []
    for index, path in enumerate(first):
        mixed.append(path)
        if index < len(second):
            mixed.append(second[index])
    return mixed
