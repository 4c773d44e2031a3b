"""Self-rebuilt speech: a genuine clip whose short-time spectrum is lightly damaged the way a vocoder damages it.

The counterpart for sound of self-blended faces (Shiohara & Yamasaki 2022, arXiv:2204.08376): instead of copying what
one vocoder does, each call draws from what they all do: magnitudes through a mel bottleneck or smoothed, gains that
ripple, phases that are estimated again or drift, bands that are replaced, noise between harmonics, and the tones that
upsampling layers leave at multiples of their rate (Pons et al. 2021, arXiv:2010.14356; HiFi-GAN's stand 3 to 4 dB above
the quiet floor at multiples of 86 Hz in the ``dev`` clips here).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool1d, avg_pool2d, interpolate

from deepfake_hf.synthesis.vocoders import through_mel

Wave = NDArray[np.float32]


def self_rebuild(waveform: Wave, sampling_rate: int, rng: np.random.Generator, estimate_phase: bool = True) -> Wave:
    """Damage one clip.

    Args:
        waveform: float32 (num_samples,), genuine, at least 2,048 samples.
        sampling_rate: Hz.
        rng: Source of every choice.
        estimate_phase: Whether Griffin-Lim is one of the ways; ``False`` where a test must not have seen it.

    Returns:
        float32 (num_samples,).
    """
    n_fft = int(rng.choice([400, 512, 800, 1024]))
    hop = n_fft // 4
    window = torch.hann_window(n_fft)
    x = torch.from_numpy(np.ascontiguousarray(waveform, np.float32))
    spec = torch.stft(x, n_fft, hop, window=window, return_complex=True)  # (F, T)
    genuine = spec.abs().clamp_min(1e-7)
    damaged = rng.random() < 0.9
    if damaged:
        weight = _band(len(genuine), rng)[:, None]
        made = genuine ** (1.0 - weight) * _magnitude(genuine, sampling_rate, rng) ** weight
        spec = _with_phase(made, spec, weight, window, hop, rng, estimate_phase)
    if rng.random() < 0.3:
        spec = spec + _noise_between(genuine, rng)
    if not damaged or rng.random() < 0.2:
        comb = torch.stft(_comb(len(x), sampling_rate, rng), n_fft, hop, window=window, return_complex=True)
        spec = spec + comb * _comb_gain(genuine, comb, rng)
    out = torch.istft(spec, n_fft, hop, window=window, length=len(x))
    return out.numpy().astype(np.float32)


def _magnitude(genuine: torch.Tensor, sampling_rate: int, rng: np.random.Generator) -> torch.Tensor:
    """At least one of: mel bottleneck, smoothing over time, smoothing over frequency, a rippling gain."""
    chosen = rng.random(4) < (0.5, 0.35, 0.3, 0.3)
    if not chosen.any():
        chosen[int(rng.integers(2))] = True
    made = genuine
    if chosen[0]:
        made = through_mel(made, sampling_rate, int(rng.choice([64, 80, 100, 128])))
    if chosen[1]:
        width = int(rng.choice([3, 5]))
        made = avg_pool1d(made.log()[None], width, 1, width // 2, count_include_pad=False)[0].exp()
    if chosen[2]:
        width = int(rng.choice([3, 5, 9, 15]))
        made = avg_pool1d(made.log().T[None], width, 1, width // 2, count_include_pad=False)[0].T.exp()
    if chosen[3]:
        made = made * torch.exp(_smooth_noise(made.shape, rng) * float(rng.uniform(0.15, 0.5)))
    return made


def _with_phase(
    made: torch.Tensor,
    spec: torch.Tensor,
    weight: torch.Tensor,
    window: torch.Tensor,
    hop: int,
    rng: np.random.Generator,
    estimate: bool,
) -> torch.Tensor:
    way = int(rng.choice(4, p=[0.3, 0.25, 0.3, 0.15] if estimate else [0.45, 0.35, 0.0, 0.2]))
    phase = spec / spec.abs().clamp_min(1e-9)
    if way == 1:  # a smooth drift
        drift = _smooth_noise(spec.shape, rng) * float(rng.uniform(0.5, 2.0))
        phase = phase * torch.polar(torch.ones_like(drift), drift * weight)
    elif way == 2:  # estimated again, from the genuine phase or from none
        start = phase if rng.random() < 0.4 else None
        phase = _estimated_phase(made, window, hop, int(rng.integers(2, 24)), start, rng)
    elif way == 3:  # noise above a limit
        limit = int(rng.uniform(0.3, 0.9) * len(made))
        angles = torch.from_numpy(rng.uniform(-np.pi, np.pi, (len(made) - limit, made.shape[1])).astype(np.float32))
        phase = torch.cat([phase[:limit], torch.polar(torch.ones_like(angles), angles)])
    return made * phase


def _estimated_phase(
    magnitude: torch.Tensor,
    window: torch.Tensor,
    hop: int,
    iterations: int,
    start: torch.Tensor | None,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Griffin & Lim 1984 from a given phase: torchaudio's own starts from random phases or from zeros only."""
    if start is None:
        angles = torch.from_numpy(rng.uniform(-np.pi, np.pi, tuple(magnitude.shape)).astype(np.float32))
        start = torch.polar(torch.ones_like(angles), angles)
    phase, n_fft = start, len(window)
    for _ in range(iterations):
        wave = torch.istft(magnitude * phase, n_fft, hop, window=window)
        again = torch.stft(wave, n_fft, hop, window=window, return_complex=True)
        phase = again / again.abs().clamp_min(1e-9)
    return phase


