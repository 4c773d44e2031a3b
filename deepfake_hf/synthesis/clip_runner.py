"""A clip changed frame by frame, streaming: one frame in memory, true times, the sound copied or carried over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.media import EveryNth, probe, read_audio, read_frames, write_audio, write_video
from deepfake_hf.media.remux import COPIED_SOUND, COPIED_VIDEO, join_streams
from deepfake_hf.media.write_mask import MaskWriter
from deepfake_hf.synthesis.clip_faces import FacePath
from deepfake_hf.types import AudioTrack, Frame, MediaInfo

Points = NDArray[np.float32]
Change = Callable[[Frame, Points], tuple[NDArray[np.uint8], NDArray[np.float32]] | None]
"""A frame and its landmarks (68, 2) to the changed picture uint8 (H, W, 3) and its mask float32 (H, W), or None."""
Tell = Callable[[float], None]

CRF: Final = 18
_ANY_FPS: Final = 25.0
_AAC_BITS: Final = 128_000


@dataclass(frozen=True)
class ClipReport:
    """What was done: frames written, frames changed, and the changed stretches in seconds."""

    num_frames: int
    num_changed: int
    changed_s: tuple[tuple[float, float], ...]


def change_clip(
    frames: Iterable[Frame],
    fps: float | None,
    out: Path,
    faces: FacePath | None = None,
    change: Change | None = None,
    *,
    mask_out: Path | None = None,
    sound_from: str | os.PathLike[str] | None = None,
    until_s: float | None = None,
    crf: int = CRF,
    tell: Tell | None = None,
) -> ClipReport:
    """Write a clip again with a face changed; frames without the face stay as they are.

    Args:
        frames: Every frame of the clip, in order.
        fps: Its nominal rate; None where it states none.
        out: The mp4 to write.
        faces: Where the face is; None with ``change`` None.
        change: Changes one frame; None writes the clip as it is, through the same encoder.
        mask_out: The mkv for the masks, black where nothing is changed; None writes none.
        sound_from: Whose sound goes along; None: no sound.
        until_s: Where to end, seconds.
        crf: H.264 quality.
        tell: Called with the time reached, in seconds.

    Raises:
        MediaError: A file can't be read.
    """
    fps = fps or _ANY_FPS
    stretches = _Stretches(1.0 / fps)
    masks = None if mask_out is None else MaskWriter(mask_out, fps)

    def changed() -> Iterator[Frame]:
        for frame in frames:
            if until_s is not None and frame.pts_s >= until_s:
                return
            points = None if faces is None else faces.at(frame.index)
            made = None if change is None or points is None else change(frame, points)
            rgb, mask = made if made is not None else (frame.rgb, np.zeros(frame.rgb.shape[:2], np.float32))
            stretches.add(frame.pts_s, made is not None)
            if masks is not None:
                masks.write(mask, frame.pts_s)
            if tell is not None:
                tell(frame.pts_s)
            yield Frame(rgb, frame.pts_s, frame.index)

    try:
        _write_with_sound(out, changed(), fps, sound_from, until_s, crf)
    finally:
        if masks is not None:
            masks.close()
    return stretches.report()


def _write_with_sound(
    out: Path,
    frames: Iterator[Frame],
    fps: float,
    sound_from: str | os.PathLike[str] | None,
    until_s: float | None,
    crf: int,
) -> None:
    """Write frames, and beside them the sound of a file: copied where an mp4 can hold it, else encoded as AAC."""
    if sound_from is None:
        write_video(out, frames, fps, crf=crf)
        return
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".joining_") as folder:
        silent = Path(folder) / "silent.mp4"
        write_video(silent, frames, fps, crf=crf)
        join_streams(out, silent, _carried_sound(sound_from, Path(folder)), until_s)


def replace_sound(path: str | os.PathLike[str], out: Path, track: AudioTrack, crf: int = CRF) -> None:
    """Write a video again with other sound, as AAC; its pictures are copied where an mp4 can hold them."""
    info = probe(path)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".joining_") as folder:
        sound, pictures = Path(folder) / "sound.m4a", Path(path)
        write_audio(sound, _from_zero(track), "aac", _AAC_BITS)
        if info.video_codec not in COPIED_VIDEO:
            pictures = Path(folder) / "silent.mp4"
            write_video(pictures, read_frames(path, EveryNth(1), info=info), info.fps or _ANY_FPS, crf=crf)
        join_streams(out, pictures, sound)


def read_sound(
    path: str | os.PathLike[str], sampling_rate: int | None = None, info: MediaInfo | None = None
) -> AudioTrack:
    """All sound of a file, mono, gaps filled with silence, at its own rate or the one given.

    Raises:
        MediaError: It has no sound.
    """
    info = info or probe(path)
    if not info.num_audio_streams:
        raise MediaError(os.fspath(path), "it has no sound", "give a sound file or a video with sound")
    rate = sampling_rate or info.sampling_rate or 44_100
    blocks = list(read_audio(path, rate))
    start_s = blocks[0].start_s
    whole = np.zeros(round((blocks[-1].start_s - start_s) * rate) + len(blocks[-1].waveform), np.float32)
    for block in blocks:
        begin = round((block.start_s - start_s) * rate)
        part = block.waveform[: len(whole) - begin]
        whole[begin : begin + len(part)] = part
    return AudioTrack(whole, rate, start_s)


def _carried_sound(path: str | os.PathLike[str], folder: Path) -> Path:
    """The file itself where its sound can be copied, else its sound as AAC in a file of its own."""
    info = probe(path)
    if info.audio_codec in COPIED_SOUND:
        return Path(path)
    sound = folder / "sound.m4a"
    write_audio(sound, _from_zero(read_sound(path, info=info)), "aac", _AAC_BITS)
    return sound


def _from_zero(track: AudioTrack) -> AudioTrack:
    """The same sound beginning at 0 s, since a sound file keeps no later start."""
    silent = np.zeros(max(0, round(track.start_s * track.sampling_rate)), np.float32)
    return AudioTrack(np.concatenate([silent, track.waveform]), track.sampling_rate)


class _Stretches:
    """Joins changed frames into stretches as they pass."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._done: list[tuple[float, float]] = []
        self._open_s: float | None = None
        self._last_s = 0.0
        self._counts = [0, 0]

    def add(self, pts_s: float, changed: bool) -> None:
        if changed and self._open_s is None:
            self._open_s = pts_s
        elif not changed and self._open_s is not None:
            self._done.append((self._open_s, pts_s))
            self._open_s = None
        self._last_s = pts_s
        self._counts[0] += 1
        self._counts[1] += changed

    def report(self) -> ClipReport:
        rest = [] if self._open_s is None else [(self._open_s, self._last_s + self._interval_s)]
        return ClipReport(self._counts[0], self._counts[1], tuple(self._done + rest))
