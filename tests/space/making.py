"""Hand-made results and a detector that returns them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepfake_hf.types import (
    BranchResult,
    DetectionResult,
    MediaKind,
    OperatingBand,
    Segment,
    Status,
    TrackResult,
    Verdict,
    WindowScore,
)
from space.engine import Engine
from space.limits import PageLimits

POINTS = {"face": {"fpr1": 0.86, "fpr5": 0.62}, "speech": {"fpr1": 0.93, "fpr5": 0.7}}


def scored_video(**changes: Any) -> DetectionResult:
    """Two faces, one of them fake, and genuine sound."""
    segment = Segment(0.5, 3.25, "face", 0, 0.95)
    windows = [WindowScore(t / 4, t / 4 + 0.25, "face", t % 2, 0.0, 0.95 if t % 2 == 0 else 0.2) for t in range(24)]
    windows += [WindowScore(t, t + 2, "speech", None, 0.0, 0.3) for t in range(5)]
    values: dict[str, Any] = {
        "path": "/somewhere/clip.mp4", "status": Status.SCORED, "verdict": Verdict.FAKE, "p_fake": 0.94,
        "reason": "face 0, the most suspicious of 4 voices: P(fake) 0.940 is at or above the fake limit 0.860",
        "kind": MediaKind.VIDEO, "duration_s": 6.0, "interval": (0.9, 0.97), "coverage": 0.97,
        "band": OperatingBand("fpr1", 0.86, 0.62),
        "branches": (
            BranchResult("face", Status.SCORED, "2 faces", Verdict.FAKE, 0.94, (0.9, 0.97), 1.0, 24, "w"),
            BranchResult("speech", Status.SCORED, "4 s of speech", Verdict.REAL, 0.3, (0.2, 0.4), 1.0, 5, "w"),
        ),
        "tracks": (
            TrackResult(0, 0, 6, 12, 12, Status.SCORED, "12 of 12 scored", Verdict.FAKE, 0.94, (segment,)),
            TrackResult(1, 0, 6, 12, 12, Status.SCORED, "12 of 12 scored", Verdict.REAL, 0.2),
            TrackResult(2, 4, 5, 2, 0, Status.FACE_TOO_SMALL, "18 px wide", None, None),
        ),
        "windows": tuple(windows), "segments": (segment,), "rule": "the rule", "sha256": "ab" * 32,
        "weights": "tiny trained sha256:0123", "versions": {}, "seconds": 2.3,
    }  # fmt: skip
    return DetectionResult(**values | changes)


def scored_picture() -> DetectionResult:
    """One face, one window, uncertain."""
    return scored_video(
        path="/somewhere/face.png", verdict=Verdict.UNCERTAIN, p_fake=0.71, kind=MediaKind.IMAGE, duration_s=None,
        interval=None, segments=(), windows=(WindowScore(0.0, 0.0, "face", 0, 0.9, 0.71),),
        branches=(BranchResult("face", Status.SCORED, "1 face", Verdict.UNCERTAIN, 0.71, None, 1.0, 1, "w"),),
        tracks=(TrackResult(0, 0, 0, 1, 1, Status.SCORED, "1 of 1 scored", Verdict.UNCERTAIN, 0.71),),
    )  # fmt: skip


def abstention(path: str = "/somewhere/wall.png") -> DetectionResult:
    """No face."""
    return scored_video(
        path=path, status=Status.NO_FACE, verdict=None, p_fake=None, interval=None, band=None, tracks=(), windows=(),
        segments=(), branches=(), reason=f"{path}: no face was found in 1 frames", coverage=0.0,
    )  # fmt: skip


class FakeDetector:
    """Returns what it was given, or raises it. ``gate`` holds it up half way."""

    device, face_branch, speech_branch = "cpu", None, None

    def __init__(self, answer: DetectionResult | Exception) -> None:
        self.answer, self.bundle = answer, FakeBundle()
        self.asked: list[tuple[str, str]] = []
        self.gate: threading.Event | None = None

    def detect(
        self,
        medium: str | Path,
        *,
        threshold: str,
        progress: Callable[[float, str], None] | None = None,
        sampling: Any = None,
    ) -> DetectionResult:
        self.asked.append((str(medium), threshold))
        if self.gate is not None:
            while not self.gate.wait(0.01):
                if progress:
                    progress(0.4, "faces, 2 s")
        if progress:
            progress(0.5, "faces, 3 s")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def operating_points(self) -> dict[str, dict[str, float]]:
        return POINTS


class FakeBundle:
    """What a detector's bundle tells of itself."""

    label, sha256, path = "tiny trained sha256:0123", "ab" * 32, Path("/nowhere")
    calibrations: dict[str, Any] = {}
    landmarks: Path | None = None
    lip_sync: Path | None = None


def served(answer: DetectionResult | Exception, **limits: Any) -> tuple[Engine, FakeDetector]:
    """An engine that lends a :class:`FakeDetector`."""
    detector = FakeDetector(answer)
    return Engine(PageLimits(**limits), load=lambda name: detector), detector  # type: ignore[arg-type,return-value]
