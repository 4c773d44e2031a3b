"""Intervals by drawing whole videos: every figure of a draw from one sorting, so that a thousand draws take seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL

BOOTSTRAP_ROUNDS = 1000
ECE_BINS = 15
Floats = NDArray[np.float64]
Metric = Callable[[NDArray[np.int64], Floats], float]


class WeightedFigures:
    """Figures of items that count with weights, for resampling: what scikit-learn's ``sample_weight`` gives.

    Args:
        labels: (N,) REAL or FAKE.
        p_fake: (N,) in [0, 1], or any score where only the ranking figures are read.
        decisions: (N,) bool, called fake; None leaves out what follows from decisions.
    """

    def __init__(self, labels: ArrayLike, p_fake: ArrayLike, decisions: ArrayLike | None = None) -> None:
        scores = np.asarray(p_fake, float)
        order = np.argsort(-scores, kind="stable")
        self._order, self._scores = order, scores[order]
        self._fake = np.asarray(labels)[order] == FAKE
        self._called = None if decisions is None else np.asarray(decisions, bool)[order]
        # The last place of each run of equal scores: a threshold cannot fall inside a run.
        self._ends = np.flatnonzero(np.append(np.diff(self._scores) != 0, True))
        clipped = np.clip(self._scores, 1e-15, 1 - 1e-15)
        self._surprise = -np.where(self._fake, np.log(clipped), np.log1p(-clipped))
        self._bins = np.clip((self._scores * ECE_BINS).astype(int), 0, ECE_BINS - 1)

    def of(self, weights: ArrayLike | None = None) -> dict[str, float]:
        """The ranking figures, ``brier``, ``log_loss``, ``ece`` and those of the decisions.

        Args:
            weights: (N,) >= 0; None for one each. Both classes need weight.

        Returns:
            nan for a precision without a call.
        """
        w = np.ones(len(self._order)) if weights is None else np.asarray(weights, float)[self._order]
        fakes, reals = w * self._fake, w * ~self._fake
        found, alarms = np.cumsum(fakes)[self._ends], np.cumsum(reals)[self._ends]
        tpr, fpr = np.append(0.0, found / found[-1]), np.append(0.0, alarms / alarms[-1])
        nearest = int(np.argmin(np.abs(fpr - (1 - tpr))))
        flagged = found + alarms
        precision = np.divide(found, flagged, out=np.ones_like(found), where=flagged > 0)
        total = float(w.sum())
        mass = np.bincount(self._bins, w, ECE_BINS)
        gap = np.bincount(self._bins, fakes, ECE_BINS) - np.bincount(self._bins, w * self._scores, ECE_BINS)
        figures = {
            "auc": float(np.trapezoid(tpr, fpr)),
            "eer": float((fpr[nearest] + 1 - tpr[nearest]) / 2),
            "ap": float(np.sum(np.diff(tpr) * precision)),
            "tpr_at_fpr1": float(tpr[fpr <= 0.01].max()),
            "tpr_at_fpr5": float(tpr[fpr <= 0.05].max()),
            "log_loss": float(w @ self._surprise / total),
            "brier": float(w @ (self._scores - self._fake) ** 2 / total),
            "ece": float(np.abs(gap[mass > 0]).sum() / total),
        }
        if self._called is not None:
            hits, wrong = float(fakes @ self._called), float(reals @ self._called)
            recall = hits / float(found[-1])
            figures |= {
                "accuracy": (hits + float(reals @ ~self._called)) / total,
                "precision": hits / (hits + wrong) if hits + wrong else float("nan"),
                "recall": recall,
                "f1": 2 * hits / (hits + wrong + float(found[-1])),
                "fpr": wrong / float(alarms[-1]),
            }
        return figures


def draws(labels: ArrayLike, groups: ArrayLike, rounds: int = BOOTSTRAP_ROUNDS, seed: int = 0) -> Iterator[Floats]:
    """Weights (N,) of ``rounds`` draws of whole groups with replacement; a draw without both classes is left out."""
    fake = np.asarray(labels) == FAKE
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        counts = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)).astype(float)
        weights: Floats = counts[place]
        if weights[fake].any() and weights[~fake].any():
            yield weights


def intervals(
    labels: ArrayLike, p_fake: ArrayLike, groups: ArrayLike, decisions: ArrayLike | None = None, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of every figure of :class:`WeightedFigures`, drawing whole groups (videos).

    Raises:
        DataError: A class is missing, or fewer than two groups.
    """
    need_both_classes(labels)
    figures = WeightedFigures(labels, p_fake, decisions)
    found = [figures.of(weights) for weights in draws(labels, groups, seed=seed)]
    if len(found) < 2:
        raise DataError("no interval can be drawn", "there is one video only", "add videos")
    limits = {}
    for name in found[0]:
        values = np.array([figure[name] for figure in found])
        low, high = np.nanquantile(values, [0.025, 0.975]) if not np.isnan(values).all() else (np.nan, np.nan)
        limits[name] = (float(low), float(high))
    return limits


def bootstrap_interval(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, metric: Metric, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of any one figure, drawing whole groups (videos, speakers) with replacement.

    Args:
        labels: (N,).
        scores: (N,).
        groups: (N,) the unit that is drawn.
        metric: of (labels, scores).
        seed: of the draws.
    """
    classes, values = np.asarray(labels), np.asarray(scores, float)
    found = []
    for weights in draws(classes, groups, seed=seed):
        drawn = np.repeat(np.arange(len(classes)), weights.astype(int))
        found.append(metric(classes[drawn], values[drawn]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def grouped_share_interval(values: ArrayLike, groups: ArrayLike, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of a share, drawing whole groups (videos, speakers) with replacement.

    Where all values are alike every draw is, and the bootstrap knows nothing; then it is the exact binomial interval
    (Clopper & Pearson 1934) of as many trials as there are groups.

    Args:
        values: bool (N,), at least one.
        groups: (N,) the unit that is drawn.
        seed: of the draws.
    """
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    hits, sizes = np.bincount(place, weights=np.asarray(values, float)), np.bincount(place)  # (num_groups,) each
    if hits.sum() in (0, sizes.sum()):
        edge = 0.025 ** (1 / len(sizes))
        return (0.0, 1 - edge) if hits.sum() == 0 else (edge, 1.0)
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(0, len(sizes), len(sizes)) for _ in range(BOOTSTRAP_ROUNDS)]
    low, high = np.quantile([hits[rows].sum() / sizes[rows].sum() for rows in drawn], [0.025, 0.975])
    return float(low), float(high)


def need_both_classes(labels: ArrayLike) -> None:
    """Raises: DataError: A class is missing."""
    if set(np.unique(np.asarray(labels, int))) != {REAL, FAKE}:
        raise DataError("the figures cannot be computed", "both classes are needed", "add items of the missing class")
