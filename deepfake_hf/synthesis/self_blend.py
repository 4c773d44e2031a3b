"""Self-blended faces: a genuine face pasted onto itself with a slight mismatch, as a fake that no generator made.

Source: Shiohara & Yamasaki 2022, "Detecting Deepfakes with Self-Blended Images" (the idea; written here from scratch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Mask = NDArray[np.float32]


@dataclass(frozen=True)
class SelfBlend:
    """A blended picture: ``rgb`` uint8 (H, W, 3) and its blending ``mask`` float32 (H, W) in [0, 1]."""

    rgb: Rgb
    mask: Mask


def _hull_points(landmarks_xy: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A polygon of the face: all points, no jaw, the inner face or the mouth; the brows lifted at random."""
    points = landmarks_xy.astype(np.float32).copy()
    lift = rng.uniform(0.0, 0.35) * (points[27:48, 1].mean() - points[17:27, 1].mean() + 1.0) * 3.0
    points[17:27, 1] -= lift
    choice = rng.choice(4, p=[0.4, 0.25, 0.25, 0.1])
    if choice == 0:
        return points
    if choice == 1:
        return points[17:]
    if choice == 2:
        inner = points[[*range(2, 15), *range(17, 27)]]
        centre = inner.mean(axis=0)
        return np.asarray(centre + (inner - centre) * rng.uniform(0.75, 1.0), dtype=np.float32)
    return points[[*range(3, 14), 31, 35]]


def face_mask(landmarks_xy: NDArray[np.float32], height: int, width: int, rng: np.random.Generator) -> Mask:
    """Draw a soft, randomly deformed mask of the face.

    Args:
        landmarks_xy: float (68, 2), iBUG order, pixels.
        height: of the picture, pixels.
        width: of the picture, pixels.
        rng: source of all randomness.

    Returns:
        float32 (height, width) in [0, 1].
    """
    hull = cv2.convexHull(_hull_points(landmarks_xy, rng)).astype(np.int32)
    mask: Any = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(mask, hull, 1.0)
    side = float(min(height, width))
    coarse = rng.normal(0.0, 1.0, (4, 4, 2)).astype(np.float32)
    flow = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * side * rng.uniform(0.0, 0.03)
    grid_x, grid_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    mask = cv2.remap(mask, grid_x + flow[..., 0], grid_y + flow[..., 1], cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        erosion = max(1, int(side * rng.uniform(0.0, 0.06)))
        mask = cv2.erode(mask, np.ones((erosion, erosion), np.uint8))
    sigma = side * rng.uniform(0.008, 0.06)
    mask = cv2.GaussianBlur(mask, (0, 0), sigma)
    top = float(mask.max())
    return np.asarray(mask / top if top > 0 else mask, dtype=np.float32)


def _mismatch(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """Change colour and sharpness a little, as a generator's output differs from its surround."""
    out: Any = rgb.astype(np.float32)
    if rng.random() < 0.8:
        out = out + rng.uniform(-14, 14, 3).astype(np.float32)
        out = (out - 128) * np.float32(rng.uniform(0.88, 1.12)) + 128 + np.float32(rng.uniform(-10, 10))
    if rng.random() < 0.3:
        hsv = cv2.cvtColor(np.clip(out, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV).astype(np.float32)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-5, 5)) % 180
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.75, 1.25), 0, 255)
        out = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    kind = rng.choice(3, p=[0.35, 0.3, 0.35])
    if kind == 0:
        small = rng.uniform(0.3, 0.8)
        height, width = out.shape[:2]
        shrunk = cv2.resize(
            out, (max(8, int(width * small)), max(8, int(height * small))), interpolation=cv2.INTER_AREA
        )
        out = cv2.resize(shrunk, (width, height), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))
    elif kind == 1:
        out = out + (out - cv2.GaussianBlur(out, (0, 0), 1.5)) * np.float32(rng.uniform(0.2, 1.0))
    return np.asarray(np.clip(out, 0, 255), dtype=np.uint8)


def self_blend(rgb: Rgb, landmarks_xy: NDArray[np.float32], rng: np.random.Generator) -> SelfBlend:
    """Blend a genuine face with a mismatched copy of itself.

    Args:
        rgb: uint8 (H, W, 3), a genuine face.
        landmarks_xy: float (68, 2), iBUG order, pixels of ``rgb``.
        rng: source of all randomness; the same state gives the same picture.

    Returns:
        The blend and its mask.
    """
    height, width = rgb.shape[:2]
    mask: Any = face_mask(landmarks_xy, height, width, rng)
    inside, outside = (_mismatch(rgb, rng), rgb) if rng.random() < 0.5 else (rgb, _mismatch(rgb, rng))
    shift = rng.uniform(-0.03, 0.03, 2) * (width, height)
    angle, scale = float(rng.uniform(-2, 2)), float(rng.uniform(0.95, 1.05))
    matrix: Any = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(inside, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mask = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR)
    mask = mask * np.float32(rng.choice([0.25, 0.5, 0.75, 1.0, 1.0, 1.0]))
    blend = moved.astype(np.float32) * mask[..., None] + outside.astype(np.float32) * (1 - mask[..., None])
    return SelfBlend(np.clip(blend, 0, 255).astype(np.uint8), np.asarray(mask, dtype=np.float32))
