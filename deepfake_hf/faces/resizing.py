"""How a picture is brought to a detector's size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fit_within(rgb: NDArray[np.uint8], max_side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Reduce a picture, never enlarge it.

    Args:
        rgb: uint8 (H, W, 3).
        max_side: Greatest allowed side, pixels.

    Returns:
        The picture, and float32 (2,): what x and y in it are to be multiplied by to give source pixels.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    back = np.array([width / size[0], height / size[1]], dtype=np.float32)
    if scale == 1.0:
        return rgb, back
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False), back


def pad_to(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Add black at the right and below, so that places in the picture stay what they are."""
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: rgb.shape[0], : rgb.shape[1]] = rgb
    return canvas
