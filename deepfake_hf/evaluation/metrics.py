"""Figures from scores and labels: scikit-learn's where it has them, ASVspoof's EER, bootstrap intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.bootstrap import ECE_BINS, bootstrap_interval, intervals, need_both_classes
from deepfake_hf.labels import FAKE, REAL

__all__ = [
    "ECE_BINS",
    "auc",
    "auc_with_abstentions",
    "bootstrap_interval",
    "equal_error_rate",
    "expected_calibration_error",
    "share_interval",
    "summary",
    "tpr_at_fpr",
]


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


def expected_calibration_error(labels: ArrayLike, p_fake: ArrayLike, bins: int = ECE_BINS, even: bool = False) -> float:
    """Mean gap of P(fake) and share of fakes over equal-width bins, weighted by size (Guo et al. 2017).

    Args:
        labels: (N,) REAL or FAKE, both present where ``even``.
        p_fake: (N,) in [0, 1].
        bins: Number of bins.
        even: Both classes weigh alike, as the calibrators are fitted. Without it a set of one genuine item to nine
            fakes shows a gap that no calibrator can close without knowing that share.
    """
    classes, scores = np.asarray(labels, float), np.asarray(p_fake, float)
    fakes = classes.mean()
    weights = np.where(classes == FAKE, 0.5 / fakes, 0.5 / (1 - fakes)) if even else np.ones_like(scores)
    place = np.minimum((scores * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(place, weights * (classes - scores) / len(scores))).sum())


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(np.asarray(labels), np.asarray(scores)))


def auc_with_abstentions(labels: ArrayLike, p_fake: ArrayLike) -> float:
    """AUC in which a medium without a score counts as wrong: genuine as 1, fake as 0.

    Args:
        labels: (N,).
        p_fake: (N,), nan where there is no score.
    """
    classes, scores = np.asarray(labels, int), np.asarray(p_fake, float)
    return auc(classes, np.where(np.isnan(scores), (classes == REAL).astype(float), scores))


def share_interval(count: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of independent items; (0, 1) where there are none.

    A bootstrap of 0 of 20 would claim exactly 0.
    """
    if n == 0:
        return 0.0, 1.0
    found = stats.binomtest(count, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def summary(
    labels: ArrayLike,
    p_fake: ArrayLike,
    groups: ArrayLike,
    operating_points: dict[str, float],
    decisions: ArrayLike | None = None,
) -> dict[str, float | int | list[float] | None]:
    """All figures of one set of scored items, each with ``…_95``, its bootstrap interval over groups.

    Args:
        labels: (N,) REAL or FAKE, both present.
        p_fake: (N,) calibrated, in [0, 1].
        groups: (N,) units for the bootstrap.
        operating_points: stored limits by name; the share of genuine and of fake items at or over each is reported.
        decisions: (N,) bool, which items are called fake at the threshold in force; None leaves accuracy, precision,
            recall, F1 and ``fpr`` out.

    Returns:
        ``precision`` is None where nothing is called fake.

    Raises:
        DataError: A class is missing, or a score is not a probability.
    """
    classes, scores = np.asarray(labels, int), np.asarray(p_fake, float)
    need_both_classes(classes)
    if not np.all((scores >= 0) & (scores <= 1)):
        raise DataError("the figures cannot be computed", "a score is not in [0, 1]", "give P(fake)")
    values: dict[str, float] = {
        "auc": auc(classes, scores),
        "eer": equal_error_rate(classes, scores),
        "ap": float(average_precision_score(classes, scores)),
        "tpr_at_fpr1": tpr_at_fpr(classes, scores, 0.01),
        "tpr_at_fpr5": tpr_at_fpr(classes, scores, 0.05),
        "log_loss": float(log_loss(classes, scores, labels=[REAL, FAKE])),
        "brier": float(brier_score_loss(classes, scores)),
        "ece": expected_calibration_error(classes, scores),
    }
    if decisions is not None:
        called = np.asarray(decisions, bool).astype(int)
        values |= {
            "accuracy": float(accuracy_score(classes, called)),
            "precision": float(precision_score(classes, called, zero_division=np.nan)),
            "recall": float(recall_score(classes, called)),
            "f1": float(f1_score(classes, called)),
            "fpr": float(called[classes == REAL].mean()),
        }
    figures: dict[str, float | int | list[float] | None] = {
        "n_real": int((classes == REAL).sum()),
        "n_fake": int((classes == FAKE).sum()),
        "n_groups": len(np.unique(np.asarray(groups))),
    }
    spread = intervals(classes, scores, groups, decisions)
    for name, value in values.items():
        figures[name] = None if math.isnan(value) else value
        figures[f"{name}_95"] = None if math.isnan(value) else list(spread[name])
    for name, limit in operating_points.items():
        figures[f"fpr_at_stored_{name}"] = float((scores[classes == REAL] >= limit).mean())
        figures[f"tpr_at_stored_{name}"] = float((scores[classes == FAKE] >= limit).mean())
    return figures
