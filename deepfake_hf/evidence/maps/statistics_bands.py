"""Which band of pitches each of the speech statistics looks at.

The order is that of ``deepfake_hf.models.layers_speech_statistics``, which gives them without names; the tests compare
the two by filtering sound and seeing which statistics move.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.models import layers_speech_statistics as layers

_NYQUIST_HZ = 8000.0
_NO_BAND = (np.nan, np.nan)
Band = tuple[float, float]


@lru_cache(maxsize=1)
def statistics_bands() -> NDArray[np.float64]:
    """The band of each statistic at 16 kHz.

    Returns:
        float64 (``num_statistics()``, 2), Hz from and to; NaN for those that look at the whole spectrum, such as
        cepstra.
    """
    bands: list[Band] = []
    for size in layers.FFT_SIZES:
        num_fine, num_coarse = layers._num_bands(size)
        fine, coarse = _triangles(num_fine), _triangles(num_coarse)
        bands += [_NO_BAND] * (3 * min(layers._NUM_CEPSTRA, num_fine))
        bands += fine * (3 + 2 * len(layers._TIME_LAGS)) + coarse * 3 + fine * 2 + coarse * 2
    edges = [(float(low), float(high)) for low, high in layers._EDGES_HZ]
    bands += edges * 7 * 2  # of the signal and of its residual
    for apart in layers._APART:
        bands += [(low[0], high[1]) for low, high in zip(edges, edges[apart:], strict=False)] * 3
    bands += edges * 2 + [_NO_BAND] * 8
    return np.array(bands)


def _triangles(num_bands: int) -> list[Band]:
    """Each overlaps its neighbours; the half about its middle counts as its band."""
    edges = np.linspace(0, _NYQUIST_HZ, num_bands + 2)
    half = float(edges[1]) / 2
    return [(float(middle) - half, float(middle) + half) for middle in edges[1:-1]]


def rows_of_bands(num_rows: int) -> NDArray[np.float64]:
    """How the statistics' shares go to rows of equal height from 0 to 8 kHz: float64 (``num_statistics()``, num_rows).

    Each line has sum 1, or 0 for a statistic of the whole spectrum.
    """
    edges = np.linspace(0, _NYQUIST_HZ, num_rows + 1)
    bands = np.nan_to_num(statistics_bands())
    low, high = bands[:, :1], bands[:, 1:]
    common = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)
    return np.asarray(common / np.maximum(common.sum(1, keepdims=True), 1e-9))
