"""A face warped into another clip's expression: the mouth, chin, brows and lids move as the other's, the head does not.

Triangles that are fixed for the whole clip carry the picture from where its points are to where the expression puts
them. A mouth that opens farther than the picture shows is filled with the inside of the other's mouth at that moment,
in the light of this face. The idea is that of landmark-driven reenactment, such as Averbuch-Elor et al. 2017, "Bringing
Portraits to Life" (warps and a borrowed mouth); written here from scratch.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.synthesis.expression import Expressions, mouth_opening, with_motion
from deepfake_hf.synthesis.face_swap import checked_landmarks, face_region, mix, with_forehead
from deepfake_hf.synthesis.piecewise_affine import triangle_map, triangles_of

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]
Mask = NDArray[np.float32]

INNER_LIPS: Final = tuple(range(60, 68))
LIPS: Final = tuple(range(48, 60))
_RING: Final = 1.35  # where the warp ends: the outline of the face, this much larger about its middle
_OPENED: Final = 0.06  # how far the lips of the face that gives the triangles are apart, in eye distances
_TOLD: Final = 1.25  # a mouth that opens by more than this over what the picture shows …
_LEAST_OPENING: Final = 0.025  # … and wider than this is filled
_SOFT_LIP: Final = 0.012  # edge of the filling, in eye distances
_FULL_PX: Final = 1.0  # a pixel that moves this far counts wholly in the mask


class Reenactment:
    """Moves one face.

    Args:
        own: The face's expressions; its resting shape gives the triangles.
        strength: Factor of the other's motion.
    """

    def __init__(self, own: Expressions, strength: float = 1.0) -> None:
        self.own = own
        self.strength = strength
        opened = own.resting.copy()
        opened[[61, 62, 63], 1] -= _OPENED
        opened[[65, 66, 67], 1] += _OPENED
        self._triangles = triangles_of(_with_ring(opened))

    def change(
        self, rgb: Rgb, landmarks_xy: Points, motion: Points, other_rgb: Rgb, other_landmarks_xy: Points
    ) -> tuple[Rgb, Mask]:
        """Give one picture the other face's expression.

        Args:
            rgb: uint8 (H, W, 3).
            landmarks_xy: float32 (68, 2), iBUG order, pixels of ``rgb``.
            motion: float32 (68, 2), from the other's :meth:`~deepfake_hf.synthesis.expression.Expressions.motion`.
            other_rgb: uint8 (h, w, 3), the other's picture at this moment.
            other_landmarks_xy: float32 (68, 2), pixels of ``other_rgb``.

        Returns:
            The picture, uint8 (H, W, 3), and where it was changed, float32 (H, W) in [0, 1].

        Raises:
            UsageError: Landmarks that are not those of a face.
        """
        points = checked_landmarks(landmarks_xy, "picture")
        goal = with_motion(points, self.own.resting, motion, self.strength)
        source, target = _with_ring(points), _with_ring(points, goal)
        out, whole_mask = rgb.copy(), np.zeros(rgb.shape[:2], np.float32)
        region = face_region(target, rgb.shape[0], rgb.shape[1], margin=0.02)
        height, width = rgb[region].shape[:2]
        if not height or not width:
            return out, whole_mask
        corner = np.array([region[1].start, region[0].start], np.float32)
        from_xy, inside = triangle_map(source, target - corner, self._triangles, height, width)
        here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32) + corner
        moved = np.where(inside[..., None], from_xy - here, 0).astype(np.float32)
        eyes_px = float(np.linalg.norm(points[36] - points[45]))
        # rounds the folds between triangles
        moved = np.asarray(cv2.GaussianBlur(moved, (0, 0), max(0.3, 0.008 * eyes_px)), np.float32)
        place = here + moved
        warped = np.asarray(
            cv2.remap(rgb, place[..., 0], place[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        mask = np.clip(np.linalg.norm(moved, axis=2) / _FULL_PX, 0, 1).astype(np.float32)
        if mouth_opening(goal) > max(_LEAST_OPENING, _TOLD * mouth_opening(points)):
            filling, weight = _mouth(warped, goal - corner, other_rgb, other_landmarks_xy, eyes_px)
            warped, mask = mix(warped, filling, weight), np.maximum(mask, weight)
        out[region], whole_mask[region] = warped, mask
        return out, whole_mask


def _with_ring(points: Points, moved: Points | None = None) -> Points:
    """68 points, ten on the forehead and a ring that stays: (68, 2) -> (N, 2). The ring is that of ``points``."""
    outline = with_forehead(points)[[*range(17), *range(77, 67, -1)]]  # round the face, once
    middle = outline.mean(axis=0)
    ring = middle + (outline - middle) * _RING
    inner = with_forehead(points)
    if moved is not None:
        inner = np.concatenate([moved, inner[68:]])
    return np.concatenate([inner, ring]).astype(np.float32)


def _mouth(warped: Rgb, goal: Points, other_rgb: Rgb, other: Points, eyes_px: float) -> tuple[Rgb, Mask]:
    """The other's mouth between the lips of this face: uint8 (H, W, 3) and its weight float32 (H, W)."""
    height, width = warped.shape[:2]
    inner = list(INNER_LIPS)
    polygon = np.zeros((height, width), np.float32)
    cv2.fillPoly(polygon, [np.rint(goal[inner]).astype(np.int32)], 1.0)
    weight = cv2.GaussianBlur(polygon, (0, 0), max(0.5, _SOFT_LIP * eyes_px)) * polygon
    lips = list(range(48, 68))
    from_xy, inside = triangle_map(other[lips], goal[lips], triangles_of(goal[lips]), height, width)
    filling = cv2.remap(other_rgb, from_xy[..., 0], from_xy[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    ring = np.zeros((height, width), np.uint8)
    cv2.fillPoly(ring, [np.rint(goal[list(LIPS)]).astype(np.int32)], 1)
    lip = (ring > 0) & (polygon == 0) & inside
    gain = np.ones(3, np.float32)
    if int(lip.sum()) >= 16:  # the light on the lips, which both pictures show
        gain = np.clip((warped[lip].mean(axis=0) + 1) / (filling[lip].mean(axis=0) + 1), 0.5, 1.6).astype(np.float32)
        gain = np.full(3, gain.mean(), np.float32) * 0.5 + gain * 0.5  # half of the tint: teeth are not as red as lips
    return np.asarray(np.clip(filling * gain, 0, 255), np.uint8), np.asarray(np.clip(weight * inside, 0, 1), np.float32)
