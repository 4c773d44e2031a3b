"""Calibrators as a branch's configuration holds them: fitted, applied and turned back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.scoring.calibration import fit_platt, fit_temperature, margin_of, need_both, wrong_way

Floats = NDArray[np.float64]
_LEAST_RISE: Final = 1e-3  # of neighbouring knots: a step that is level would tie media that the model ranks


@dataclass(frozen=True)
class Calibrator:
    """A rising map of margins: straight lines through the points (``knots``, ``heights``), both float64 (K,), K >= 2.

    Beyond the first and the last point it goes on with the slope between these two. Platt and temperature are two
    points. The model does the same (``models/layers_calibration.py``).
    """

    knots: Floats
    heights: Floats

    @classmethod
    def from_config(cls, calibration: Mapping[str, Any] | None) -> Calibrator:
        """Of a configuration's ``calibration``; None is the identity."""
        if calibration is None:
            return cls(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        if "knots" in calibration:
            return cls(np.array(calibration["knots"], float), np.array(calibration["margins"], float))
        scale, bias = calibration["scale"], calibration["bias"]
        return cls(np.array([0.0, 1.0]), np.array([bias, scale + bias]))

    def __call__(self, margins: ArrayLike) -> Floats:
        """Calibrated margins of raw ones, of one shape."""
        return _through(np.asarray(margins, float), self.knots, self.heights)

    def inverse(self, margins: ArrayLike) -> Floats:
        """Raw margins of calibrated ones."""
        return _through(np.asarray(margins, float), self.heights, self.knots)


def fit_isotonic(margins: ArrayLike, labels: ArrayLike) -> dict[str, list[float]]:
    """Fit the best rising steps (both classes weighted alike) and join their centres by straight lines.

    A step counts half an item of each class more than it holds, so that no P(fake) is 0 or 1; and every line rises,
    so that media keep their order.

    Args:
        margins: (N,) raw logit_fake.
        labels: (N,) of REAL and FAKE.

    Returns:
        ``{"knots": raw margins, "margins": calibrated margins}``.

    Raises:
        DataError: A class is missing, or the margins point the wrong way.

    Source: Zadrozny and Elkan 2002.
    """
    from sklearn.isotonic import IsotonicRegression  # takes a second, and only fitting needs it

    values, classes = np.asarray(margins, float), need_both(labels)
    weights = np.where(classes == 1, 0.5 / (classes == 1).mean(), 0.5 / (classes == 0).mean())
    steps = IsotonicRegression().fit(values, classes, sample_weight=weights).predict(values)
    names, place = np.unique(steps, return_inverse=True)
    if len(names) < 2:
        raise wrong_way(0.0)
    mass = np.bincount(place, weights)
    centres = np.bincount(place, weights * values) / mass
    shares = (np.bincount(place, weights * classes) + 0.5) / (mass + 1.0)
    heights = np.maximum.accumulate(margin_of(shares)) + _LEAST_RISE * np.arange(len(names))
    return {"knots": [float(value) for value in centres], "margins": [float(value) for value in heights]}


CALIBRATORS: Final[dict[str, Callable[[ArrayLike, ArrayLike], Mapping[str, Any]]]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def _through(values: Floats, knots: Floats, heights: Floats) -> Floats:
    beyond = (heights[-1] - heights[0]) / (knots[-1] - knots[0])
    over = np.minimum(values - knots[0], 0.0) + np.maximum(values - knots[-1], 0.0)
    mapped: Floats = np.interp(values, knots, heights) + beyond * over
    return mapped
