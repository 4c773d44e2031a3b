"""Is one model better than another on the same media? DeLong's test and a paired bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.bootstrap import WeightedFigures, draws, need_both_classes
from deepfake_hf.labels import FAKE

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DeLong:
    """AUC of both, their difference (first less second), its standard error and the two-sided p-value."""

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    p_value: float


def delong(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> DeLong:
    """DeLong's test for two correlated AUCs over independent items: give one score a video, not its frames.

    Args:
        labels: (N,) REAL or FAKE, at least two of each.
        scores_a: (N,) of the first model.
        scores_b: (N,) of the second, of the same items in the same order.

    Raises:
        DataError: Fewer than two items of a class.

    Source: DeLong et al. 1988; midranks as in Sun and Xu 2014.
    """
    fake = np.asarray(labels) == FAKE
    need_both_classes(labels)
    m, n = int(fake.sum()), int((~fake).sum())
    if min(m, n) < 2:
        raise DataError("DeLong's test cannot be made", f"there are {n} genuine and {m} fake items", "give 2 of each")
    places_fake, places_real, aucs = [], [], []
    for given in (scores_a, scores_b):
        scores = np.asarray(given, float)
        joint = stats.rankdata(scores)
        # For each fake the share of genuine items below it (ties half), for each genuine the share of fakes above.
        above = (joint[fake] - stats.rankdata(scores[fake])) / n
        below = 1.0 - (joint[~fake] - stats.rankdata(scores[~fake])) / m
        places_fake.append(above)
        places_real.append(below)
        aucs.append(float(above.mean()))
    covariance = np.cov(places_fake) / m + np.cov(places_real) / n
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = aucs[0] - aucs[1]
    error = float(np.sqrt(max(variance, 0.0)))
    if error == 0.0:
        p_value = 1.0 if difference == 0.0 else 0.0
    else:
        p_value = float(2 * stats.norm.sf(abs(difference) / error))
    return DeLong(aucs[0], aucs[1], difference, error, p_value)


def paired_bootstrap(
    labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, groups: ArrayLike, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Differences of figures between two models, drawing the same videos for both.

    Args:
        labels: (N,).
        scores_a: (N,) P(fake) of the first model.
        scores_b: (N,) of the second.
        groups: (N,) unit that is drawn.
        seed: of the draws.

    Returns:
        For each figure ``a``, ``b``, ``difference`` (a less b), ``low`` and ``high`` of its 95 % interval, and ``p``,
        twice the smaller share of draws on either side of zero (never below 2 / (draws + 1)).
    """
    need_both_classes(labels)
    first, second = WeightedFigures(labels, scores_a), WeightedFigures(labels, scores_b)
    whole_a, whole_b = first.of(), second.of()
    gaps: dict[str, list[float]] = {name: [] for name in whole_a}
    for weights in draws(labels, groups, seed=seed):
        a, b = first.of(weights), second.of(weights)
        for name, values in gaps.items():
            values.append(a[name] - b[name])
    table = {}
    for name, values in gaps.items():
        drawn = np.array(values)
        low, high = np.quantile(drawn, [0.025, 0.975])
        side = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
        table[name] = {
            "a": whole_a[name],
            "b": whole_b[name],
            "difference": whole_a[name] - whole_b[name],
            "low": float(low),
            "high": float(high),
            "p": min(1.0, 2 * (side + 1) / (len(drawn) + 1)),
        }
    return table
