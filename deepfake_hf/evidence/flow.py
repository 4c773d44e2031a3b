"""Does a face move with the head that it sits on: optical flow of the face against a ring about it."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evidence.measures import Measure, Reading
from deepfake_hf.faces import Framing, crop_face

GAP: Final = Measure("flow_gap", "motion of the face against the head about it", "% of the face's width per frame", 2)
FLICKER: Final = Measure("flow_flicker", "change that motion does not explain, face against surround", "dB")
MIN_PAIRS: Final = 20
MAX_STEP_S: Final = 0.11
SIDE_PX: Final = 128
_WIDE: Final = Framing(left=0.35, top=0.2, right=0.35, bottom=0.15, square=True)
_MAX_PAIRS: Final = 4000
Rgb = NDArray[np.uint8]


class FaceFlow:
    """Gathers one face's motion frame by frame; keeps one small picture and at most ``_MAX_PAIRS`` pairs of numbers.

    Flow is Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search" (OpenCV's), on crops of both frames by
    one box, so that the crop does not move. The face is the hull of brows, eyes and nose, the ring what lies 1.1 to
    1.6 times as far out as the hull of all 68 points, above the chin.
    """

    def __init__(self) -> None:
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._before: tuple[float, Rgb] | None = None
        self._pairs: list[tuple[float, float]] = []

    def add(self, rgb: Rgb, box_xyxy: NDArray[np.float32], landmarks_xy: NDArray[np.float32], pts_s: float) -> None:
        """Take the next upright frame uint8 (H, W, 3) with the face's box (4,) and points (68, 2), pixels."""
        if len(self._pairs) >= _MAX_PAIRS:
            return
        before, self._before = self._before, (pts_s, rgb)
        if before is None or pts_s - before[0] > MAX_STEP_S or before[1].shape != rgb.shape:
            return
        region = _WIDE.apply(box_xyxy)
        scale = SIDE_PX / (region[2:] - region[:2])
        points = ((landmarks_xy - region[:2]) * scale).astype(np.float32)
        first, second = (
            cv2.cvtColor(crop_face(picture, box_xyxy, SIDE_PX, _WIDE), cv2.COLOR_RGB2GRAY)
            for picture in (before[1], rgb)
        )
        face, ring = face_and_ring(points, SIDE_PX)
        if face.sum() < 100 or ring.sum() < 100:
            return
        flow = np.asarray(self._dis.calc(second, first, None), np.float32)  # where each pixel was before
        apart = flow[face].mean(axis=0) - flow[ring].mean(axis=0)
        width = float(np.ptp(points[:17, 0]))
        y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
        explained = cv2.remap(
            first, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        rest = (second.astype(np.float64) - explained) ** 2
        flicker = 10 * float(np.log10((rest[face].mean() + 0.1) / (rest[ring].mean() + 0.1)))
        self._pairs.append((100 * float(np.linalg.norm(apart)) / max(width, 1.0), flicker))

    def readings(self, who: str) -> list[Reading] | str:
        """The readings, or why there are none."""
        if len(self._pairs) < MIN_PAIRS:
            return (
                f"{who} has {len(self._pairs)} pairs of frames at most {MAX_STEP_S:.2f} s apart, {MIN_PAIRS} are needed"
            )
        gaps, flickers = np.array(self._pairs).T
        return [Reading(GAP, float(np.median(gaps)), who), Reading(FLICKER, float(np.median(flickers)), who)]


def face_and_ring(points: NDArray[np.float32], side: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two bool (side, side): the upper face, which speech moves little, and a ring about the face above the chin.

    Args:
        points: float32 (68, 2), pixels of the crop.
        side: Of the crop, pixels.
    """
    hull: Any = cv2.convexHull(points.astype(np.float32))[:, 0]
    centre = hull.mean(axis=0)
    masks = []
    for outline in (points[17:48], centre + (hull - centre) * 1.1, centre + (hull - centre) * 1.6):
        mask: Any = np.zeros((side, side), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(outline.astype(np.float32)).astype(np.int32), 1)
        masks.append(mask > 0)
    above = np.arange(side)[:, None] < float(points[48:, 1].mean())
    return masks[0], masks[2] & ~masks[1] & above
