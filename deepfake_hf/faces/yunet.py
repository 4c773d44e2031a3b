"""YuNet, OpenCV's own face detector, as an alternative backend."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.faces.boxes import area, clip_box
from deepfake_hf.faces.detection import check_picture
from deepfake_hf.faces.model_files import given_file
from deepfake_hf.faces.resizing import fit_within, pad_to
from deepfake_hf.types import Face

REPOSITORY: Final = "opencv/face_detection_yunet"
MODEL_FILE: Final = "face_detection_yunet_2023mar.onnx"
_SIDE: Final = 640  # the side that is written in the model file; OpenCV 5 takes no other


class YuNet:
    """``cv2.FaceDetectorYN`` on the picture in the corner of a 640 x 640 canvas.

    It learnt from WIDER FACE as CenterFace did, so its boxes are taken to mean the same; that was not measured.

    Args:
        model_path: ``face_detection_yunet_*.onnx``; None takes it from the Hub (``opencv/face_detection_yunet``).
        score_threshold: Least confidence in [0, 1].
        max_side: Pixels, 640 at most; larger pictures are reduced.

    Raises:
        MissingDependencyError: The model is not there, or cannot be loaded.

    Source: Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20.
    """

    name = "yunet"

    def __init__(self, model_path: str | Path | None = None, score_threshold: float = 0.5, max_side: int = 640) -> None:
        self.model_path = _hub_file() if model_path is None else given_file(model_path, self.name)
        self.max_side = min(max_side, _SIDE)
        try:
            self._detector = cv2.FaceDetectorYN.create(
                str(self.model_path), "", (_SIDE, _SIDE), score_threshold, 0.3, 500
            )
        except cv2.error as error:
            raise MissingDependencyError(
                f"{self.model_path} cannot be used",
                f"OpenCV refuses it ({str(error).strip()})",
                f"use {MODEL_FILE} of huggingface.co/{REPOSITORY}",
            ) from error
        self._lock = threading.Lock()

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """As :meth:`FaceDetector.detect`; every face has ``landmarks5_xy``."""
        check_picture(rgb)
        small, back = fit_within(rgb, self.max_side)
        canvas = pad_to(small, _SIDE, _SIDE)
        with self._lock:
            _, rows = self._detector.detect(np.ascontiguousarray(canvas[..., ::-1]))  # BGR
        faces = []
        # (N, 15): left, top, width, height; the person's right eye, left eye, nose, right and left mouth corner; score
        for row in np.empty((0, 15), np.float32) if rows is None else np.asarray(rows, dtype=np.float32):
            corners = np.concatenate([row[:2], row[:2] + row[2:4]])
            box = clip_box(corners * np.tile(back, 2), *rgb.shape[:2])
            if area(box) > 0:
                # the person's right is the viewer's left, so the order is ours already
                faces.append(Face(box, min(1.0, float(row[14])), row[4:14].reshape(5, 2) * back))
        return sorted(faces, key=lambda face: -area(face.box_xyxy))


def _hub_file() -> Path:
    mend = f"fetch {MODEL_FILE} from huggingface.co/{REPOSITORY} and give its path as model_path"
    try:
        hub: Any = importlib.import_module("huggingface_hub")
        return Path(hub.hf_hub_download(REPOSITORY, MODEL_FILE))
    except Exception as error:  # offline, no such host, no space: the Hub raises many kinds
        what = "the face detector yunet cannot be loaded"
        raise MissingDependencyError(what, f"its model file could not be fetched ({error})", mend) from error
