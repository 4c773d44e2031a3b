"""Self-blended faces: a genuine face pasted onto itself with a slight mismatch, as a fake that no generator made.

Everything that is drawn stands in :class:`SelfBlendSettings`, in shares of the face's region, so that one set goes
through a clip and the blend moves with the face.

Source: Shiohara & Yamasaki 2022, "Detecting Deepfakes with Self-Blended Images" (the idea; written here from scratch).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.synthesis.mismatch import MismatchSettings, draw_mismatch, mismatch

Rgb = NDArray[np.uint8]
Mask = NDArray[np.float32]
Region = tuple[slice, slice]

_MARGIN: Final = 0.38  # of a face's region in a larger picture, in the larger extent of its points
_MOUTH: Final = 3
_FADE: Final = 0.06  # where a region ends inside the picture the mask falls to 0, in sides of the region


@dataclass(frozen=True)
class SelfBlend:
    """A blended picture: ``rgb`` uint8 (H, W, 3) and its blending ``mask`` float32 (H, W) in [0, 1]."""

    rgb: Rgb
    mask: Mask


@dataclass(frozen=True)
class MaskSettings:
    """A mask's shape: ``hull`` 0 all points, 1 without the jaw, 2 the inner face, 3 the mouth; ``lift`` of the brows,
    ``shrink`` of hull 2; ``flow`` (4, 4, 2) the deformation; ``erosion`` and ``blur`` in sides of the region."""

    lift: float
    hull: int
    shrink: float
    flow: NDArray[np.float32]
    erosion: float
    blur: float


@dataclass(frozen=True)
class SelfBlendSettings:
    """What one blend is made with.

    ``changes_inside`` says whether the pasted face or its surround gets the ``change``; the pasted face is moved by
    ``shift`` (sides of the region), ``angle_deg`` and ``scale``; ``ratio`` is its weight at most; ``elastic`` (5, 5, 2)
    first deforms it smoothly (sides of the region), as a face that is made to move differs from the one filmed.
    """

    mask: MaskSettings
    changes_inside: bool
    change: MismatchSettings
    shift: tuple[float, float]
    angle_deg: float
    scale: float
    ratio: float
    elastic: NDArray[np.float32] | None = None


def draw_self_blend(rng: np.random.Generator, elastic: float = 0.0) -> SelfBlendSettings:
    """Draw all that a blend needs; ``elastic`` is the share of blends whose pasted face is deformed, in half of them
    without any other change, and more often the mouth alone."""
    mask = draw_mask(rng)
    inside = bool(rng.random() < 0.5)
    change = draw_mismatch(rng)
    shift = rng.uniform(-0.03, 0.03, 2)
    angle, scale = float(rng.uniform(-2, 2)), float(rng.uniform(0.95, 1.05))
    ratio = float(rng.choice([0.25, 0.5, 0.75, 1.0, 1.0, 1.0]))
    drawn = SelfBlendSettings(mask, inside, change, (float(shift[0]), float(shift[1])), angle, scale, ratio)
    if not elastic or rng.random() >= elastic:
        return drawn
    flow = rng.normal(0.0, 1.0, (5, 5, 2)).astype(np.float32) * np.float32(rng.uniform(0.005, 0.022))
    drawn = replace(drawn, elastic=flow, ratio=1.0)
    if rng.random() < 0.3:
        drawn = replace(drawn, mask=replace(mask, hull=_MOUTH))
    if rng.random() < 0.5:
        return replace(drawn, change=MismatchSettings(), shift=(0.0, 0.0), angle_deg=0.0, scale=1.0)
    return drawn


def draw_mask(rng: np.random.Generator) -> MaskSettings:
    """Draw a mask's shape."""
    lift = float(rng.uniform(0.0, 0.35))
    hull = int(rng.choice(4, p=[0.4, 0.25, 0.25, 0.1]))
    shrink = float(rng.uniform(0.75, 1.0)) if hull == 2 else 1.0
    coarse = rng.normal(0.0, 1.0, (4, 4, 2)).astype(np.float32)
    flow = coarse * np.float32(rng.uniform(0.0, 0.03))
    erosion = float(rng.uniform(0.0, 0.06)) if rng.random() < 0.5 else 0.0
    return MaskSettings(lift, hull, shrink, flow, erosion, float(rng.uniform(0.008, 0.06)))


def _hull_points(landmarks_xy: NDArray[np.float32], settings: MaskSettings) -> NDArray[np.float32]:
    """A polygon of the face, the brows lifted."""
    points = landmarks_xy.astype(np.float32).copy()
    points[17:27, 1] -= settings.lift * (points[27:48, 1].mean() - points[17:27, 1].mean() + 1.0) * 3.0
    if settings.hull == 0:
        return points
    if settings.hull == 1:
        return points[17:]
    if settings.hull == 2:
        inner = points[[*range(2, 15), *range(17, 27)]]
        centre = inner.mean(axis=0)
        return np.asarray(centre + (inner - centre) * settings.shrink, dtype=np.float32)
    return points[[*range(3, 14), 31, 35]]


