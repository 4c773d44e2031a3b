"""The pipeline that everyone publishes, to be measured beside ours: every frame, one at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.faces import FaceDetector
from deepfake_hf.inference.branch import margins_of
from deepfake_hf.inference.conclude import Concluder, Observation
from deepfake_hf.inference.faces_pass import FacesPass
from deepfake_hf.inference.scorers import CropScorer
from deepfake_hf.models import PRESETS, build_model
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.types import DetectionResult, Frame, MediaKind


class OneByOne:
    """Scores crops in batches of one, as loops over frames do. Wraps any scorer of crops."""

    def __init__(self, scorer: CropScorer) -> None:
        self.scorer = scorer

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """As :meth:`CropScorer.score`."""
        return np.concatenate([self.scorer.score([crop]) for crop in crops]) if crops else np.zeros(0)


class RandomScorer:
    """A preset in float32 with random weights: for its time, its answers mean nothing."""

    def __init__(self, preset: str, device: torch.device) -> None:
        torch.manual_seed(0)
        self.model = build_model(preset).eval().to(device)
        constants = PRESETS[preset].processor
        self.processor = FaceImageProcessor(**constants)
        self.device = device

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """As :meth:`CropScorer.score`."""
        pixels = self.processor(list(crops), return_tensors="pt")["pixel_values"].to(self.device)
        with torch.inference_mode():
            logits = self.model(pixels).logits
        return margins_of(logits)


def every_frame(path: Path, limit: int | None = None) -> Iterator[Frame]:
    """All frames of a file, decoded at full size by OpenCV.

    Args:
        path: Of the video.
        limit: Stop after so many frames.

    Raises:
        MediaError: OpenCV can't read it.
    """
    capture = cv2.VideoCapture(str(path))
    try:
        fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
        index = 0
        while limit is None or index < limit:
            good, bgr = capture.read()
            if not good:
                break
            yield Frame(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), index / fps, index)
            index += 1
    finally:
        capture.release()
    if index == 0:
        raise MediaError(str(path), "OpenCV decodes none of its frames", "convert it again")


def naive_detect(
    path: Path, detector: FaceDetector, scorer: CropScorer, concluder: Concluder, limit: int | None = None
) -> DetectionResult:
    """Search and score every frame by itself; the faces' answer by the same rule as ours, without the sound.

    The detector reduces frames to 640 pixels as ours does: at full size it would take longer still.

    Args:
        path: Of the video.
        detector: Searches every frame.
        scorer: Scores every face.
        concluder: Makes one answer of all.
        limit: Stop after so many frames.
    """
    seen = Observation(str(path), time.perf_counter(), MediaKind.VIDEO)
    one_by_one = OneByOne(scorer)
    last_s = 0.0
    for frame in every_frame(path, limit):
        if seen.faces is None:
            seen.faces = FacesPass(detector, one_by_one, 0.04)
        seen.faces.feed(frame)
        seen.faces.flush()
        last_s = frame.pts_s
    assert seen.faces is not None
    seen.step_s = last_s / max(1, seen.faces.num_frames - 1)
    return concluder.conclude(seen, "fpr1")
