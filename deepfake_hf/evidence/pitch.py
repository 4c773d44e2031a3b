"""The voice's pitch, and its cycles: fundamental frequency, jitter and shimmer from a waveform (numpy only)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HOP_S: Final = 0.01
LOWEST_HZ: Final = 75.0
HIGHEST_HZ: Final = 500.0
VOICED: Final = 0.5  # least autocorrelation of a voiced frame
_WINDOW_S: Final = 3 / LOWEST_HZ
_OCTAVE_COST: Final = 0.02  # of the strength per octave downwards
_MAX_PERIOD_RATIO, _MAX_PEAK_RATIO = 1.3, 1.6


def track_pitch(waveform: NDArray[np.float32], rate: int) -> tuple[Floats, Floats, Floats]:
    """Fundamental frequency by autocorrelation, freed of the window's own.

    Args:
        waveform: float32 (num_samples,), 40 ms or more.
        rate: Hz.

    Returns:
        Middles of frames in seconds, Hz (NaN where not voiced), and strength in [0, 1], each float64 (T,), a frame
        every 10 ms.

    Source: Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio
    of a sampled sound", with one candidate a frame and no path search.
    """
    size, hop = int(_WINDOW_S * rate), int(HOP_S * rate)
    starts = np.arange(0, len(waveform) - size + 1, hop)
    frames = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), size)[starts]
    window = np.hanning(size)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window  # (T, size)
    length = 2 ** int(np.ceil(np.log2(2 * size)))
    own, of_window = (
        np.fft.irfft(np.abs(np.fft.rfft(part, length)) ** 2)[..., : size // 2] for part in (frames, window)
    )
    strength = own / np.maximum(own[:, :1], 1e-12) / (of_window / of_window[0])  # (T, size / 2)
    low, high = int(rate / HIGHEST_HZ), min(int(rate / LOWEST_HZ), size // 2 - 2)
    lags = np.arange(low, high + 1)
    cost = _OCTAVE_COST * np.log2(lags / low)
    best = lags[np.argmax(strength[:, low : high + 1] - cost, axis=1)]
    rows = np.arange(len(best))
    # the cost may have moved the choice beside the top of its peak
    near = np.stack([strength[rows, best + shift] for shift in (-1, 0, 1)])  # (3, T)
    best = np.clip(best + near.argmax(axis=0) - 1, low, high)
    before, at, after = (strength[rows, best + shift] for shift in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend < -1e-12, 0.5 * (before - after) / np.where(bend < -1e-12, bend, -1.0), 0.0)
    peak = np.clip(at - 0.25 * (before - after) * shift, 0.0, 0.9999)
    loud = own[:, 0] > 1e-4 * max(float(own[:, 0].max(initial=0.0)), 1e-12)
    voiced = (peak >= VOICED) & loud & (before <= at) & (after <= at)
    pitch = np.where(voiced, rate / (best + np.clip(shift, -1, 1)), np.nan)
    return starts / rate + size / rate / 2, pitch, np.where(voiced, peak, 0.0)


def voiced_runs(pitch: Floats, least: int = 5) -> list[slice]:
    """Stretches of at least so many voiced frames."""
    voiced = np.concatenate(([False], ~np.isnan(pitch), [False]))
    edges = np.flatnonzero(np.diff(voiced.astype(int)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= least]


def cycles(waveform: NDArray[np.float32], rate: int, times: Floats, pitch: Floats, run: slice) -> tuple[Floats, Floats]:
    """Peaks of the cycles in one voiced run.

    Args:
        waveform: float32 (num_samples,).
        rate: Hz.
        times: As of :func:`track_pitch`; ``pitch`` alike.
        run: One of :func:`voiced_runs`.

    Returns:
        Samples (between samples by a parabola) and heights of the peaks, each float64 (N,). From the highest sample of
        the run outwards, each next peak is the highest within a fifth of a period about where it is due.
    """
    first, last = int(times[run][0] * rate), int(times[run][-1] * rate)
    sound = waveform.astype(np.float64)
    part = sound[first:last]
    if not len(part):
        return np.zeros(0), np.zeros(0)
    if -part.min() > part.max():
        sound, part = -sound, -part
    start = first + int(np.argmax(part))
    found = [start]
    for way in (-1, 1):
        here = start
        while True:
            period = rate / float(np.interp(here / rate, times[run], pitch[run]))
            low, high = sorted((here + way * 0.8 * period, here + way * 1.2 * period))
            if low < first or high >= last:
                break
            here = int(low) + int(np.argmax(sound[int(low) : int(high) + 1]))
            found.append(here)
    places = np.array(sorted(set(found)))
    places = places[(places > 0) & (places < len(sound) - 1)]
    before, at, after = sound[places - 1], sound[places], sound[places + 1]
    bend = np.minimum(before - 2 * at + after, -1e-12)
    shift = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return places + shift, at - 0.25 * (before - after) * shift


def perturbation(places: Floats, heights: Floats) -> tuple[float, float, float, float, int]:
    """Sums for local jitter and shimmer of one run.

    Args:
        places: Peaks in samples, rising, float64 (N,); ``heights`` alike.

    Returns:
        Sum of differences of neighbouring periods, sum of periods, sum of differences of neighbouring heights, sum of
        heights, and how many neighbours: jitter is the first over the second, shimmer the third over the fourth.
        Neighbours whose periods differ by more than 1.3 or heights by more than 1.6 times count as no voice, as in
        Praat (Boersma & Weenink, "Voice" manual pages).
    """
    periods = np.diff(places)
    if len(periods) < 2:
        return 0.0, 0.0, 0.0, 0.0, 0
    one, two = periods[:-1], periods[1:]
    low, high = heights[1:-1], heights[2:]
    fit = np.maximum(one, two) <= _MAX_PERIOD_RATIO * np.minimum(one, two)
    fit &= np.maximum(low, high) <= _MAX_PEAK_RATIO * np.maximum(np.minimum(low, high), 1e-9)
    means = (one + two)[fit] / 2, (low + high)[fit] / 2
    return (
        float(np.abs(two - one)[fit].sum()), float(means[0].sum()), float(np.abs(high - low)[fit].sum()),
        float(means[1].sum()), int(fit.sum()),
    )  # fmt: skip
