"""A landmark face swap: the source's face warped triangle by triangle into the target's shape, coloured and blended in.

There is no randomness, and the triangles come from the source alone, so that a clip swapped frame by frame from one
source picture holds still. Sources: Reinhard et al. 2001, "Color Transfer between Images" (means and spreads in Lab);
Pérez et al. 2003, "Poisson Image Editing" (``blend="seamless"``, OpenCV's implementation). Written here from scratch.
"""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from deepfake_hf.errors import UsageError

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]
Mask = NDArray[np.float32]
Blend = Literal["feather", "seamless"]

NUM_LANDMARKS: Final = 68
_BLENDS: Final = ("feather", "seamless")
_FOREHEAD: Final = 0.28  # how far the brows are lifted, in distances from the brows to the nose's root and base
_MIN_FACE_PX: Final = 16.0


def swap_face(
    target_rgb: Rgb,
    target_landmarks_xy: Points,
    source_rgb: Rgb,
    source_landmarks_xy: Points,
    *,
    blend: Blend = "feather",
    softness: float = 0.06,
    colour: float = 1.0,
) -> tuple[Rgb, Mask]:
    """Put the source's face into the target picture.

    Args:
        target_rgb: uint8 (H, W, 3), the picture to change.
        target_landmarks_xy: float (68, 2), iBUG order, pixels of ``target_rgb``.
        source_rgb: uint8 (h, w, 3), the picture that gives its face.
        source_landmarks_xy: float (68, 2), iBUG order, pixels of ``source_rgb``.
        blend: ``feather`` (soft edge) or ``seamless`` (Poisson).
        softness: width of the soft edge, in face widths.
        colour: 0 keeps the source's colours, 1 takes the target's.

    Returns:
        The picture, uint8 (H, W, 3), and how much of the source each pixel got, float32 (H, W) in [0, 1].

    Raises:
        UsageError: Landmarks that are not 68 finite points, a face under 16 pixels, or an unknown blend.
    """
    if blend not in _BLENDS:
        raise UsageError(f"blend={blend!r}", "there is no such way of blending", f"use one of {', '.join(_BLENDS)}")
    target = with_forehead(_checked(target_landmarks_xy, "target"))
    source = with_forehead(_checked(source_landmarks_xy, "source"))
    height, width = target_rgb.shape[:2]
    warped, inside = _warp(source_rgb, source, target, height, width)
    face_px = float(np.ptp(target[:17, 0]))
    mask = _soft_mask(target, inside, face_px * softness)
    if float(mask.max()) == 0.0:
        return target_rgb.copy(), mask
    warped = _take_colours(warped, target_rgb, mask, colour)
    if blend == "seamless":
        cloned = _clone(warped, target_rgb, mask)
        warped = cloned if cloned is not None else warped
    mixed = target_rgb + (warped.astype(np.float32) - target_rgb) * mask[..., None]
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8), mask


def with_forehead(landmarks_xy: Points) -> Points:
    """Add ten points above the brows, away from the chin: (68, 2) -> (78, 2)."""
    brows, nose_base = landmarks_xy[17:27], landmarks_xy[31:36].mean(axis=0)
    up = (brows.mean(axis=0) - nose_base) * _FOREHEAD
    arch = np.sin(np.linspace(0.15, 0.85, 10) * np.pi)[:, None]  # lower at the temples than in the middle
    return np.concatenate([landmarks_xy, brows + up * arch]).astype(np.float32)


def _checked(landmarks_xy: Points, whose: str) -> Points:
    points = np.asarray(landmarks_xy, dtype=np.float32)
    if points.shape != (NUM_LANDMARKS, 2) or not np.isfinite(points).all():
        raise UsageError(
            f"the {whose}'s landmarks cannot be used",
            f"they have shape {points.shape} or are not finite",
            f"give {NUM_LANDMARKS} finite points (x, y) in iBUG order",
        )
    if min(np.ptp(points[:, 0]), np.ptp(points[:, 1])) < _MIN_FACE_PX:
        raise UsageError(
            f"the {whose}'s face is too small",
            f"its landmarks span less than {_MIN_FACE_PX:.0f} pixels",
            "give a larger picture of the face",
        )
    return points


