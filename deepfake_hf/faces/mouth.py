"""The mouth of a face, framed as the lip-sync net has learned it, and how far the face is turned away."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MOUTH_WIDTHS: Final = 0.75  # side of a mouth crop in widths of the face


def crop_mouth(
    rgb: NDArray[np.uint8], centre_xy: tuple[float, float], face_width_px: float, side: int
) -> NDArray[np.uint8]:
    """A square around a mouth; beyond the picture its border is repeated.

    Args:
        rgb: uint8 (H, W, 3).
        centre_xy: Between the corners of the mouth, pixels.
        face_width_px: One for a whole clip: a size that trembles would look like speech.
        side: Of the crop, pixels.

    Returns:
        uint8 (side, side, 3).
    """
    scale = side / (face_width_px * MOUTH_WIDTHS)
    x, y = centre_xy
    matrix = np.array([[scale, 0, side / 2 - scale * x], [0, scale, side / 2 - scale * y]], np.float32)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    crop = cv2.warpAffine(rgb, matrix, (side, side), flags=way, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def turned_by(landmarks5_xy: NDArray[np.float32]) -> float:
    """How far the tip of the nose lies from the middle of the eyes, along the line between them.

    Args:
        landmarks5_xy: float32 (5, 2), eyes, tip of the nose, corners of the mouth.

    Returns:
        In distances of the eyes: 0 from the front, 0.5 where the nose is above an eye, more in profile.
    """
    left, right, nose = landmarks5_xy[:3].astype(np.float64)
    line = right - left
    along = float((nose - left) @ line) / max(float(line @ line), 1e-6)
    return abs(along - 0.5)
