"""What a score is worth in use: risk against coverage, and how often the word fake is right at a prevalence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.evaluation.metrics import share_interval
from deepfake_hf.labels import FAKE, REAL

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RiskCoverage:
    """``coverage`` (K,) rising shares of all media, ``risk`` (K,) the share of wrong verdicts among those answered.

    ``area`` is the mean risk over the answered media, the surest first (AURC).
    """

    coverage: Floats
    risk: Floats
    area: float


def risk_coverage(labels: ArrayLike, margins: ArrayLike, limits: ArrayLike) -> RiskCoverage:
    """Answer the surest media first: how many verdicts are wrong?

    Args:
        labels: (N,).
        margins: (N,) logit of P(fake); nan for media without a score, which are never answered.
        limits: (N,) margin at and over which each is called fake; the distance from it is how sure the verdict is.

    Source: El-Yaniv and Wiener 2010; Geifman et al. 2019.
    """
    values, lines = np.asarray(margins, float), np.asarray(limits, float)
    answered = np.flatnonzero(~np.isnan(values))
    sure = np.abs(values - lines)[answered]
    wrong = ((values >= lines) != (np.asarray(labels) == FAKE))[answered]
    order = np.argsort(-sure, kind="stable")
    count = np.arange(1, len(order) + 1)
    running = np.cumsum(wrong[order]) / count
    # Equally sure media are answered together.
    ends = np.flatnonzero(np.append(np.diff(sure[order]) != 0, True))
    return RiskCoverage(count[ends] / len(values), running[ends], float(running.mean()))


def predictive_value(tpr: float, fpr: float, prevalence: float) -> float | None:
    """Share of fakes among what is called fake; None where nothing is."""
    called = tpr * prevalence + fpr * (1 - prevalence)
    return tpr * prevalence / called if called else None


def predictive_values(
    labels: ArrayLike, called: Mapping[str, ArrayLike], prevalence: float
) -> dict[str, dict[str, float | int | list[float] | None]]:
    """Positive predictive value of each operating point where a share ``prevalence`` of media are fakes.

    Args:
        labels: (N,), of independent items (videos).
        called: By operating point bool (N,), called fake.
        prevalence: In (0, 1).

    Returns:
        By point ``tpr``, ``fpr``, ``ppv`` and ``ppv_95``: at both shares' worst and best ends of Wilson's 95 %
        intervals, so that no false alarm among a few genuine items is not read as none at all.

    Raises:
        UsageError: The prevalence is no share.
    """
    if not 0 < prevalence < 1:
        raise UsageError(f"--prevalence {prevalence:g}", "it is not between 0 and 1", "write 0.01 for one in a hundred")
    classes = np.asarray(labels)
    table: dict[str, dict[str, float | int | list[float] | None]] = {}
    for name, given in called.items():
        calls = np.asarray(given, bool)
        hits, alarms = int(calls[classes == FAKE].sum()), int(calls[classes == REAL].sum())
        n_fake, n_real = int((classes == FAKE).sum()), int((classes == REAL).sum())
        tpr, fpr = share_interval(hits, n_fake), share_interval(alarms, n_real)
        table[name] = {
            "tpr": hits / n_fake if n_fake else None,
            "tpr_95": list(tpr),
            "fpr": alarms / n_real if n_real else None,
            "fpr_95": list(fpr),
            "ppv": predictive_value(hits / n_fake, alarms / n_real, prevalence) if n_fake and n_real else None,
            "ppv_95": [
                predictive_value(tpr[0], fpr[1], prevalence) or 0.0,
                predictive_value(tpr[1], fpr[0], prevalence) or 1.0,
            ],
        }
    return table