def face_mask(landmarks_xy: NDArray[np.float32], height: int, width: int, settings: MaskSettings) -> Mask:
    """A soft, deformed mask of the face.

    Args:
        landmarks_xy: float (68, 2), iBUG order, pixels.
        height: of the picture, pixels.
        width: of the picture, pixels.
        settings: its shape.

    Returns:
        float32 (height, width) in [0, 1].
    """
    hull = cv2.convexHull(_hull_points(landmarks_xy, settings)).astype(np.int32)
    mask: Any = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(mask, hull, 1.0)
    side = float(min(height, width))
    mask = _deformed(mask, settings.flow, cv2.INTER_LINEAR)
    erosion = int(side * settings.erosion)
    if erosion > 1:
        mask = cv2.erode(mask, np.ones((erosion, erosion), np.uint8))
    mask = cv2.GaussianBlur(mask, (0, 0), side * settings.blur)
    top = float(mask.max())
    return np.asarray(mask / top if top > 0 else mask, dtype=np.float32)


def blend_with_itself(
    rgb: Rgb, landmarks_xy: NDArray[np.float32], settings: SelfBlendSettings, region: Region | None = None
) -> SelfBlend:
    """Blend a genuine face with a mismatched copy of itself.

    Args:
        rgb: uint8 (H, W, 3).
        landmarks_xy: float (68, 2), iBUG order, pixels of ``rgb``.
        settings: drawn by :func:`draw_self_blend`.
        region: rows and columns about the face in a larger picture, as of :func:`region_about`; None: all of it.

    Returns:
        The blend and its mask. Where the surround is changed, it is so to the picture's very edges.
    """
    region = region or (slice(0, rgb.shape[0]), slice(0, rgb.shape[1]))
    face = rgb[region]
    height, width = face.shape[:2]
    points = landmarks_xy - np.array([region[1].start, region[0].start], np.float32)
    mask: Any = face_mask(points, height, width, settings.mask)
    side = min(height, width)
    inside = mismatch(face, settings.change, side) if settings.changes_inside else face
    outside = rgb.copy() if settings.changes_inside else mismatch(rgb, settings.change, side)
    if settings.elastic is not None:
        inside = np.asarray(_deformed(inside, settings.elastic, cv2.INTER_CUBIC), np.uint8)
    matrix: Any = cv2.getRotationMatrix2D((width / 2, height / 2), settings.angle_deg, settings.scale)
    matrix[:, 2] += np.array(settings.shift) * (width, height)
    moved = cv2.warpAffine(inside, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mask = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR) * np.float32(settings.ratio)
    mask = mask * _fade(region, *rgb.shape[:2])
    blend = moved.astype(np.float32) * mask[..., None] + outside[region].astype(np.float32) * (1 - mask[..., None])
    outside[region] = np.clip(blend, 0, 255).astype(np.uint8)
    whole = np.zeros(rgb.shape[:2], np.float32)
    whole[region] = mask
    return SelfBlend(outside, whole)


def _deformed(picture: Any, flow: NDArray[np.float32], interpolation: int) -> Any:
    """A picture (H, W) or (H, W, 3) moved by a coarse ``flow`` (h, w, 2), in its shorter sides."""
    height, width = picture.shape[:2]
    fine = cv2.resize(flow, (width, height), interpolation=cv2.INTER_CUBIC) * min(height, width)
    grid_x, grid_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    border = cv2.BORDER_REFLECT if picture.ndim == 3 else cv2.BORDER_CONSTANT
    return cv2.remap(picture, grid_x + fine[..., 0], grid_y + fine[..., 1], interpolation, borderMode=border)


def self_blend(
    rgb: Rgb, landmarks_xy: NDArray[np.float32], rng: np.random.Generator, elastic: float = 0.0
) -> SelfBlend:
    """Blend a tight face crop with itself at random: the same state of ``rng`` gives the same picture.

    Arguments and answer as of :func:`draw_self_blend` and :func:`blend_with_itself`.
    """
    return blend_with_itself(rgb, landmarks_xy, draw_self_blend(rng, elastic))


def region_about(landmarks_xy: NDArray[np.float32], height: int, width: int) -> Region:
    """The square about a face that its blend is made in, cut off at the picture's edges; it holds 8 pixels or more."""
    low, high = landmarks_xy.min(axis=0), landmarks_xy.max(axis=0)
    middle, half = (low + high) / 2, float((high - low).max()) * (0.5 + _MARGIN)
    left, top = (int(np.clip(value - half, 0, limit - 8)) for value, limit in zip(middle, (width, height), strict=True))
    right = int(np.clip(middle[0] + half, left + 8, max(width, left + 8)))
    bottom = int(np.clip(middle[1] + half, top + 8, max(height, top + 8)))
    return slice(top, bottom), slice(left, right)


def _fade(region: Region, height: int, width: int) -> NDArray[np.float32]:
    """1, falling to 0 at those sides of a region that are not the picture's own: float32 (h, w)."""
    ramps = []
    for part, limit in zip(region, (height, width), strict=True):
        count = part.stop - part.start
        length, steps = max(1.0, _FADE * count), np.arange(count, dtype=np.float32)
        ramp = np.ones(count, np.float32)
        if part.start > 0:
            ramp = np.minimum(ramp, steps / length)
        if part.stop < limit:
            ramp = np.minimum(ramp, steps[::-1] / length)
        ramps.append(ramp)
    return np.minimum.outer(*ramps).astype(np.float32)