def _triangles(points: Points) -> NDArray[np.int32]:
    try:
        return np.asarray(Delaunay(points).simplices, dtype=np.int32)
    except QhullError:
        raise UsageError("the landmarks cannot be used", "they lie on one line", "give landmarks of a face") from None


def _warp(
    source_rgb: Rgb, source: Points, target: Points, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The source drawn in the target's shape, and where it lies: uint8 (H, W, 3), bool (H, W)."""
    owner = np.zeros((height, width), np.int32)  # 1 + index of the triangle that covers a pixel
    triangles = _triangles(source)
    maps = np.zeros((len(triangles) + 1, 2, 3), np.float32)
    for index, corners in enumerate(triangles, start=1):
        maps[index] = cv2.getAffineTransform(target[corners], source[corners])
        cv2.fillConvexPoly(owner, np.rint(target[corners]).astype(np.int32), index)
    rows, columns = np.nonzero(owner)
    at = maps[owner[rows, columns]]  # (N, 2, 3)
    from_xy = np.full((height, width, 2), -1.0, np.float32)
    from_xy[rows, columns] = at[:, :, 0] * columns[:, None] + at[:, :, 1] * rows[:, None] + at[:, :, 2]
    warped = cv2.remap(source_rgb, from_xy[..., 0], from_xy[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8), owner > 0


def _soft_mask(target: Points, inside: NDArray[np.bool_], edge_px: float) -> Mask:
    """1 inside the face, falling to 0 before its outline, so that no pixel from outside the warp shows."""
    height, width = inside.shape
    hull = cv2.convexHull(target).astype(np.int32)
    # A margin of zeros, so that a face cut by the picture's edge stays whole there.
    margin = max(2, int(np.ceil(edge_px * 3)))
    filled = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    cv2.fillConvexPoly(filled, hull + margin, 1)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, 5)[margin:-margin, margin:-margin]
    ramp = np.clip((depth - 1.0) / max(2.0 * edge_px, 1.0), 0.0, 1.0)
    return np.asarray(ramp * ramp * (3.0 - 2.0 * ramp) * inside, dtype=np.float32)


def _take_colours(warped: Rgb, target_rgb: Rgb, mask: Mask, share: float) -> Rgb:
    """Move the warped face's Lab means and spreads to those of the target's face."""
    if share <= 0:
        return warped
    face = mask > 0.5
    if int(face.sum()) < 16:
        return warped
    lab = cv2.cvtColor(warped.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    goal = cv2.cvtColor(target_rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[face]
    mean, spread = lab[face].mean(axis=0), lab[face].std(axis=0) + 1e-3
    gain = np.clip((goal.std(axis=0) + 1e-3) / spread, 0.6, 1.6)
    moved = ((lab - mean) * gain + goal.mean(axis=0)).astype(np.float32)
    coloured = cv2.cvtColor(lab + (moved - lab) * np.float32(share), cv2.COLOR_LAB2RGB) * 255
    return np.asarray(np.clip(np.rint(coloured), 0, 255), dtype=np.uint8)


def _clone(warped: Rgb, target_rgb: Rgb, mask: Mask) -> Rgb | None:
    """OpenCV's Poisson blend; None where the face reaches the picture's edge, which it can't do."""
    region = (mask > 0.05).astype(np.uint8) * 255
    left, top, width, height = cv2.boundingRect(region)
    if left < 1 or top < 1 or left + width >= mask.shape[1] or top + height >= mask.shape[0]:
        return None
    centre = (left + width // 2, top + height // 2)
    return np.asarray(cv2.seamlessClone(warped, target_rgb, region, centre, cv2.NORMAL_CLONE), dtype=np.uint8)
