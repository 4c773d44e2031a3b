"""Resonances of the vocal tract by linear prediction."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import resample_poly

RATE: Final = 10_000  # Hz: five formants of an adult lie below 5 kHz
_ORDER: Final = 11
_WINDOW: Final = 256  # samples, 25.6 ms
_EMPHASIS: Final = 0.97
_WIDEST_HZ: Final = 400.0
_LOWEST_HZ: Final = 150.0
NUM: Final = 3


def formants(waveform: NDArray[np.float32], rate: int, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first three formants at moments of voiced speech.

    Args:
        waveform: float32 (num_samples,).
        rate: Hz, a multiple of 2000.
        at_s: float64 (T,), seconds from its start.

    Returns:
        float64 (T, 3), Hz, NaN where fewer are found: roots of the predictor (autocorrelation method, order 11) that
        are narrower than 400 Hz, rising.

    Source: Markel & Gray 1976, "Linear Prediction of Speech".
    """
    sound = resample_poly(waveform.astype(np.float64), RATE // 1000, rate // 1000)
    sound = np.append(sound[:1], sound[1:] - _EMPHASIS * sound[:-1])
    found = np.full((len(at_s), NUM), np.nan)
    window = np.hamming(_WINDOW)
    for row, moment in enumerate(at_s):
        first = int(moment * RATE) - _WINDOW // 2
        frame = sound[max(first, 0) : first + _WINDOW]
        if len(frame) < _WINDOW:
            continue
        frame = frame * window
        own = np.correlate(frame, frame, "full")[_WINDOW - 1 : _WINDOW + _ORDER]  # (order + 1,)
        if own[0] <= 1e-12:
            continue
        own[0] *= 1 + 1e-9
        predictor = solve_toeplitz(own[:-1], own[1:])
        roots = np.roots(np.concatenate(([1.0], -predictor)))
        roots = roots[roots.imag > 0]
        hertz = np.angle(roots) * RATE / (2 * np.pi)
        width = -np.log(np.maximum(np.abs(roots), 1e-9)) * RATE / np.pi
        good = np.sort(hertz[(hertz > _LOWEST_HZ) & (hertz < RATE / 2 - 100) & (width < _WIDEST_HZ)])
        if len(good) >= NUM:
            found[row] = good[:NUM]
    return found
