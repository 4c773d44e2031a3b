"""Platt scaling of a margin, and the null distribution of genuine media for corrected operating points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL

NUM_KNOTS = 41
MAX_MARGIN = 36.0  # beyond, a float64 probability is 0 or 1


def sigmoid(margin: float) -> float:
    """P(fake) of a calibrated margin (a logit), without overflow."""
    return float(0.5 * (1.0 + np.tanh(0.5 * margin)))


def margin_of(p_fake: ArrayLike) -> NDArray[np.float64]:
    """The margins (logits) of probabilities, within ±36, where float64 ends; nan stays nan."""
    p = np.clip(np.asarray(p_fake, float), 1e-16, 1 - 1e-16)
    margins: NDArray[np.float64] = np.clip(np.log(p) - np.log1p(-p), -MAX_MARGIN, MAX_MARGIN)
    return margins


def fit_platt(margins: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Fit ``P(fake) = sigmoid(scale * margin + bias)`` with both classes weighted alike.

    Args:
        margins: (N,) raw logit_fake.
        labels: (N,) of REAL and FAKE.

    Returns:
        ``{"scale": a, "bias": b}``.

    Raises:
        DataError: A class is missing, or the margins point the wrong way (scale not above 0).

    Source: Platt 1999.
    """
    return _fit_logistic(margins, labels, intercept=True)


def fit_temperature(margins: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Fit ``P(fake) = sigmoid(margin / T)`` with both classes weighted alike; as :func:`fit_platt` else.

    Returns:
        ``{"scale": 1 / T, "bias": 0.0}``.

    Source: Guo et al. 2017.
    """
    return _fit_logistic(margins, labels, intercept=False)


def need_both(labels: ArrayLike) -> NDArray[np.int64]:
    """The labels as an array. Raises: DataError: A class is missing."""
    classes = np.asarray(labels, int)
    if set(np.unique(classes)) != {REAL, FAKE}:
        raise DataError("the calibrator cannot be fitted", "it needs both classes", "add the missing class")
    return classes


def wrong_way(slope: float) -> DataError:
    """What is wrong with a calibrator that would turn answers round."""
    return DataError(
        "the calibrator cannot be fitted",
        f"higher margins belong to genuine media (scale {slope:.3f})",
        "check the labels: 0 is real and 1 is fake",
    )


def _fit_logistic(margins: ArrayLike, labels: ArrayLike, intercept: bool) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression  # takes a second, and only fitting needs it

    classes = need_both(labels)
    model = LogisticRegression(C=1e6, class_weight="balanced", fit_intercept=intercept)
    model.fit(np.asarray(margins, float)[:, None], classes)
    scale, bias = float(model.coef_[0, 0]), float(model.intercept_[0]) if intercept else 0.0
    if scale <= 0:
        raise wrong_way(scale)
    return {"scale": scale, "bias": bias}


@dataclass(frozen=True)
class NullDistribution:
    """How calibrated margins of genuine media are distributed: their upper tail as knots.

    ``margins`` float (K,), rising; ``log_tail`` float (K,), falling: log P(genuine margin >= margin). Between the
    knots log-linear; beyond the last an exponential tail of the last knots' slope, never steeper than measured.
    """

    margins: NDArray[np.float64]
    log_tail: NDArray[np.float64]
    num_samples: int

    @classmethod
    def fit(cls, margins: ArrayLike) -> NullDistribution:
        """Args: margins: (N,) calibrated margins of genuine media, N >= 50."""
        values = np.sort(np.asarray(margins, float))
        if len(values) < 50:
            raise DataError(
                "operating points cannot be fitted",
                f"only {len(values)} genuine items were given and a 5 % limit needs 50",
                "add genuine media to the part set aside",
            )
        # The topmost 0.5 % are left to the extrapolation: single genuine items would decide it otherwise.
        tails = np.geomspace(1.0, max(0.005, 5 / len(values)), NUM_KNOTS)
        knots = np.quantile(values, 1 - tails, method="higher")
        knots = np.maximum.accumulate(knots + np.arange(NUM_KNOTS) * 1e-9)
        return cls(knots, np.log(tails), len(values))

    def mapped(self, calibrator: Callable[[ArrayLike], NDArray[np.float64]], bends: ArrayLike) -> NullDistribution:
        """The distribution after a rising map of the margins: each tail stays with the medium that it belongs to.

        Args:
            calibrator: From margins (N,) to margins (N,).
            bends: Where the map bends; they become knots.
        """
        inside = [bend for bend in np.asarray(bends, float) if self.margins[0] < bend < self.margins[-1]]
        margins = np.unique(np.concatenate((self.margins, inside)))
        tails = np.interp(margins, self.margins, self.log_tail)
        return NullDistribution(calibrator(margins), tails, self.num_samples)

    def _end_slope(self) -> float:
        """Fall of log tail per unit of margin beyond the last knot, from the tail's last tenth to its end."""
        start = min(int(np.searchsorted(-self.log_tail, -np.log(0.10))), len(self.log_tail) - 2)
        rise = self.margins[-1] - self.margins[start]
        return float((self.log_tail[-1] - self.log_tail[start]) / max(rise, 1e-6))

    def tail(self, margin: float) -> float:
        """P(a genuine medium reaches this margin), in (0, 1]."""
        if margin <= self.margins[0]:
            return 1.0
        if margin > self.margins[-1]:
            return float(np.exp(self.log_tail[-1] + self._end_slope() * (margin - self.margins[-1])))
        return float(np.exp(np.interp(margin, self.margins, self.log_tail)))

    def margin_at(self, tail: float) -> float:
        """The margin that a share ``tail`` of genuine media reaches: the inverse of :meth:`tail`."""
        log_tail = float(np.log(min(max(tail, 1e-300), 1.0)))
        if log_tail < self.log_tail[-1]:
            return float(self.margins[-1] + (log_tail - self.log_tail[-1]) / self._end_slope())
        return float(np.interp(-log_tail, -self.log_tail, self.margins))

    def corrected(self, margin: float, num_voices: int) -> float:
        """The margin that is as rare for one genuine voice as this one is for the highest of ``num_voices``.

        Šidák's correction: the highest of K genuine scores passes a limit more often than one does, so that without
        it every further person in a video would add false alarms. With one voice the margin stays as it is.
        """
        if num_voices <= 1:
            return margin
        tail = self.tail(margin)
        together = -np.expm1(num_voices * np.log1p(-min(tail, 1 - 1e-12)))
        return min(margin, self.margin_at(float(together)))
