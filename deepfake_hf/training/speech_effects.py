"""More that may happen to training sound: codecs, convolutive noise, audiomentations, and masks on spectrograms."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin
from torch import Tensor

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.media import AudioCodec, codec_roundtrip

CODECS: Final[tuple[tuple[AudioCodec, tuple[int, int] | None], ...]] = (  # name, range of bit rates in bit/s
    ("mp3", (24_000, 128_000)),
    ("mp3", (48_000, 128_000)),
    ("aac", (24_000, 128_000)),
    ("aac", (48_000, 128_000)),
    ("opus", (12_000, 64_000)),
    ("opus", (24_000, 64_000)),
    ("pcm_mulaw", None),
    ("pcm_alaw", None),
)
# Those that keep length and time and need neither files of sound nor further packages, with ranges that speech bears.
AUDIOMENTATIONS: Final[dict[str, dict[str, Any]]] = {
    "Aliasing": {"min_sample_rate": 6_000, "max_sample_rate": 15_000},
    "BitCrush": {"min_bit_depth": 6, "max_bit_depth": 12},
    "GainTransition": {},
    "SevenBandParametricEQ": {},
    "TanhDistortion": {},
    "TimeMask": {"max_band_part": 0.1},
}
_ORDERS, _BANDS = 5, 5  # RawBoost's defaults
Wave = NDArray[np.float32]


def random_codec(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Send a wave through one of ``CODECS`` at a random bit rate: float32, the length it came with."""
    codec, limits = CODECS[int(rng.integers(len(CODECS)))]
    bit_rate = None
    if limits is not None:
        bit_rate = round(float(np.exp(rng.uniform(*np.log(limits)))) / 1000) * 1000
    return codec_roundtrip(waveform, sampling_rate, codec, bit_rate)


def convolutive_noise(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Add filtered powers of the sound to itself, as cheap microphones and amplifiers do.

    Each power from 1 to 5 goes through its own filter of five random stop bands; those from 2 on are 5 to 20 dB
    weaker. The filters have a linear phase and their delay is taken out.

    Args:
        waveform: float32 (num_samples,) in [-1, 1].
        sampling_rate: Hz.
        rng: Source of every choice.

    Returns:
        float32 (num_samples,), zero mean, its largest value that of the input.

    Source: RawBoost's linear and non-linear convolutive noise (Tak et al. 2022, arXiv:2111.04433, section 3.1).
    """
    peak = float(np.abs(waveform).max(initial=0.0))
    if peak == 0.0:
        return waveform.copy()
    total = np.zeros(len(waveform))
    for order in range(1, _ORDERS + 1):
        gain_db = 0.0 if order == 1 else -float(rng.uniform(5.0, 20.0))
        part = (waveform.astype(np.float64) / peak) ** order
        total += 10.0 ** (gain_db / 20.0) * fftconvolve(part, _stop_bands(sampling_rate, rng), mode="same")
    total -= total.mean()
    return (total * (peak / max(float(np.abs(total).max()), 1e-9))).astype(np.float32)


def _stop_bands(sampling_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A filter of odd length with random stop bands one after the other, its largest gain 1: float64 (taps,)."""
    whole = np.ones(1)
    top_hz = sampling_rate / 2 - 1.0
    for _ in range(_BANDS):
        middle_hz, width_hz = rng.uniform(20.0, min(8000.0, top_hz)), rng.uniform(100.0, 1000.0)
        low_hz, high_hz = max(middle_hz - width_hz / 2, 1.0), min(middle_hz + width_hz / 2, top_hz)
        taps = 2 * int(rng.integers(5, 50)) + 1
        whole = np.convolve(whole, firwin(taps, (low_hz, high_hz), fs=sampling_rate, pass_zero="bandstop"))
    return whole / np.abs(np.fft.rfft(whole, 4096)).max()


def audiomentation(name: str, waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Apply a transform of the library audiomentations, its choices made from ``rng``.

    Args:
        name: One of ``AUDIOMENTATIONS``.
        waveform: float32 (num_samples,).
        sampling_rate: Hz.
        rng: Gives the seed; the library's global generators are left as they were.

    Returns:
        float32 (num_samples,).

    Raises:
        UsageError: Another name.
        MissingDependencyError: The library is not installed.
    """
    with _seeded(int(rng.integers(2**31))):
        return np.asarray(_transform(name)(waveform, sample_rate=sampling_rate), np.float32)


@lru_cache(maxsize=len(AUDIOMENTATIONS))
def _transform(name: str) -> Any:
    if name not in AUDIOMENTATIONS:
        raise UsageError(f"effect {name!r}", "it is not offered", f"use some of {sorted(AUDIOMENTATIONS)}")
    try:
        import audiomentations
    except ImportError as error:
        raise MissingDependencyError(
            f"effect {name}", "audiomentations is not installed", "pip install 'deepfake-hf[train]'"
        ) from error
    return getattr(audiomentations, name)(p=1.0, **AUDIOMENTATIONS[name])


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """audiomentations draws from the global generators of ``random`` and numpy."""
    held = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(held[0])
        np.random.set_state(held[1])


def spec_augment(
    input_values: Tensor,
    rng: np.random.Generator,
    time_masks: int = 2,
    max_time: int = 30,
    bin_masks: int = 2,
    max_bins: int = 12,
    max_time_share: float = 0.2,
    lengths: Sequence[int] | None = None,
) -> Tensor:
    """Mask stretches of time and of frequency, other ones in every row of a batch.

    Args:
        input_values: float (B, L, num_bins), normalised, so that the value put in, 0, is the mean.
        rng: Gives the seed; torch's global generator is left as it was.
        time_masks: Stretches of time masked in each row.
        max_time: Longest of them, steps.
        bin_masks: Bands of frequency masked in each row.
        max_bins: Widest of them, bins.
        max_time_share: No mask of time is longer than this share of the row.
        lengths: (B,) steps of each row that are no padding; None for all.

    Returns:
        float (B, L, num_bins), a new tensor.

    Source: Park et al. 2019, SpecAugment (arXiv:1904.08779), without time warping, by torchaudio.
    """
    from torchaudio.transforms import SpecAugment

    mask = SpecAugment(time_masks, max_time, bin_masks, max_bins, iid_masks=True, p=max_time_share, zero_masking=True)
    masked = input_values.clone()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        for row, values in enumerate(masked):
            length = values.shape[0] if lengths is None else int(lengths[row])
            values[:length] = mask(values[:length].T[None])[0].T  # torchaudio takes (batch, bins, time)
    return masked
