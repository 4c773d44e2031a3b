"""Fixed statistics of a stretch of speech: what spectra, phases and envelopes do on average, without a trained weight.

A net that sees whole spectrograms learns the texture of each vocoder of its training set; these averages over a stretch
can't hold that much, and a classifier on top of them carries over to vocoders it never saw (docs/experiments).
"""

from __future__ import annotations

import math

import torch
from torch import nn

FFT_SIZES = (64, 128, 256, 512, 1024, 2048)  # at 16 kHz: 4 ms, which shows pulses, to 128 ms, which shows harmonics
_NUM_BANDS = 24
_NUM_COARSE = 12
_NUM_CEPSTRA = 20
_TIME_LAGS = (1, 2, 4)
_QUIET_SHARE = 0.3  # of frames, the faintest, that count nowhere
_EDGES_HZ = ((80, 500), (500, 1000), (1000, 2000), (2000, 3000), (3000, 4000), (4000, 5500), (5500, 7500))
_FIR_TAPS = 129
_BLOCK = 320  # samples, 20 ms
_ENVELOPE_STEP = 8  # samples between values of the envelopes that are compared: 2 kHz
_TREND = 81  # such values, 40 ms
_PREDICTOR = 18
_RESIDUAL_FRAME = 480
_LEVEL = 0.1
_FLOOR = 1e-4  # amplitude of the noise floor beside it, before pre-emphasis
_SHARPENING = 0.97
_APART = (1, 2, 3)  # bands between the two whose envelopes are compared
_TINY = 1e-9
Pair = tuple[torch.Tensor, torch.Tensor]


def hann_window(size: int) -> torch.Tensor:
    """Periodic: float32 (size,). Torch's own has no ONNX operator."""
    return 0.5 - 0.5 * torch.cos(2 * math.pi / size * torch.arange(size))


def triangle_bands(num_bins: int, num_bands: int) -> torch.Tensor:
    """Overlapping triangles evenly over the bins, each of sum 1: float32 (num_bins, num_bands)."""
    edges = torch.linspace(0, num_bins - 1, num_bands + 2)
    place = torch.arange(num_bins)[:, None]
    up = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    bank = torch.minimum(up, down).clamp_min(0)
    return bank / bank.sum(0)


def cosine_basis(num_bands: int, num_cepstra: int) -> torch.Tensor:
    """Orthonormal DCT-II: float32 (num_bands, num_cepstra)."""
    place, order = torch.arange(num_bands)[:, None] + 0.5, torch.arange(num_cepstra)
    basis = torch.cos(math.pi / num_bands * place * order) * math.sqrt(2 / num_bands)
    basis[:, 0] /= math.sqrt(2)
    return basis


def analytic_kernels(sampling_rate: int) -> torch.Tensor:
    """Band-pass filters without negative frequencies: float32 (2 * bands, 1, taps), cosines before sines."""
    place = torch.arange(_FIR_TAPS) - _FIR_TAPS // 2
    window = hann_window(_FIR_TAPS + 1)[1:]
    kernels = []
    for low, high in _EDGES_HZ:
        width, middle = (high - low) / sampling_rate, (low + high) / 2 / sampling_rate
        low_pass, turns = 2 * width * torch.sinc(width * place) * window, 2 * math.pi * middle * place
        kernels.append(torch.stack([low_pass * torch.cos(turns), low_pass * torch.sin(turns)]))
    return torch.stack(kernels, dim=1).flatten(0, 1)[:, None].float()


def weighted_mean(x: torch.Tensor, weight: torch.Tensor, dim: int) -> torch.Tensor:
    """Mean of x along ``dim`` under a weight of the same or a broadcastable shape; 0 where all weight is 0."""
    return (x * weight).sum(dim) / weight.sum(dim).clamp_min(_TINY)


def loud(energy: torch.Tensor, real: torch.Tensor, quiet_share: float) -> torch.Tensor:
    """1 for real frames above the ``quiet_share`` quantile of their row: energy (…, L), real bool -> float (…, L)."""
    ordered = energy.masked_fill(~real, torch.inf).sort(dim=-1).values
    rank = (real.sum(-1, keepdim=True) * quiet_share).long().clamp(max=energy.shape[-1] - 1)
    return ((energy >= ordered.gather(-1, rank)) & real).to(energy.dtype)


