"""The pass over frames: detect, track, crop, gate, score in batches. No pixel is kept once it is scored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.faces import FaceDetector, FaceTracker, TrackedFace, assess, crop_face, detect_in_picture
from deepfake_hf.inference.scorers import BATCH, CropScorer
from deepfake_hf.types import Frame, Status, WindowScore

CROP_SIZE = 224


@dataclass
class TrackTally:
    """What was seen of one person: times, counts and why frames were refused."""

    track: int
    start_s: float
    end_s: float
    num_faces: int = 0
    refused: Counter[Status] = field(default_factory=Counter)
    last_reason: str = ""
    windows: list[WindowScore] = field(default_factory=list)


class FacesPass:
    """Feed frames in time order; read ``tracks`` after :meth:`finish`.

    Args:
        detector: finds faces in a frame.
        branch: scores crops.
        step_s: seconds that one sampled frame stands for.
        still: a single picture, where a tight crop with nothing around it is a face too.
        detect_every: run the detector on every k-th frame, and track between.
    """

    def __init__(
        self, detector: FaceDetector, branch: CropScorer, step_s: float, still: bool = False, detect_every: int = 1
    ) -> None:
        self.detector, self.branch, self.step_s, self.still = detector, branch, step_s, still
        self.detect_every = detect_every
        self.tracker = FaceTracker()
        self.tracks: dict[int, TrackTally] = {}
        self.num_frames = 0
        self.num_frames_scored = 0
        self._pending: list[tuple[int, float, tuple[float, float, float, float], NDArray[np.uint8]]] = []

    def feed(self, frame: Frame) -> list[TrackedFace]:
        """Take one upright frame; returns its faces."""
        faces = None
        if self.num_frames % self.detect_every == 0:
            faces = detect_in_picture(self.detector, frame.rgb) if self.still else self.detector.detect(frame.rgb)
        tracked = self.tracker.update(frame.rgb, frame.pts_s, faces)
        self.num_frames += 1
        scored = False
        for item in tracked:
            tally = self.tracks.setdefault(item.track, TrackTally(item.track, frame.pts_s, frame.pts_s))
            tally.end_s = frame.pts_s + self.step_s
            tally.num_faces += 1
            crop = crop_face(frame.rgb, item.face.box_xyxy, CROP_SIZE)
            status, reason = assess(crop, item.face.box_xyxy)
            if status is not Status.SCORED:
                tally.refused[status] += 1
                tally.last_reason = reason
                continue
            scored = True
            left, top, right, bottom = (float(value) for value in item.face.box_xyxy)
            self._pending.append((item.track, frame.pts_s, (left, top, right, bottom), crop))
        self.num_frames_scored += scored
        if len(self._pending) >= BATCH:
            self.flush()
        return tracked

    def follow(self, rgb: NDArray[np.uint8], pts_s: float) -> list[TrackedFace]:
        """Where the faces are in a frame, uint8 (H, W, 3), that is neither searched nor scored."""
        return self.tracker.update(rgb, pts_s, None)

    def flush(self) -> None:
        """Score what is waiting."""
        if not self._pending:
            return
        margins = self.branch.score([crop for *_, crop in self._pending])
        for (track, pts_s, box, _), margin in zip(self._pending, margins, strict=True):
            window = WindowScore(pts_s, pts_s + self.step_s, "face", track, float(margin), None, box)
            self.tracks[track].windows.append(window)
        self._pending.clear()

    def finish(self) -> list[TrackTally]:
        """Score the rest and give the tracks in order of first sight."""
        self.flush()
        return sorted(self.tracks.values(), key=lambda tally: (tally.start_s, tally.track))
