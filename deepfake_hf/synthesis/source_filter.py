"""Vocoders of the source-filter kind: pulses or noise through a filter that is measured frame by frame.

Sources: Atal & Hanauer 1971, linear prediction; Oppenheim & Schafer 1968, homomorphic (cepstral) analysis-synthesis;
Fant 1960, the source-filter model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

Wave = NDArray[np.float32]


def lpc(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Pulse or noise through an all-pole filter, a frame every 10 ms: the classic vocoder. float32 (num_samples,)."""
    hop = sampling_rate // 100
    size = 3 * hop
    order = int(rng.choice([16, 20, 28]))
    x = np.pad(waveform.astype(np.float64), (hop, 2 * size))
    f0 = _f0_hz(waveform, sampling_rate, hop)
    num_frames = len(waveform) // hop + 1
    excitation = np.zeros(len(x))
    excitation[hop : hop + len(waveform)] = _pulses(f0, hop, len(waveform), sampling_rate)
    mix = float(rng.uniform(0.02, 0.3))
    noise = rng.normal(size=len(x))
    window = np.hanning(size + 1)[:size]
    out = np.zeros(len(x))
    for i in range(num_frames):
        start = i * hop
        frame = x[start : start + size] * window
        power = float(np.mean(frame**2))
        if power < 1e-12:
            continue
        lags = np.correlate(frame, frame, "full")[size - 1 : size + order]
        lags[0] *= 1.0001
        coefficients = solve_toeplitz(lags[:order], lags[1 : order + 1])
        source = noise[start : start + size]
        if f0[min(i, len(f0) - 1)] > 0:
            source = excitation[start : start + size] + mix * source
        made = lfilter([1.0], np.concatenate([[1.0], -coefficients]), source) * window
        made *= np.sqrt(power / max(float(np.mean(made**2)), 1e-12))
        out[start : start + size] += made
    return (out[hop : hop + len(waveform)] / 1.5).astype(np.float32)


def cepstral(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Pulses below and noise above a voicing limit through minimum-phase cepstral envelopes: float32 (num_samples,)."""
    size = int(rng.choice([400, 512, 640]))
    hop = size // int(rng.choice([4, 5]))
    num_kept = int(rng.choice([24, 32, 48, 64]))
    limit_hz = float(rng.uniform(2_500.0, 7_000.0))
    n_fft = 1_024
    window = np.hanning(size + 1)[:size]
    f0 = _f0_hz(waveform, sampling_rate, hop)
    pulses = _pulses(f0, hop, len(waveform), sampling_rate)
    noise = rng.normal(size=len(waveform))
    target, pulse_spec, noise_spec = (_frames(x, size, hop, window, n_fft) for x in (waveform, pulses, noise))
    voiced = np.interp(np.arange(len(target)) * hop, np.arange(len(f0)) * hop, (f0 > 0).astype(np.float64)) > 0.5
    hertz = np.fft.rfftfreq(n_fft, 1.0 / sampling_rate)
    share = 1.0 / (1.0 + np.exp((hertz - limit_hz) / 300.0))  # of the pulses
    source = np.where(voiced[:, None], pulse_spec * share + noise_spec * np.sqrt(1.0 - share**2), noise_spec)
    made = source * _minimum_phase(np.abs(target), num_kept)
    gain = np.sqrt((np.abs(target) ** 2).sum(1) / np.maximum((np.abs(made) ** 2).sum(1), 1e-12))
    pieces = irfft(made * gain[:, None], n_fft)
    out = np.zeros(len(target) * hop + n_fft)
    for i, piece in enumerate(pieces):
        out[i * hop : i * hop + n_fft] += piece
    out = out[size // 2 : size // 2 + len(waveform)] * (hop / window.sum())
    return out.astype(np.float32)


def _frames(
    x: NDArray[np.floating], size: int, hop: int, window: NDArray[np.float64], n_fft: int
) -> NDArray[np.complex128]:
    padded = np.pad(np.asarray(x, np.float64), (size // 2, size))
    count = 1 + len(x) // hop
    return np.asarray(rfft(np.stack([padded[i * hop : i * hop + size] * window for i in range(count)]), n_fft))


def _minimum_phase(magnitude: NDArray[np.float64], num_kept: int) -> NDArray[np.complex128]:
    """Each row's envelope, from its first ``num_kept`` cepstral coefficients, as a minimum-phase filter."""
    cepstrum = irfft(np.log(magnitude + 1e-7))
    folded = np.zeros_like(cepstrum)
    folded[:, 0] = cepstrum[:, 0]
    folded[:, 1:num_kept] = 2.0 * cepstrum[:, 1:num_kept]
    return np.asarray(np.exp(rfft(folded)))


def _f0_hz(waveform: Wave, sampling_rate: int, hop: int) -> NDArray[np.float64]:
    import pyworld

    f0, _ = pyworld.dio(waveform.astype(np.float64), sampling_rate, frame_period=1000.0 * hop / sampling_rate)
    return np.asarray(f0)


def _pulses(f0: NDArray[np.float64], hop: int, num_samples: int, sampling_rate: int) -> NDArray[np.float64]:
    """A pulse of unit power a period, none where ``f0`` (a value every ``hop`` samples) is 0: (num_samples,)."""
    hertz = f0[np.minimum(np.arange(num_samples) // hop, len(f0) - 1)]
    turns = np.cumsum(hertz / sampling_rate)
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    out = np.zeros(num_samples)
    out[starts] = np.sqrt(sampling_rate / np.maximum(hertz[starts], 1.0))
    return out