def _moments(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Deviation, skewness and excess kurtosis along the last axis."""
    centred = x - weighted_mean(x, weight, -1)[..., None]
    variance = weighted_mean(centred**2, weight, -1)
    deviation = torch.sqrt(variance + 1e-12)
    normed = centred / deviation[..., None]
    cube, fourth = normed * normed * normed, normed.square().square()
    return deviation, weighted_mean(cube, weight, -1), weighted_mean(fourth, weight, -1) - 3.0


def _shape(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, deviation, skewness and excess kurtosis along the last axis, where all counts alike."""
    mean = x.mean(-1)
    centred = x - mean[..., None]
    square = centred.square()
    deviation = torch.sqrt(square.mean(-1) + 1e-12)
    kurtosis = square.square().mean(-1) / deviation**4 - 3.0
    return mean, deviation, (square * centred).mean(-1) / deviation**3, kurtosis


def num_statistics() -> int:
    """How many values :func:`speech_statistics` gives for a clip."""
    spectral = 0
    for size in FFT_SIZES:
        bands, coarse = _num_bands(size)
        spectral += 3 * min(_NUM_CEPSTRA, bands) + (5 + 2 * len(_TIME_LAGS)) * bands + 5 * coarse
    num, pairs = len(_EDGES_HZ), sum(len(_EDGES_HZ) - apart for apart in _APART)
    return spectral + 2 * 7 * num + 3 * pairs + 2 * num + 2 * 4


def speech_statistics(waveform: torch.Tensor, mask: torch.Tensor, sampling_rate: int) -> torch.Tensor:
    """Describe stretches of speech. Level and DC offset change nothing, polarity neither.

    Of short-time spectra at six lengths: linear-frequency cepstra (mean, deviation, mean step), flatness and spread
    within bands, steps over time and frequency with their asymmetry, and how steadily phase advances over time and
    frequency. Of seven bands, of the signal and of its linear-prediction residual: shape of the envelope within 20 ms,
    and how envelopes of neighbouring bands go together. Frames count where they are wholly real and not among the
    faintest three in ten.

    Args:
        waveform: float32 (B, num_samples), mono, zero where the mask is.
        mask: bool (B, num_samples), ones followed by zeros.
        sampling_rate: Hz, 16,000 or more.

    Returns:
        float32 (B, :func:`num_statistics`).
    """
    real = mask.to(waveform.dtype)
    x = (waveform - weighted_mean(waveform, real, 1)[:, None]) * real
    x = x * (_LEVEL / torch.sqrt(weighted_mean(x.square(), real, 1) + 1e-12))[:, None]
    sharp = torch.cat([x[:, :1], x[:, 1:] - _SHARPENING * x[:, :-1]], dim=1) * real
    least = max(FFT_SIZES[-1] + FFT_SIZES[-1] // 2, _FIR_TAPS + _BLOCK)
    more = max(least - x.shape[1], 0)  # a clip shorter than the longest window has no frame of it: zeros stand there
    x, sharp, mask = (nn.functional.pad(part, (0, more)) for part in (x, sharp, mask))
    parts = []
    for size in FFT_SIZES:
        parts += _spectral(sharp, mask, size)
    residual = _residual(sharp, mask)
    kernels = analytic_kernels(sampling_rate).to(x.device)
    bands, residual_bands = (
        nn.functional.conv1d(part[:, None], kernels).unflatten(1, (2, -1)).transpose(1, 2) for part in (sharp, residual)
    )  # (B, 7, 2, num_samples - taps + 1): real and imaginary parts
    inside = mask[:, _FIR_TAPS - 1 :]
    envelopes = _length(bands)
    parts += _envelope_shape(bands, envelopes, inside)
    parts += _envelope_shape(residual_bands, _length(residual_bands), inside) + _together(envelopes, inside)
    for signal in (residual, x[:, 1:] - x[:, :-1], x, sharp):
        _, skew, kurtosis = _moments(signal, mask[:, -signal.shape[1] :].to(x.dtype))
        parts += [skew.abs()[:, None], torch.log((kurtosis + 3.0).clamp_min(1e-3))[:, None]]
    return torch.cat(parts, dim=1)


def _num_bands(size: int) -> tuple[int, int]:
    fine = min(_NUM_BANDS, size // 4)
    return fine, min(fine, _NUM_COARSE)


def _mean_frame(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """:func:`weighted_mean` over frames, as one product: x (B, L, K), weight (B, L, 1) -> (B, K)."""
    return (weight.transpose(1, 2) @ x)[:, 0] / weight.sum(1).clamp_min(_TINY)


def _spectral(x: torch.Tensor, mask: torch.Tensor, size: int) -> list[torch.Tensor]:
    hop = size // 4
    bins, (num_fine, num_coarse) = size // 2 + 1, _num_bands(size)
    fine, coarse = (triangle_bands(bins, num).to(x.device) for num in (num_fine, num_coarse))
    cosines = cosine_basis(num_fine, min(_NUM_CEPSTRA, num_fine)).to(x.device)
    window = hann_window(size).to(x.device)
    spectrum = torch.fft.rfft(x.unfold(1, size, hop) * window)  # (B, L, K)
    unit = (spectrum.real.contiguous(), spectrum.imag.contiguous())
    real = mask.unfold(1, size, hop)[..., -1]
    power = unit[0].square() + unit[1].square()
    magnitude = torch.sqrt(power + 1e-20)
    floor = _FLOOR**2 * 0.375 * size * (1 + _SHARPENING**2)  # of white noise, sharpened, in a Hann window
    level = torch.log(power + floor)
    keep = loud(level.mean(2), real, _QUIET_SHARE)[..., None]  # (B, L, 1)

    bands = torch.log(power @ fine + floor)
    cepstra = bands @ cosines
    mean = _mean_frame(cepstra, keep)
    spread = torch.sqrt(_mean_frame((cepstra - mean[:, None]) ** 2, keep) + 1e-8)
    both = keep[:, 1:] * keep[:, :-1]
    parts = [mean, spread, _mean_frame((cepstra[:, 1:] - cepstra[:, :-1]).abs(), both)]

    within = level @ fine
    flat = bands - within
    mean = _mean_frame(flat, keep)
    parts += [mean, torch.sqrt(_mean_frame((flat - mean[:, None]) ** 2, keep) + 1e-8)]
    parts += [_mean_frame(level**2, keep) @ fine - _mean_frame(within**2, keep)]

    for lag in _TIME_LAGS:
        step = level[:, lag:] - level[:, :-lag]
        both = keep[:, lag:] * keep[:, :-lag]
        parts += [
            _mean_frame(step.abs(), both) @ fine,
            _cube_root(_mean_frame(step * step * step, both) @ fine),
        ]
    step = level[..., 1:] - level[..., :-1]
    bend = step[..., 1:] - step[..., :-1]
    parts += [_mean_frame(step.abs(), keep) @ coarse[:-1], _mean_frame(bend.abs(), keep) @ coarse[1:-1]]
    parts += [_cube_root(_mean_frame(bend * bend * bend, keep) @ coarse[1:-1])]

    weight = torch.sqrt(magnitude)
    unit = (unit[0] / magnitude, unit[1] / magnitude)
    turn = _turn(unit, 1)
    inside = keep[:, 1:-1] * real[:, 2:, None]
    parts += _steady(_turn(turn, 1), weight[:, 1:-1] * inside, fine)
    turn = _turn(unit, 2)
    parts += _steady(_turn(turn, 2), weight[:, :, 1:-1] * keep, coarse[1:-1])
    return parts


def _steady(turn: Pair, weight: torch.Tensor, bank: torch.Tensor) -> list[torch.Tensor]:
    total = (weight.sum(1) @ bank).clamp_min(_TINY)
    return [(part * weight).sum(1) @ bank / total for part in turn]


def _residual(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What linear prediction of order 18 over frames of 30 ms leaves: (B, num_samples)."""
    length = x.shape[1]
    more = -length % _RESIDUAL_FRAME
    padded = nn.functional.pad(x, (_PREDICTOR, more))
    window = hann_window(_RESIDUAL_FRAME).to(x.device)
    frames = padded[:, _PREDICTOR:].unflatten(1, (-1, _RESIDUAL_FRAME)) * window
    lags = [(frames[..., lag:] * frames[..., : _RESIDUAL_FRAME - lag]).sum(-1) for lag in range(_PREDICTOR + 1)]
    lags[0] = lags[0] * 1.0005 + 1e-9
    error, taps = lags[0], [torch.ones_like(lags[0])]
    for order in range(1, _PREDICTOR + 1):  # Levinson and Durbin
        reflection = -sum(tap * lags[order - i] for i, tap in enumerate(taps)) / error
        reflection = reflection.clamp(-0.9999, 0.9999)
        taps = [
            (taps[i] if i < order else 0.0) + reflection * (taps[order - i] if i > 0 else 0.0) for i in range(order + 1)
        ]
        error = error * (1.0 - reflection**2)
    around = padded.unfold(1, _RESIDUAL_FRAME + _PREDICTOR, _RESIDUAL_FRAME)  # (B, L, frame + order)
    made = sum(
        tap[..., None] * around[..., _PREDICTOR - i : _PREDICTOR - i + _RESIDUAL_FRAME] for i, tap in enumerate(taps)
    )
    return torch.as_tensor(made).flatten(1)[:, :length] * mask


def _envelope_shape(bands: torch.Tensor, envelopes: torch.Tensor, inside: torch.Tensor) -> list[torch.Tensor]:
    length = bands.shape[-1] // _BLOCK * _BLOCK
    blocks = envelopes[..., :length].unflatten(2, (-1, _BLOCK)) + 1e-7
    whole = inside[:, :length].unflatten(1, (-1, _BLOCK))[..., -1]  # (B, blocks)
    mean, deviation, skew, kurtosis = _shape(blocks)  # (B, 7, blocks)
    _, log_deviation, log_skew, _ = _shape(torch.log(blocks + 1e-6))
    keep = loud(mean, whole[:, None].expand_as(mean), 0.4)
    shape = [deviation / mean, skew, kurtosis, log_deviation, log_skew]
    parts = [weighted_mean(value, keep, 2) for value in shape]
    wave, weight = bands[:, :, 0], inside[:, None].to(bands.dtype)
    parts.append(_moments(wave, weight)[1].abs())
    steps = weighted_mean((wave[..., 1:] - wave[..., :-1]).abs(), weight[..., 1:], 2)
    return [*parts, steps / (weighted_mean(wave.abs(), weight, 2) + 1e-7)]


def _together(envelopes: torch.Tensor, inside: torch.Tensor) -> list[torch.Tensor]:
    """Correlations of log envelopes between neighbouring bands, and of each with itself later."""
    level = torch.log(nn.functional.avg_pool1d(envelopes, _ENVELOPE_STEP) + 1e-6)
    real = inside[:, _ENVELOPE_STEP - 1 :: _ENVELOPE_STEP][:, None, : level.shape[2]].to(level.dtype)
    level = level * real
    half = _TREND // 2
    near = nn.functional.avg_pool1d(nn.functional.pad(level, (half, half)), _TREND, 1)
    share = nn.functional.avg_pool1d(nn.functional.pad(real, (half, half)), _TREND, 1)
    level = level - near / share.clamp_min(1e-6)
    level = level - weighted_mean(level, real, 2)[..., None]
    level = level / torch.sqrt(weighted_mean(level**2, real, 2) + 1e-8)[..., None] * real
    length = real.sum(2).clamp_min(1.0)  # (B, 1)
    parts = []
    lags = range(-4, 5)
    place = torch.arange(-4.0, 5.0, device=level.device)
    num_bands, steps = level.shape[1:]
    for apart in _APART:
        one, other = level[:, : num_bands - apart], level[:, apart:]
        products = [
            one[..., max(lag, 0) : steps + min(lag, 0)] * other[..., max(-lag, 0) : steps + min(-lag, 0)]
            for lag in lags
        ]
        found = torch.stack([product.sum(2) for product in products], dim=2) / length[..., None]  # (B, pairs, lags)
        parts += [found.max(2).values, found[..., 4], (torch.softmax(found * 20.0, dim=2) * place).sum(2)]
    own = torch.stack([(level[..., lag:] * level[..., :-lag]).sum(2) for lag in range(3, 40)], dim=2)
    own = own / length[..., None]
    return [*parts, own.max(2).values, own.min(2).values]


def _turn(unit: Pair, dim: int) -> Pair:
    """Complex numbers as real and imaginary part: each turned back by the one before it along ``dim``."""
    (a, b), length = unit, unit[0].shape[dim] - 1
    c, d = a.narrow(dim, 0, length), b.narrow(dim, 0, length)
    a, b = a.narrow(dim, 1, length), b.narrow(dim, 1, length)
    return torch.addcmul(a * c, b, d), torch.addcmul(b * c, a, d, value=-1)


def _length(pair: torch.Tensor) -> torch.Tensor:
    """(B, bands, 2, num_samples) -> (B, bands, num_samples)."""
    return torch.sqrt(torch.addcmul(pair[:, :, 0].square(), pair[:, :, 1], pair[:, :, 1]) + 1e-20)


def _cube_root(x: torch.Tensor) -> torch.Tensor:
    """Like the cube root for large values and like the identity near 0, where the root would blow up rounding."""
    return x * (1.0 + x.square()) ** (-1 / 3)
