"""Expressions apart from heads: a face's points as its pose times a shape, and one face's shape moved by another's.

Shapes are in a frame of their own: the middle of the points that no expression moves is 0, the outer corners of the
eyes are 1 apart, and the eyes are level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.faces.alignment import similarity_transform

Points = NDArray[np.float32]

STABLE: Final = (0, 16, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45)  # ends of the jaw, nose, corners of the eyes
_RESTING_SHARE: Final = 0.25  # of a clip's frames, those with the mouth most closed: their mean is the resting face

# How far each point follows the other's expression: mouth, chin, brows and lids; not nose, temples and eye corners.
WEIGHTS: Final[Points] = np.zeros(68, np.float32)
WEIGHTS[48:68] = 1.0
WEIGHTS[3:14] = (0.15, 0.4, 0.7, 0.9, 1.0, 1.0, 1.0, 0.9, 0.7, 0.4, 0.15)
WEIGHTS[17:27] = 0.6
WEIGHTS[[37, 38, 40, 41, 43, 44, 46, 47]] = 0.6


@dataclass(frozen=True)
class Expressions:
    """A face's expressions: ``resting`` float32 (68, 2), its shape at rest; ``shapes`` (N, 68, 2) by frame, NaN where
    the face is not there."""

    resting: Points
    shapes: Points

    def motion(self, index: int) -> Points | None:
        """What the expression of one frame adds to the resting face, (68, 2), or None where there is no face."""
        if index >= len(self.shapes) or np.isnan(self.shapes[index, 0, 0]):
            return None
        return np.asarray(self.shapes[index] - self.resting, np.float32)


def expressions_of(landmarks_xy: Points) -> Expressions:
    """Take the pose out of a clip's points.

    Args:
        landmarks_xy: float32 (N, 68, 2), pixels, NaN where the face is not there; at least one frame has it. Of a
            single picture (N = 1) the face as it is counts as resting.
    """
    there = np.flatnonzero(~np.isnan(landmarks_xy[:, 0, 0]))
    upright = np.stack([_upright(landmarks_xy[index]) for index in there])
    mean = np.median(upright, axis=0).astype(np.float32)
    shapes = np.full(landmarks_xy.shape, np.nan, np.float32)
    for index in there:
        shapes[index] = to_shape(landmarks_xy[index], mean)
    opening = np.array([mouth_opening(shapes[index]) for index in there])
    closed = there[np.argsort(opening, kind="stable")[: max(1, round(_RESTING_SHARE * len(there)))]]
    return Expressions(np.asarray(shapes[closed].mean(axis=0), np.float32), shapes)


def mouth_opening(points: Points) -> float:
    """Distance of the inner lips, in distances of the outer corners of the eyes."""
    gap = np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1).mean()
    return float(gap / np.linalg.norm(points[36] - points[45]))


def to_shape(landmarks_xy: Points, model: Points) -> Points:
    """Points (68, 2) in pixels, moved onto a shape by what no expression moves."""
    matrix = similarity_transform(landmarks_xy[list(STABLE)], model[list(STABLE)])
    return np.asarray(landmarks_xy @ matrix[:, :2].T + matrix[:, 2], np.float32)


def with_motion(landmarks_xy: Points, resting: Points, motion: Points, strength: float = 1.0) -> Points:
    """One frame's points with another expression.

    Args:
        landmarks_xy: float32 (68, 2), pixels of the frame.
        resting: float32 (68, 2), this face's resting shape.
        motion: float32 (68, 2), what the other face's expression adds to its own resting shape.
        strength: Factor of the motion.

    Returns:
        float32 (68, 2), pixels: the head where it was, the expression the other's.
    """
    matrix = similarity_transform(resting[list(STABLE)], landmarks_xy[list(STABLE)])
    posed = (resting + np.float32(strength) * motion) @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(landmarks_xy + WEIGHTS[:, None] * (posed - landmarks_xy), np.float32)


def _upright(landmarks_xy: Points) -> Points:
    """The points with the eyes level and their outer corners 1 apart, in the frame of their stable points."""
    across = landmarks_xy[45] - landmarks_xy[36]
    length = max(float(np.hypot(*across)), 1e-6)
    cosine, sine = across / length
    turned = (landmarks_xy - landmarks_xy[list(STABLE)].mean(axis=0)) @ np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(turned / length, np.float32)
