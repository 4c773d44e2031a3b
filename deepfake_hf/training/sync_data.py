"""Films as lip-sync material: mouths at 25 frames a second, beside the cepstra of their sound."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.data import ManifestRow
from deepfake_hf.faces import FaceDetector
from deepfake_hf.faces.boxes import area
from deepfake_hf.faces.mouth import MOUTH_WIDTHS, crop_mouth
from deepfake_hf.media import AtRate, read_audio, read_frames
from deepfake_hf.processing.feature_extraction_lip_sync import cepstra

FRAMES_PER_SECOND: Final = 25
STEPS_PER_FRAME: Final = 4  # of cepstra, 100 a second
_RATE: Final = 16_000
_LOOK_EVERY: Final = 5  # frames from one look of the face detector to the next


@dataclass(frozen=True)
class SyncClip:
    """``mouths`` uint8 (N, S, S, 3), frame i at i / 25 s; ``cepstra`` float32 (num_coefficients, L), column j
    of the 25 ms from j / 100 s on, as ``LipSyncFeatureExtractor`` gives them."""

    mouths: NDArray[np.uint8]
    cepstra: NDArray[np.float32]

    def pairs(self, num_frames: int) -> int:
        """How many windows of so many frames there are."""
        return min(len(self.mouths), self.cepstra.shape[1] // STEPS_PER_FRAME) - num_frames + 1


def read_sync_clip(
    row: ManifestRow, cache: Path, side: int, num_coefficients: int, detector: FaceDetector
) -> SyncClip | None:
    """The clip of a film, from the cache or made and put there; None where no mouth or no sound was found.

    Args:
        row: The film; its largest face is taken.
        cache: Folder.
        side: Of the mouth crops, pixels.
        num_coefficients: Cepstral coefficients.
        detector: One that gives mouth corners.

    Raises:
        MediaError: The film can't be read.
    """
    state = os.stat(row.path)
    file = [os.path.abspath(row.path), state.st_size, state.st_mtime_ns]
    facts = [*file, row.start_s, row.end_s, side, num_coefficients, _LOOK_EVERY, MOUTH_WIDTHS]
    path = cache / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]}.npz"
    if path.is_file():
        with np.load(path) as held:
            return SyncClip(held["mouths"], held["cepstra"]) if len(held["mouths"]) else None
    mouths = _mouths(row, side, detector)
    first_s = row.start_s or 0.0
    heard = _cepstra(row.path, first_s, len(mouths), num_coefficients)
    if heard is None:  # noted, so that the film is not looked through again
        mouths, heard = mouths[:0], np.zeros((num_coefficients, 0), np.float32)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.part.npz")
    np.savez(partial, mouths=mouths, cepstra=heard)
    partial.replace(path)
    return SyncClip(mouths, heard) if len(mouths) else None


def _mouths(row: ManifestRow, side: int, detector: FaceDetector) -> NDArray[np.uint8]:
    """Mouth crops of every moment up to the last, held over where the film has no frame of its own."""
    frames: list[tuple[int, NDArray[np.uint8]]] = []
    looks: list[tuple[float, ...]] = []
    for frame in read_frames(row.path, AtRate(FRAMES_PER_SECOND)):
        if row.start_s is not None and frame.pts_s < row.start_s:
            continue
        if row.end_s is not None and frame.pts_s >= row.end_s:
            break
        place = round((frame.pts_s - (row.start_s or 0.0)) * FRAMES_PER_SECOND)
        if len(frames) % _LOOK_EVERY == 0:
            faces = [face for face in detector.detect(frame.rgb) if face.landmarks5_xy is not None]
            if faces:
                face = max(faces, key=lambda one: float(area(one.box_xyxy)))
                assert face.landmarks5_xy is not None
                centre = face.landmarks5_xy[3:5].mean(0)
                looks.append((place, *centre, float(face.box_xyxy[2] - face.box_xyxy[0])))
        frames.append((place, frame.rgb))
    if not looks:
        return np.zeros((0, side, side, 3), np.uint8)
    table = np.array(looks)
    made: dict[int, NDArray[np.uint8]] = {}
    width = float(np.median(table[:, 3]))
    for place, rgb in frames:
        x, y = (float(np.interp(place, table[:, 0], table[:, i])) for i in (1, 2))
        made[place] = crop_mouth(rgb, (x, y), width, side)
    places = sorted(made)
    last = [places[max(int(np.searchsorted(places, i, side="right")) - 1, 0)] for i in range(places[-1] + 1)]
    return np.stack([made[place] for place in last])


def _cepstra(path: str, first_s: float, num_frames: int, count: int) -> NDArray[np.float32] | None:
    """float32 (count, less than 4 * num_frames), or None where there is no sound to speak of."""
    try:
        blocks = list(read_audio(path, _RATE))
    except Exception as error:
        if type(error).__name__ != "MediaError":
            raise
        return None
    if not blocks or not num_frames:
        return None
    wave = np.concatenate([block.waveform for block in blocks])
    lead = round((first_s - blocks[0].start_s) * _RATE)
    wave = wave[lead:] if lead >= 0 else np.concatenate([np.zeros(-lead, np.float32), wave])
    wanted = num_frames * _RATE // FRAMES_PER_SECOND
    wave = np.pad(wave[:wanted], (0, max(0, wanted - len(wave))))
    if float(np.abs(wave).max()) < 1e-4:
        return None
    return cepstra(wave.astype(np.float64), _RATE, count).T.astype(np.float32)
