"""Fixed statistics of a stretch of speech: what spectra, phases and envelopes do on average, without a trained weight.

A net that sees whole spectrograms learns the texture of each vocoder of its training set; these averages over a stretch
can't hold that much, and a classifier on top of them carries over to vocoders it never saw (docs/experiments).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

GRID = 128  # samples
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


@dataclass(frozen=True)
class Stretches:
    """Stretches of B waveforms that are described apart: ``begin`` and ``end`` int64 (B, W), samples.

    They begin at multiples of ``GRID`` samples, and end at one or with the waveform: what is summed up sample by sample
    and not by frames goes on to the next multiple otherwise.
    """

    begin: torch.Tensor
    end: torch.Tensor

    def hold(self, num_frames: int, size: int, hop: int) -> torch.Tensor:
        """Which frames lie wholly in which stretch: bool (B, W, num_frames)."""
        starts = torch.arange(num_frames, device=self.begin.device) * hop
        return (starts >= self.begin[..., None]) & (starts + size <= self.end[..., None])

    def sums(self, values: torch.Tensor, grid: int, less: int = 0) -> torch.Tensor:
        """Sums over each stretch, less ``less`` values at its end, in double precision.

        Args:
            values: float (B, …, L), 0 where nothing counts.
            grid: How many values lie between two places where a stretch may begin or end.
            less: A multiple of ``grid``.

        Returns:
            float64 (B, W, …).
        """
        cells = nn.functional.pad(values, (0, -values.shape[-1] % grid)).unflatten(-1, (-1, grid)).sum(-1)
        running = nn.functional.pad(cells.double().cumsum(-1), (1, 0))
        step = GRID // grid  # samples to a value
        last = running.shape[-1] - 1
        places = [
            torch.div(edge + GRID - 1, GRID, rounding_mode="floor").clamp(0, last)
            for edge in (self.begin, self.end - less * step)
        ]
        shape = (values.shape[0], *(1,) * (values.ndim - 2), -1)
        wide = (*values.shape[:-1], self.begin.shape[1])
        first, final = (running.gather(-1, place.reshape(shape).expand(wide)) for place in places)
        return (final - first).movedim(-1, 1)


def loud(energy: torch.Tensor, real: torch.Tensor, quiet_share: float) -> torch.Tensor:
    """1 for real frames above the ``quiet_share`` quantile of their row: energy (…, L), real bool -> float (…, L)."""
    energy, real = torch.broadcast_tensors(energy, real)
    most = energy.shape[-1]
    within, counted = energy, real
    if real.shape[1] > 1:  # of many stretches each row has few frames: only they are sorted
        most = max(1, int(real.sum(-1).max()))
        places = (real.int().argmax(-1, keepdim=True) + torch.arange(most, device=real.device)).clamp(
            max=energy.shape[-1] - 1
        )
        within, counted = energy.gather(-1, places), real.gather(-1, places)
    ordered = within.masked_fill(~counted, torch.inf).sort(dim=-1).values
    rank = (real.sum(-1, keepdim=True) * quiet_share).long().clamp(max=most - 1)
    return ((energy >= ordered.gather(-1, rank)) & real).to(energy.dtype)


def _pooled(x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Means over the frames kept: x (B, L, F), keep (B, W, L) -> (B, W, F); 0 where none is."""
    return keep @ x / keep.sum(2, keepdim=True).clamp_min(_TINY)


def _spread(x: torch.Tensor, keep: torch.Tensor) -> Pair:
    """Mean and deviation over the frames kept, as of :func:`_pooled`."""
    about = _pooled(x, keep).mean(1, keepdim=True)  # near all means: little is lost in the squares' difference
    mean = _pooled(x - about, keep)
    variance = _pooled((x - about).square(), keep) - mean.square()
    return mean + about * (keep.sum(2, keepdim=True) > 0), torch.sqrt(variance.clamp_min(0) + 1e-8)


