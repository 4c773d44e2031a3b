"""Warping a picture triangle by triangle from one set of points to another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from deepfake_hf.errors import UsageError

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]


def triangles_of(points: Points) -> NDArray[np.int32]:
    """Delaunay triangles of points (N, 2): int32 (M, 3) of indices.

    Raises:
        UsageError: The points lie on one line.
    """
    try:
        return np.asarray(Delaunay(points).simplices, dtype=np.int32)
    except QhullError:
        raise UsageError("the landmarks cannot be used", "they lie on one line", "give landmarks of a face") from None


def triangle_map(
    source: Points, target: Points, triangles: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where each pixel of the warped picture comes from.

    Args:
        source: float32 (N, 2), points of the picture to warp.
        target: float32 (N, 2), where they are to lie.
        triangles: int32 (M, 3), indices of points; later ones lie on top.
        height: of the warped picture, pixels.
        width: of the warped picture, pixels.

    Returns:
        float32 (height, width, 2), places (x, y) in the source, -1 outside all triangles; and bool (height, width),
        whether a pixel is inside one.
    """
    owner = np.zeros((height, width), np.int32)  # 1 + index of the triangle that covers a pixel
    maps = np.zeros((len(triangles) + 1, 2, 3), np.float32)
    for index, corners in enumerate(triangles, start=1):
        maps[index] = cv2.getAffineTransform(target[corners], source[corners])
        cv2.fillConvexPoly(owner, np.rint(target[corners]).astype(np.int32), index)
    rows, columns = np.nonzero(owner)
    at = maps[owner[rows, columns]]  # (N, 2, 3)
    from_xy = np.full((height, width, 2), -1.0, np.float32)
    from_xy[rows, columns] = at[:, :, 0] * columns[:, None] + at[:, :, 1] * rows[:, None] + at[:, :, 2]
    return from_xy, owner > 0


def warp_triangles(
    source_rgb: Rgb, source: Points, target: Points, triangles: NDArray[np.int32], height: int, width: int
) -> tuple[Rgb, NDArray[np.bool_]]:
    """Draw the source in the target's shape; arguments as in :func:`triangle_map`.

    Returns:
        uint8 (height, width, 3), and bool (height, width), where it lies.
    """
    from_xy, inside = triangle_map(source, target, triangles, height, width)
    warped = cv2.remap(source_rgb, from_xy[..., 0], from_xy[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8), inside
