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

from deepfake_hf.errors import UsageError
from deepfake_hf.synthesis.piecewise_affine import triangles_of, warp_triangles

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
    target = with_forehead(checked_landmarks(target_landmarks_xy, "target"))
    source = with_forehead(checked_landmarks(source_landmarks_xy, "source"))
    rgb, whole_mask = target_rgb.copy(), np.zeros(target_rgb.shape[:2], np.float32)
    region = face_region(target, *target_rgb.shape[:2])  # the rest of a large picture costs nothing
    part = target_rgb[region]
    if not part.size:
        return rgb, whole_mask
    target = target - np.array([region[1].start, region[0].start], np.float32)
    warped, inside = warp_triangles(source_rgb, source, target, triangles_of(source), *part.shape[:2])
    mask = soft_face_mask(target, part.shape[0], part.shape[1], softness) * inside
    if float(mask.max()) > 0.0:
        warped = _take_colours(warped, part, mask, colour)
        if blend == "seamless":
            cloned = _clone(warped, part, mask)
            warped = cloned if cloned is not None else warped
        rgb[region], whole_mask[region] = mix(part, warped, mask), mask
    return rgb, whole_mask


def mix(under: Rgb, over: Rgb, mask: Mask) -> Rgb:
    """``over`` laid on ``under``, both uint8 (H, W, 3), as much as ``mask`` float32 (H, W) says."""
    mixed = under + (over.astype(np.float32) - under) * mask[..., None]
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)


def face_region(points: Points, height: int, width: int, margin: float = 0.1) -> tuple[slice, slice]:
    """Rows and columns of a picture that hold points (N, 2), with a margin in their larger extent; maybe empty."""
    low, high = points.min(axis=0), points.max(axis=0)
    edge = margin * float((high - low).max()) + 4
    left, top = (int(np.floor(value)) for value in np.clip(low - edge, 0, (width, height)))
    right, bottom = (int(np.ceil(value)) for value in np.clip(high + edge, 0, (width, height)))
    return slice(top, bottom), slice(left, right)


def with_forehead(landmarks_xy: Points) -> Points:
    """Add ten points above the brows, away from the chin: (68, 2) -> (78, 2)."""
    brows, nose_base = landmarks_xy[17:27], landmarks_xy[31:36].mean(axis=0)
    up = (brows.mean(axis=0) - nose_base) * _FOREHEAD
    arch = np.sin(np.linspace(0.15, 0.85, 10) * np.pi)[:, None]  # lower at the temples than in the middle
    return np.concatenate([landmarks_xy, brows + up * arch]).astype(np.float32)


def checked_landmarks(landmarks_xy: Points, whose: str) -> Points:
    """The points as float32.

    Raises:
        UsageError: They are not 68 finite points of a face of at least 16 pixels.
    """
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


def soft_face_mask(points: Points, height: int, width: int, softness: float) -> Mask:
    """1 inside the outline of points (N, 2), falling to 0 before it: float32 (height, width).

    ``softness`` is the width of the fall in widths of the jaw, the first 17 points.
    """
    edge_px = float(np.ptp(points[:17, 0])) * softness
    hull = cv2.convexHull(points).astype(np.int32)
    # A margin of zeros, so that a face cut by the picture's edge stays whole there.
    margin = max(2, int(np.ceil(edge_px * 3)))
    filled = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    cv2.fillConvexPoly(filled, hull + margin, 1)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, 5)[margin:-margin, margin:-margin]
    ramp = np.clip((depth - 1.0) / max(2.0 * edge_px, 1.0), 0.0, 1.0)
    return np.asarray(ramp * ramp * (3.0 - 2.0 * ramp), dtype=np.float32)


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
