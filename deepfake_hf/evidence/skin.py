"""Which pixels of a face crop are skin of the face, and which are skin about it."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_PIXELS: Final = 400  # of 224 x 224
_CHROMA_REACH: Final = 18.0  # levels of Cb and Cr about the face's own median
_LUMA_REACH: Final = (0.35, 1.9)  # times the face's median luma
_NOT_SKIN: Final = ((36, 42), (42, 48), (48, 60), (17, 22), (22, 27))  # eyes, lips, brows


def skin_masks(
    crop: NDArray[np.uint8], landmarks_xy: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Skin inside the 68 points, and skin-coloured pixels outside them (forehead, temples, neck, ears).

    Args:
        crop: uint8 (S, S, 3), a tight crop of one face.
        landmarks_xy: float32 (68, 2), iBUG order, pixels of the crop.

    Returns:
        Two bool (S, S), or None where either has fewer than ``MIN_PIXELS`` pixels (at S = 224).
    """
    side = crop.shape[0]
    hull: Any = cv2.convexHull(landmarks_xy[:27].astype(np.float32))[:, 0]
    centre = hull.mean(axis=0)
    inner, outer = (_filled([centre + (hull - centre) * scale], side) for scale in (0.9, 1.04))
    parts = _filled([landmarks_xy[first:last] for first, last in _NOT_SKIN], side)
    reach = max(3, side // 28)
    parts = cv2.dilate(parts.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    luma, red, blue = (plane.astype(np.float32) for plane in cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb)))
    lit = (luma > 20) & (luma < 245)
    face = inner & ~parts & lit
    least = MIN_PIXELS * (side / 224) ** 2
    if face.sum() < least:
        return None
    middle = [float(np.median(plane[face])) for plane in (luma, red, blue)]
    alike = (np.abs(red - middle[1]) < _CHROMA_REACH) & (np.abs(blue - middle[2]) < _CHROMA_REACH)
    alike &= (luma > _LUMA_REACH[0] * middle[0]) & (luma < _LUMA_REACH[1] * middle[0])
    opened = cv2.morphologyEx((alike & ~outer & lit).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    return (face & alike, opened) if opened.sum() >= least else None


def _filled(outlines: list[NDArray[np.float32]], side: int) -> NDArray[np.bool_]:
    """The insides of convex outlines: bool (side, side)."""
    mask: Any = np.zeros((side, side), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(mask, cv2.convexHull(outline.astype(np.float32)).astype(np.int32), 1)
    return np.asarray(mask > 0)
