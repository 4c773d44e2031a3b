"""Figures from scores and labels: scikit-learn's where it has them, ASVspoof's EER, bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL

ECE_BINS = 15
BOOTSTRAP_ROUNDS = 1000
Metric = Callable[[NDArray[np.int64], NDArray[np.float64]], float]


def equal_error_rate(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean of false rejection and false acceptance at the threshold where they are nearest (ASVspoof).

    Args:
        labels: (N,) REAL or FAKE.
        scores: (N,), higher = fake.
    """
    false_alarms, hits, _ = roc_curve(np.asarray(labels), np.asarray(scores), drop_intermediate=False)
    misses = 1 - hits
    nearest = int(np.argmin(np.abs(false_alarms - misses)))
    return float((false_alarms[nearest] + misses[nearest]) / 2)


def tpr_at_fpr(labels: ArrayLike, scores: ArrayLike, fpr: float) -> float:
    """Share of fakes found at the lowest threshold whose share of false alarms is at most ``fpr``."""
    false_alarms, hits, _ = roc_curve(np.asarray(labels), np.asarray(scores), drop_intermediate=False)
    return float(hits[false_alarms <= fpr].max())


def expected_calibration_error(labels: ArrayLike, p_fake: ArrayLike, bins: int = ECE_BINS) -> float:
    """Mean gap of P(fake) and share of fakes over equal-width bins, weighted by size (Guo et al. 2017)."""
    classes, scores = np.asarray(labels, float), np.asarray(p_fake, float)
    place = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [abs(classes[place == b].mean() - scores[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(np.sum(gaps))


def bootstrap_interval(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, metric: Metric, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval, drawing whole groups (videos, speakers) with replacement.

    Args:
        labels: (N,).
        scores: (N,).
        groups: (N,) the unit that is drawn.
        metric: of (labels, scores).
        seed: of the draws.
    """
    classes, values, units = np.asarray(labels), np.asarray(scores, float), np.asarray(groups)
    _, place = np.unique(units, return_inverse=True)
    members = [np.flatnonzero(place == unit) for unit in range(place.max() + 1)]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        if len(np.unique(classes[drawn])) == 2:
            found.append(metric(classes[drawn], values[drawn]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(np.asarray(labels), np.asarray(scores)))


def summary(
    labels: ArrayLike, p_fake: ArrayLike, groups: ArrayLike, operating_points: dict[str, float]
) -> dict[str, float | int | list[float]]:
    """All figures of one set of scored items.

    Args:
        labels: (N,) REAL or FAKE, both present.
        p_fake: (N,) calibrated, in [0, 1].
        groups: (N,) units for the bootstrap.
        operating_points: stored limits by name; the share of genuine and of fake items at or over each is reported.

    Raises:
        DataError: A class is missing.
    """
    classes, scores = np.asarray(labels, int), np.asarray(p_fake, float)
    if set(np.unique(classes)) != {REAL, FAKE}:
        raise DataError("the figures cannot be computed", "both classes are needed", "add items of the missing class")
    figures: dict[str, float | int | list[float]] = {
        "n_real": int((classes == REAL).sum()),
        "n_fake": int((classes == FAKE).sum()),
        "auc": auc(classes, scores),
        "auc_95": list(bootstrap_interval(classes, scores, groups, auc)),
        "eer": equal_error_rate(classes, scores),
        "eer_95": list(bootstrap_interval(classes, scores, groups, equal_error_rate)),
        "ap": float(average_precision_score(classes, scores)),
        "tpr_at_fpr1": tpr_at_fpr(classes, scores, 0.01),
        "tpr_at_fpr5": tpr_at_fpr(classes, scores, 0.05),
        "log_loss": float(log_loss(classes, scores, labels=[REAL, FAKE])),
        "brier": float(brier_score_loss(classes, scores)),
        "ece": expected_calibration_error(classes, scores),
    }
    for name, limit in operating_points.items():
        figures[f"fpr_at_stored_{name}"] = float((scores[classes == REAL] >= limit).mean())
        figures[f"tpr_at_stored_{name}"] = float((scores[classes == FAKE] >= limit).mean())
    return figures