def _band(num_bins: int, rng: np.random.Generator) -> torch.Tensor:
    """Weights in [0, 1] (F,): mostly 1 everywhere; else only above or only below a frequency, with a soft edge."""
    if rng.random() < 0.65:
        return torch.ones(num_bins)
    place = torch.arange(num_bins) / num_bins
    weight = torch.sigmoid((place - float(rng.uniform(0.2, 0.6))) * 40.0)
    return weight if rng.random() < 0.7 else 1.0 - weight


def _smooth_noise(shape: torch.Size | tuple[int, int], rng: np.random.Generator) -> torch.Tensor:
    """Noise of deviation 1 with a random smoothness over time and frequency: (F, T)."""
    coarse = (max(2, shape[0] // int(rng.choice([2, 4, 8, 16]))), max(2, shape[1] // int(rng.choice([1, 2, 4]))))
    noise = torch.from_numpy(rng.standard_normal((1, 1, *coarse), dtype=np.float32))
    made = interpolate(noise, tuple(shape), mode="bilinear", align_corners=False)
    made = avg_pool2d(made, 3, 1, 1, count_include_pad=False)[0, 0]
    return made / made.std().clamp_min(1e-6)


def _noise_between(genuine: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Noise that follows the envelope and so fills the valleys between harmonics: complex64 (F, T)."""
    envelope = avg_pool2d(genuine[None, None], (25, 3), 1, (12, 1), count_include_pad=False)[0, 0]
    noise = rng.standard_normal((2, *genuine.shape), dtype=np.float32)
    level = 10.0 ** (float(rng.uniform(-26.0, -12.0)) / 20.0)
    return torch.complex(*torch.from_numpy(noise)) * envelope * level


def _comb(num_samples: int, sampling_rate: int, rng: np.random.Generator) -> torch.Tensor:
    """Tones at multiples of a layer's rate, as strided layers leave them: float32 (num_samples,), of any level."""
    layer_hz = float(np.exp(rng.uniform(np.log(30.0), np.log(400.0))))
    orders = np.arange(1, int(sampling_rate / 2 / layer_hz) + 1)
    strength = np.exp(rng.normal(0.0, 1.0, len(orders)))
    strength[orders % int(rng.choice([2, 4, 8])) == 0] *= float(rng.uniform(1.0, 4.0))  # the layer after the next
    strength *= rng.random(len(orders)) < rng.uniform(0.3, 1.0)
    spectrum = np.zeros(num_samples // 2 + 1, np.complex64)
    places = np.minimum(np.round(orders * layer_hz * num_samples / sampling_rate).astype(int), len(spectrum) - 1)
    spectrum[places] = strength * np.exp(2j * np.pi * rng.random(len(orders)))
    return torch.fft.irfft(torch.from_numpy(spectrum), num_samples)


def _comb_gain(genuine: torch.Tensor, comb: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """What scales the comb's spectrum: to the quiet floor of each frequency, or to follow the speech: (F, 1 or T)."""
    if rng.random() < 0.6:
        level, gain_db = genuine.quantile(0.2, dim=1, keepdim=True), float(rng.uniform(-6.0, 6.0))
    else:
        level, gain_db = genuine, float(rng.uniform(-24.0, -8.0))
    level = avg_pool2d(level[None, None], (31, 1), 1, (15, 0), count_include_pad=False)[0, 0]
    mean = avg_pool2d(comb.abs().mean(1, keepdim=True)[None, None], (31, 1), 1, (15, 0), count_include_pad=False)[0, 0]
    return level / mean.clamp_min(1e-9) * 10.0 ** (gain_db / 20.0)
