"""MediaPipe's face detector as an alternative backend (an extra: ``pip install deepfake-hf[mediapipe]``)."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.faces.alignment import Framing
from deepfake_hf.faces.boxes import area, clip_box
from deepfake_hf.faces.detection import check_picture
from deepfake_hf.faces.model_files import fetch_once, given_file
from deepfake_hf.faces.resizing import fit_within
from deepfake_hf.types import Face

MODEL_URL: Final = (
    "https://storage.googleapis.com/mediapipe-models/face_detector/blaze_face_short_range/float16/1/"
    "blaze_face_short_range.tflite"
)

# Boxes have one meaning in this library, CenterFace's, so that one framing serves all detectors. BlazeFace's boxes are
# square and begin lower. In CenterFace boxes of 230 frames of seven people they reach from -0.064 to 1.087 across and
# from 0.137 to 1.011 down (means): this turns the one into the other.
_TO_CENTERFACE: Final = Framing(left=-0.066, top=0.157, right=-0.066, bottom=-0.013)


class MediaPipeFaceDetector:
    """BlazeFace through the Tasks API.

    The short-range model sees faces up to two metres from the camera and no small ones; it gives no corners of the
    mouth, so ``landmarks5_xy`` is None.

    Args:
        model_path: A ``.tflite`` of the Tasks API; None fetches ``blaze_face_short_range`` once from its home.
        score_threshold: Least confidence in [0, 1].
        max_side: Pixels; larger pictures are reduced.

    Raises:
        MissingDependencyError: The package or the model is not there.

    Source: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (1907.05047).
    """

    name = "mediapipe"

    def __init__(self, model_path: str | Path | None = None, score_threshold: float = 0.5, max_side: int = 640) -> None:
        try:
            self._mediapipe: Any = importlib.import_module("mediapipe")
            tasks: Any = importlib.import_module("mediapipe.tasks.python")
            vision: Any = importlib.import_module("mediapipe.tasks.python.vision")
        except ImportError as error:
            raise MissingDependencyError(
                "the face detector mediapipe cannot be loaded",
                f"its package does not import ({error})",
                "run pip install 'deepfake-hf[mediapipe]', or use the detector centerface",
            ) from error
        path = fetch_once(MODEL_URL, self.name) if model_path is None else given_file(model_path, self.name)
        self.max_side = max_side
        options = vision.FaceDetectorOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=path.read_bytes()),
            min_detection_confidence=score_threshold,
        )
        try:
            self._detector = vision.FaceDetector.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise MissingDependencyError(
                f"{path} cannot be used", f"MediaPipe refuses it ({error})", f"use the file of {MODEL_URL}"
            ) from error
        self._lock = threading.Lock()

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """As :meth:`FaceDetector.detect`; ``landmarks5_xy`` is None."""
        check_picture(rgb)
        small, back = fit_within(rgb, self.max_side)
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(small))
        with self._lock:
            answer = self._detector.detect(image)
        faces = []
        for found in answer.detections:
            place = found.bounding_box
            corner = np.array([place.origin_x, place.origin_y], dtype=np.float32)
            size = np.array([place.width, place.height], dtype=np.float32)
            own_box = np.concatenate([corner, corner + size]) * np.tile(back, 2)
            box = clip_box(_TO_CENTERFACE.apply(own_box), *rgb.shape[:2])
            if area(box) > 0:
                faces.append(Face(box, min(1.0, float(found.categories[0].score))))
        return sorted(faces, key=lambda face: -area(face.box_xyxy))
