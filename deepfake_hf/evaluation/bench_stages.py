"""Where the time goes: each stage of the detector apart, over the same clip."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.detector import default_rate
from deepfake_hf.evaluation.bench_inputs import Inputs
from deepfake_hf.evaluation.bench_timing import Row, alternate
from deepfake_hf.faces import FaceTracker, assess, crop_face
from deepfake_hf.inference.conclude import Observation
from deepfake_hf.inference.faces_pass import CROP_SIZE, FacesPass
from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.inference.speech_gate import SpeechGate
from deepfake_hf.inference.speech_pass import hear
from deepfake_hf.media import AtRate, probe, read_audio, read_frames, sha256_of
from deepfake_hf.types import AudioTrack, Frame, MediaKind


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
    asked = _asked(inputs, blocks)

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
        "classify sound": lambda: [inputs.speech.score_along(sound, spans) for sound, spans in asked],
        "aggregate": lambda: inputs.concluder.conclude(seen, "fpr1"),
    }
    seconds = alternate(contestants, inputs.rounds)
    num_windows = sum(len(spans) for _, spans in asked)
    note = f"{len(frames)} frames, {len(crops)} faces, {num_windows} windows of sound, long and short"
    return [Row("stages", f"{name} {size}", "s", tuple(values), note) for name, values in seconds.items()]


class _Recorder(SoundScorer):
    """A scorer of sound that keeps what it is given, as calls of ``score_along``."""

    def __init__(self, sampling_rate: int) -> None:
        self._rate = sampling_rate
        self.given: list[tuple[NDArray[np.float32], list[tuple[int, int]]]] = []

    @property
    def sampling_rate(self) -> int:
        return self._rate

    def score(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        return np.zeros(len(windows))

    def score_along(self, sound: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        self.given.append((sound.copy(), list(spans)))
        return np.zeros(len(spans))


def _asked(inputs: Inputs, blocks: list[AudioTrack]) -> list[tuple[NDArray[np.float32], list[tuple[int, int]]]]:
    """What the speech branch would be asked."""
    recorder = _Recorder(inputs.speech.sampling_rate)
    hear(recorder, blocks)
    return recorder.given


def _observed(inputs: Inputs, frames: list[Frame], blocks: list[AudioTrack]) -> Observation:
    """All that the passes found, ready for the conclusion."""
    seen = Observation("clip", time.perf_counter(), MediaKind.VIDEO, duration_s=inputs.clip_s)
    seen.step_s = 1.0 / default_rate(inputs.clip_s)
    seen.faces = FacesPass(inputs.detector.face_detector, inputs.face, seen.step_s)
    for frame in frames:
        seen.faces.feed(frame)
    seen.faces.finish()
    seen.speech = hear(inputs.speech, blocks)
    return seen
