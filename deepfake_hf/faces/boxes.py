"""Arithmetic on boxes: float32 (4,) or (N, 4) as left, top, right, bottom in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def area(box_xyxy: NDArray[np.float32]) -> float:
    """Square pixels of one box; 0 where it is turned inside out."""
    return max(0.0, float(box_xyxy[2] - box_xyxy[0])) * max(0.0, float(box_xyxy[3] - box_xyxy[1]))


def clip_box(box_xyxy: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """The part of a box (4,) that lies in a picture of that size."""
    limits = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(box_xyxy, 0, limits).astype(np.float32)


def intersection_over_union(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Overlap of two boxes (4,) in [0, 1]."""
    return float(iou_matrix(first[None], second[None])[0, 0])


def iou_matrix(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Overlaps of boxes (N, 4) with boxes (M, 4): float32 (N, M) in [0, 1]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])  # (N, M, 2)
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)  # (N, M)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - both
    return np.asarray(both / np.maximum(union, 1e-9), dtype=np.float32)


def suppress_overlaps(boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], max_iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression.

    Args:
        boxes_xyxy: float32 (N, 4).
        scores: float32 (N,).
        max_iou: Boxes that overlap a better one by this much go.

    Returns:
        Indices of the boxes to keep, best first; equal scores keep their order.
    """
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while order.size:
        best, order = int(order[0]), order[1:]
        keep.append(best)
        order = order[iou_matrix(boxes_xyxy[best][None], boxes_xyxy[order])[0] < max_iou]
    return np.array(keep, dtype=np.intp)
