"""Frames of another size brought to the size of the first."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fitted(rgb: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """The whole picture as large as it fits, in the middle, black beside it; the picture itself where it has that size.

    Args:
        rgb: uint8 (H, W, 3).
        size_wh: Width and height wanted, pixels.

    Returns:
        uint8 (height, width, 3).
    """
    width, height = size_wh
    if rgb.shape[:2] == (height, width):
        return rgb
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    own = max(1, min(width, round(rgb.shape[1] * scale))), max(1, min(height, round(rgb.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - own[0]) // 2, (height - own[1]) // 2
    whole = np.zeros((height, width, 3), np.uint8)
    whole[top : top + own[1], left : left + own[0]] = cv2.resize(rgb, own, interpolation=way)
    return whole
