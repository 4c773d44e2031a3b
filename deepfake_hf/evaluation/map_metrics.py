"""How well a heat map shows what was changed, and whether it shows anything of the model at all. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

Values = NDArray[np.float32]
Truth = NDArray[np.bool_]


def pointing_hit(values: Values, truth: Truth) -> bool:
    """The pointing game: whether the map's strongest place lies in what was changed. A flat map never hits.

    Args:
        values: float, any shape.
        truth: bool, the same shape: what was changed.

    Raises:
        UsageError: The shapes differ, or nothing was changed.

    Source: Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop" (arXiv:1608.00507), without their
    tolerance of 15 pixels.
    """
    _check(values, truth)
    return bool(values.max() > values.min() and truth.flat[int(values.argmax())])


def mask_iou(values: Values, truth: Truth) -> float:
    """Intersection over union of what was changed and as many of the map's strongest places. A flat map has 0.

    Raises:
        UsageError: As of :func:`pointing_hit`.
    """
    _check(values, truth)
    if values.max() <= values.min():
        return 0.0
    count = int(truth.sum())
    chosen = np.zeros(values.size, bool)
    chosen[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    both = int((chosen & truth.ravel()).sum())
    return both / (2 * count - both)


def _check(values: Values, truth: Truth) -> None:
    if values.shape != truth.shape or not truth.any():
        raise UsageError(
            "scoring a map", f"the map is {values.shape}, the mask {truth.shape}, {int(truth.sum())} places changed",
            "give a map and a mask of one shape, with something changed",
        )  # fmt: skip


def centre_blob(shape: tuple[int, ...]) -> Values:
    """The baseline that knows nothing: strongest in the middle, falling off evenly to all sides. float32, in [0, 1]."""
    grids = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return np.exp(-2.0 * sum(grid**2 for grid in grids)).astype(np.float32)


def ordered_masks(values: Values, num_steps: int) -> list[Truth]:
    """The strongest 1/n, 2/n, … of all places of a map: bool, of its shape, ``num_steps`` of them; the last is all."""
    rank = np.empty(values.size, int)
    rank[np.argsort(-values, axis=None, kind="stable")] = np.arange(values.size)
    return [(rank < values.size * step / num_steps).reshape(values.shape) for step in range(1, num_steps + 1)]


def curve_areas(
    rgb: NDArray[np.uint8],
    without: NDArray[np.uint8],
    values: Values,
    score: Callable[[list[NDArray[np.uint8]]], NDArray[np.float64]],
    num_steps: int = 8,
) -> tuple[float, float]:
    """Areas under the deletion and the insertion curve: P(fake) over the share of places taken away or given.

    A good map has a small deletion area (the score falls as soon as its strongest places go) and a large insertion
    area.

    Args:
        rgb: uint8 (H, W, 3).
        without: uint8 (H, W, 3), what stands where a place is taken away.
        values: float (H, W).
        score: Pictures to margins (N,).
        num_steps: Of either curve.

    Source: Petsiuk et al. 2018, RISE (arXiv:1806.07421).
    """
    masks = [np.zeros(values.shape, bool), *ordered_masks(values, num_steps)]
    deleted = [np.where(mask[..., None], without, rgb) for mask in masks]
    inserted = [np.where(mask[..., None], rgb, without) for mask in masks[1:-1]]  # the ends are those of deletion
    p_fake = 1 / (1 + np.exp(-score([*deleted, *inserted])))
    down = p_fake[: len(masks)]
    up = np.concatenate([down[-1:], p_fake[len(masks) :], down[:1]])
    shares = np.linspace(0, 1, num_steps + 1)
    return float(np.trapezoid(down, shares)), float(np.trapezoid(up, shares))


def rank_correlation(one: Values, other: Values) -> float:
    """Spearman's, over the places of two maps; 0 where one is flat."""
    from scipy.stats import rankdata

    ranks: list[Any] = [rankdata(values.ravel()[:: max(1, values.size // 4096)]) for values in (one, other)]
    if any(rank.std() == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
