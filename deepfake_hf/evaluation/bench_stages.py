"""Where the time goes: each stage of the detector apart, over the same clip."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from deepfake_hf.detector import default_rate
from deepfake_hf.evaluation.bench_inputs import Inputs
from deepfake_hf.evaluation.bench_timing import Row, alternate
from deepfake_hf.faces import FaceTracker, assess, crop_face
from deepfake_hf.inference.conclude import Observation
from deepfake_hf.inference.faces_pass import CROP_SIZE, FacesPass
from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.inference.speech_gate import SpeechGate
from deepfake_hf.inference.speech_pass import SpeechPass
from deepfake_hf.media import AtRate, probe, read_audio, read_frames, sha256_of
from deepfake_hf.types import MediaKind


def stages(inputs: Inputs, size: str) -> list[Row]:
    """Seconds that each stage takes for one clip of this size, alone and warm."""
    path, detector = inputs.clip(size), inputs.detector
    sampling = AtRate(default_rate(inputs.clip_s))
    frames = list(read_frames(path, sampling))
    faces = [detector.face_detector.detect(frame.rgb) for frame in frames]
    boxed = [(frame, face) for frame, found in zip(frames, faces, strict=True) for face in found[:1]]
    crops = [crop_face(frame.rgb, face.box_xyxy, CROP_SIZE) for frame, face in boxed]
    scorer = detector.face_branch
    assert scorer is not None
    blocks = list(read_audio(path, inputs.speech.sampling_rate))
    seen = _observed(inputs, frames, blocks)
    windows = _windows(inputs, blocks)

    def track() -> None:
        tracker = FaceTracker()
        for frame, found in zip(frames, faces, strict=True):
            tracker.update(frame.rgb, frame.pts_s, found)

    def crop() -> None:
        for frame, face in boxed:
            assess(crop_face(frame.rgb, face.box_xyxy, CROP_SIZE), face.box_xyxy)

    def gate() -> None:
        speech = SpeechGate()
        for block in blocks:
            speech.feed(block.waveform)

    contestants: dict[str, Callable[[], Any]] = {
        "probe and hash": lambda: (probe(path), sha256_of(path)),
        "decode": lambda: sum(1 for _ in read_frames(path, sampling)),
        "floor: decode, one frame to RGB": lambda: sum(1 for _ in read_frames(path, AtRate(1e-3))),
        "detect": lambda: [detector.face_detector.detect(frame.rgb) for frame in frames],
        "track": track,
        "crop and gate": crop,
        "classify faces": lambda: scorer.score(crops),
        "decode sound": lambda: sum(1 for _ in read_audio(path, inputs.speech.sampling_rate)),
        "speech gate": gate,
        "classify sound": lambda: inputs.speech.score(windows),
        "aggregate": lambda: inputs.concluder.conclude(seen, "fpr1"),
    }
    seconds = alternate(contestants, inputs.rounds)
    note = f"{len(frames)} frames, {len(crops)} faces, {len(windows)} windows of sound"
    return [Row("stages", f"{name} {size}", "s", tuple(values), note) for name, values in seconds.items()]


class _Silent(SoundScorer):
    """A scorer of sound that keeps what it is given."""

    def __init__(self, sampling_rate: int) -> None:
        self._rate = sampling_rate
        self.given: list[Any] = []

    @property
    def sampling_rate(self) -> int:
        return self._rate

    def score(self, windows: Any) -> Any:
        self.given += [np.asarray(window) for window in windows]
        return np.zeros(len(windows))


def _windows(inputs: Inputs, blocks: list[Any]) -> list[Any]:
    """The windows of sound that the speech branch would score."""
    silent = _Silent(inputs.speech.sampling_rate)
    speech = SpeechPass(silent)
    for block in blocks:
        speech.feed(block)
    speech.finish()
    return silent.given


def _observed(inputs: Inputs, frames: list[Any], blocks: list[Any]) -> Observation:
    """All that the passes found, ready for the conclusion."""
    seen = Observation("clip", time.perf_counter(), MediaKind.VIDEO, duration_s=inputs.clip_s)
    seen.step_s = 1.0 / default_rate(inputs.clip_s)
    seen.faces = FacesPass(inputs.detector.face_detector, inputs.face, seen.step_s)
    for frame in frames:
        seen.faces.feed(frame)
    seen.faces.finish()
    seen.speech = SpeechPass(inputs.speech)
    for block in blocks:
        seen.speech.feed(block)
    seen.speech.finish()
    return seen