def _moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Deviation, skewness and excess kurtosis along the last axis."""
    centred = x - x.mean(-1, keepdim=True)
    deviation = torch.sqrt(centred.square().mean(-1) + 1e-12)
    normed = centred / deviation[..., None]
    cube, fourth = normed * normed * normed, normed.square().square()
    return deviation, cube.mean(-1), fourth.mean(-1) - 3.0


def _shape_of(x: torch.Tensor, inside: torch.Tensor, stretches: Stretches, less: int = 0) -> Pair:
    """Skewness and kurtosis of samples in each stretch: x (B, …, L), inside float, L alike and the rest
    broadcastable -> two of (B, W, …)."""
    x = x * inside
    count = stretches.sums(inside, GRID, less).clamp_min(1.0)
    square = x * x
    powers = (x, square, square * x, square * square)
    one, two, three, four = (stretches.sums(power, GRID, less) / count for power in powers)
    variance = (two - one**2).clamp_min(0)
    deviation = torch.sqrt(variance + 1e-12)
    skew = (three - 3 * one * two + 2 * one**3) / deviation**3
    kurtosis = (four - 4 * one * three + 6 * one**2 * two - 3 * one**4) / deviation**4
    return skew.to(x.dtype), kurtosis.to(x.dtype)


def num_statistics() -> int:
    """How many values :func:`speech_statistics` gives for a clip."""
    spectral = 0
    for size in FFT_SIZES:
        bands, coarse = _num_bands(size)
        spectral += 3 * min(_NUM_CEPSTRA, bands) + (5 + 2 * len(_TIME_LAGS)) * bands + 5 * coarse
    num, pairs = len(_EDGES_HZ), sum(len(_EDGES_HZ) - apart for apart in _APART)
    return spectral + 2 * 7 * num + 3 * pairs + 2 * num + 2 * 4


def speech_statistics(
    waveform: torch.Tensor, mask: torch.Tensor, sampling_rate: int, stretches: Stretches | None = None
) -> torch.Tensor:
    """Describe stretches of speech. Level and DC offset change nothing, polarity neither.

    Of short-time spectra at six lengths: linear-frequency cepstra (mean, deviation, mean step), flatness and spread
    within bands, steps over time and frequency with their asymmetry, and how steadily phase advances over time and
    frequency. Of seven bands, of the signal and of its linear-prediction residual: shape of the envelope within 20 ms,
    and how envelopes of neighbouring bands go together. Frames count where they are wholly real and not among the
    faintest three in ten.

    Spectra and filters are worked out once, and each of many stretches that overlap only sums up what is its own. The
    level is that of the whole waveform then.

    Args:
        waveform: float32 (B, num_samples), mono, zero where the mask is.
        mask: bool (B, num_samples), ones followed by zeros.
        sampling_rate: Hz, 16,000 or more.
        stretches: Of each waveform; None means one, the whole of it.

    Returns:
        float32 (B, :func:`num_statistics`), with stretches (B, W, :func:`num_statistics`).
    """
    real = mask.to(waveform.dtype)
    x = (waveform - weighted_mean(waveform, real, 1)[:, None]) * real
    x = x * (_LEVEL / torch.sqrt(weighted_mean(x.square(), real, 1) + 1e-12))[:, None]
    sharp = torch.cat([x[:, :1], x[:, 1:] - _SHARPENING * x[:, :-1]], dim=1) * real
    length = mask.sum(1, keepdim=True)
    parted = stretches or Stretches(torch.zeros_like(length), length)
    least = max(FFT_SIZES[-1] + FFT_SIZES[-1] // 2, _FIR_TAPS + _BLOCK)
    more = max(least - x.shape[1], 0)  # a clip shorter than the longest window has no frame of it: zeros stand there
    x, sharp, mask = (nn.functional.pad(part, (0, more)) for part in (x, sharp, mask))
    parts = []
    for size in FFT_SIZES:
        parts += _spectral(sharp, parted, size)
    residual = _residual(sharp, mask)
    kernels = analytic_kernels(sampling_rate).to(x.device)
    bands, residual_bands = (
        nn.functional.conv1d(part[:, None], kernels).unflatten(1, (2, -1)).transpose(1, 2) for part in (sharp, residual)
    )  # (B, 7, 2, num_samples - taps + 1): real and imaginary parts
    inside = mask[:, _FIR_TAPS - 1 :]
    envelopes = _length(bands)
    parts += _envelope_shape(bands, envelopes, inside, parted)
    parts += _envelope_shape(residual_bands, _length(residual_bands), inside, parted)
    parts += _together(envelopes, inside, parted)
    steps = nn.functional.pad(x[:, 1:] - x[:, :-1], (1, 0))
    for signal, first in ((residual, 0), (steps, 1), (x, 0), (sharp, 0)):
        counted = mask.to(x.dtype)
        counted[:, :first] = 0.0
        skew, kurtosis = _shape_of(signal, counted, parted)
        parts += [skew.abs()[..., None], torch.log(kurtosis.clamp_min(1e-3))[..., None]]
    found = torch.cat(parts, dim=2)
    return found[:, 0] if stretches is None else found


def _num_bands(size: int) -> tuple[int, int]:
    fine = min(_NUM_BANDS, size // 4)
    return fine, min(fine, _NUM_COARSE)


def _spectral(x: torch.Tensor, stretches: Stretches, size: int) -> list[torch.Tensor]:
    hop = size // 4
    bins, (num_fine, num_coarse) = size // 2 + 1, _num_bands(size)
    fine, coarse = (triangle_bands(bins, num).to(x.device) for num in (num_fine, num_coarse))
    cosines = cosine_basis(num_fine, min(_NUM_CEPSTRA, num_fine)).to(x.device)
    window = hann_window(size).to(x.device)
    spectrum = torch.fft.rfft(x.unfold(1, size, hop) * window)  # (B, L, K)
    real = stretches.hold(spectrum.shape[1], size, hop)  # (B, W, L)
    unit = (spectrum.real.contiguous(), spectrum.imag.contiguous())
    power = unit[0].square() + unit[1].square()
    magnitude = torch.sqrt(power + 1e-20)
    floor = _FLOOR**2 * 0.375 * size * (1 + _SHARPENING**2)  # of white noise, sharpened, in a Hann window
    level = torch.log(power + floor)
    keep = loud(level.mean(2)[:, None], real, _QUIET_SHARE)  # (B, W, L)

    bands = torch.log(power @ fine + floor)
    cepstra = bands @ cosines
    both = keep[..., 1:] * keep[..., :-1]
    parts = [*_spread(cepstra, keep), _pooled((cepstra[:, 1:] - cepstra[:, :-1]).abs(), both)]

    within = level @ fine
    parts += [*_spread(bands - within, keep), _pooled(level**2 @ fine - within**2, keep)]

    for lag in _TIME_LAGS:
        step = level[:, lag:] - level[:, :-lag]
        both = keep[..., lag:] * keep[..., :-lag]
        parts += [_pooled(step.abs() @ fine, both), _cube_root(_pooled(step * step * step @ fine, both))]
    step = level[..., 1:] - level[..., :-1]
    bend = step[..., 1:] - step[..., :-1]
    parts += [_pooled(step.abs() @ coarse[:-1], keep), _pooled(bend.abs() @ coarse[1:-1], keep)]
    parts += [_cube_root(_pooled(bend * bend * bend @ coarse[1:-1], keep))]

    weight = torch.sqrt(magnitude)
    unit = (unit[0] / magnitude, unit[1] / magnitude)
    turn = _turn(unit, 1)
    parts += _steady(_turn(turn, 1), weight[:, 1:-1], fine, keep[..., 1:-1] * real[..., 2:])
    turn = _turn(unit, 2)
    parts += _steady(_turn(turn, 2), weight[:, :, 1:-1], coarse[1:-1], keep)
    return parts


def _steady(turn: Pair, weight: torch.Tensor, bank: torch.Tensor, keep: torch.Tensor) -> list[torch.Tensor]:
    total = (keep @ (weight @ bank)).clamp_min(_TINY)
    return [keep @ ((part * weight) @ bank) / total for part in turn]


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


def _envelope_shape(
    bands: torch.Tensor, envelopes: torch.Tensor, inside: torch.Tensor, stretches: Stretches
) -> list[torch.Tensor]:
    length = bands.shape[-1] // _BLOCK * _BLOCK
    blocks = envelopes[..., :length].unflatten(2, (-1, _BLOCK)) + 1e-7
    mean = blocks.mean(3)  # (B, 7, blocks)
    whole = stretches.hold(mean.shape[2], _BLOCK + _FIR_TAPS - 1, _BLOCK)  # (B, W, blocks)
    keep = loud(mean[:, None], whole[:, :, None], 0.4)  # (B, W, 7, blocks)
    deviation, skew, kurtosis = _moments(blocks)
    log_deviation, log_skew, _ = _moments(torch.log(blocks + 1e-6))
    shape = [deviation / mean, skew, kurtosis, log_deviation, log_skew]
    parts = [weighted_mean(value[:, None], keep, 3) for value in shape]
    wave, weight, cut = bands[:, :, 0], inside[:, None].to(bands.dtype), _FIR_TAPS - 1
    parts.append(_shape_of(wave, weight, stretches, cut)[0].abs())
    steps = nn.functional.pad((wave[..., 1:] - wave[..., :-1]).abs() * weight[..., 1:], (1, 0))
    count = stretches.sums(weight, GRID, cut)  # (B, W, 1)
    moved = stretches.sums(steps, GRID, cut) / (count - 1).clamp_min(1.0)
    size = stretches.sums(wave.abs() * weight, GRID, cut) / count.clamp_min(1.0)
    return [*parts, (moved / (size + 1e-7)).to(wave.dtype)]


def _together(envelopes: torch.Tensor, inside: torch.Tensor, stretches: Stretches) -> list[torch.Tensor]:
    """Correlations of log envelopes between neighbouring bands, and of each with itself later."""
    level = torch.log(nn.functional.avg_pool1d(envelopes, _ENVELOPE_STEP) + 1e-6)
    real = inside[:, _ENVELOPE_STEP - 1 :: _ENVELOPE_STEP][:, None, : level.shape[2]].to(level.dtype)
    level = level * real
    half = _TREND // 2
    near = nn.functional.avg_pool1d(nn.functional.pad(level, (half, half)), _TREND, 1)
    share = nn.functional.avg_pool1d(nn.functional.pad(real, (half, half)), _TREND, 1)
    level = level - near / share.clamp_min(1e-6)
    level = (level - weighted_mean(level, real, 2)[..., None]) * real
    grid, cut = GRID // _ENVELOPE_STEP, (_FIR_TAPS - 1) // _ENVELOPE_STEP
    length = stretches.sums(real, grid, cut).clamp_min(1.0)  # (B, W, 1)
    deviation = torch.sqrt(stretches.sums(level**2, grid, cut) / length + 1e-8)  # (B, W, 7)
    parts = []
    place = torch.arange(-4.0, 5.0, device=level.device)
    num_bands, steps = level.shape[1:]
    early = nn.functional.pad(level, (4, 4)).unfold(2, steps, 1)  # (B, 7, lags, steps)
    for apart in _APART:
        products = level[:, : num_bands - apart, None] * early[:, apart:].flip(2)
        found = stretches.sums(products, grid, cut) / length[..., None]  # (B, W, pairs, lags)
        found = found / (deviation[..., : num_bands - apart] * deviation[..., apart:])[..., None]
        parts += [found.max(3).values, found[..., 4], (torch.softmax(found * 20.0, dim=3) * place).sum(3)]
    early = nn.functional.pad(level, (39, 0))[..., : steps + 36].unfold(2, steps, 1)  # (B, 7, lags, steps), 39 first
    own = stretches.sums(level[:, :, None] * early, grid, cut) / length[..., None] / deviation[..., None] ** 2
    parts += [own.max(3).values, own.min(3).values]
    return [part.to(level.dtype) for part in parts]


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
