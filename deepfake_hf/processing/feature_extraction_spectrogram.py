"""Waveform in, log spectrogram out: the processor of the audio detector, with all its constants in its own json."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from .feature_extraction_sound import SoundFeatureExtractor

_KINDS = ("log_linear", "log_mel", "log_cqt")
_PARTS = 8  # short windows in a hop


def constant_q_plan(
    sampling_rate: int, min_hz: float, max_hz: float, bins_per_octave: int
) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and windows of a constant-Q transform.

    Args:
        sampling_rate: Hz.
        min_hz: Lowest frequency.
        max_hz: Bound that no frequency passes.
        bins_per_octave: Bins from a frequency to its double.

    Returns:
        Frequencies, Hz, and window lengths, samples (int64), both (num_bins,), the lowest and longest first.

    Source: Brown 1991, J. Acoust. Soc. Am. 89(1), 425-434, equations 1 to 5.
    """
    num_bins = 1 + int(np.floor(bins_per_octave * np.log2(max_hz / min_hz) + 1e-9))
    hertz = min_hz * 2.0 ** (np.arange(num_bins) / bins_per_octave)
    quality = 1.0 / (2.0 ** (1.0 / bins_per_octave) - 1.0)
    return hertz, np.ceil(quality * sampling_rate / hertz).astype(np.int64)


@lru_cache(maxsize=2)
def constant_q_kernels(
    sampling_rate: int, min_hz: float, max_hz: float, bins_per_octave: int, win_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines under Hann windows of sum 1, centred in a frame: twice float32 (win_length, num_bins).

    Args as of :func:`constant_q_plan`; ``win_length``, samples, holds the longest window. The result is shared between
    calls: don't write to it.
    """
    hertz, lengths = constant_q_plan(sampling_rate, min_hz, max_hz, bins_per_octave)
    kernels = np.zeros((win_length, len(hertz)), np.complex128)
    for column, (frequency, length) in enumerate(zip(hertz, lengths, strict=True)):
        place = np.arange(length)
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * place / length)
        first = (win_length - length) // 2
        turns = place * (frequency / sampling_rate)
        kernels[first : first + length, column] = window / window.sum() * np.exp(-2j * np.pi * turns)
    return kernels.real.astype(np.float32), kernels.imag.astype(np.float32)


class SpectrogramFeatureExtractor(SoundFeatureExtractor):
    """Log-power spectrograms that level and DC offset can't change.

    Each clip loses its mean and is brought to RMS 1; power below ``floor_db`` (relative to a sine at the clip's RMS in
    one bin) is lost in the floor, and ``(dB - mean_db) / std_db`` is given out. Frames are never taken across the end
    of a clip, so padding a batch changes nothing.

    Args:
        feature_size: Number of bins; set from the other arguments where it is 0.
        sampling_rate: Hz of the waveforms that may come in.
        padding_value: What padded frames hold.
        kind: ``log_linear`` (every FFT bin between ``min_hz`` and ``max_hz``), ``log_mel`` (Slaney mel bands) or
            ``log_cqt`` (constant-Q transform, Brown 1991: from ``min_hz`` up, ``bins_per_octave`` steps to the octave,
            each under a Hann window of ``Q = 1 / (2 ** (1 / bins_per_octave) - 1)`` periods in the frame's middle).
        n_fft: FFT size in samples; ``log_cqt``, which has no FFT, does not read it.
        win_length: Hann window in samples; with ``log_cqt`` the length of a frame, which must hold the lowest window.
        hop_length: Step in samples.
        num_mel_bins: Bands of ``log_mel``.
        bins_per_octave: Bins of ``log_cqt`` from a frequency to its double.
        min_hz: Lowest frequency that is kept.
        max_hz: Highest frequency that is kept; below Nyquist, so that a resampler's edge is out of sight.
        floor_db: Floor, dB.
        mean_db: Subtracted, dB.
        std_db: Divided by, dB.
        short_win_length: Hann window and FFT size, in samples, of a second spectrogram of the same shape behind the
            first, or 0 for none. It has an eighth of the bands and eight times the frames: value ``8 * k + t`` of a
            frame is band ``k`` at its ``t``-th eighth, so that both pictures have the same frequency in the same
            place. A long window shows harmonics; a short one shows pulses, and so what a vocoder does to phases.

    Raises:
        ValueError: The kind is unknown or the frequencies and windows don't fit the sampling rate and each other.
    """

    def __init__(
        self,
        feature_size: int = 0,
        sampling_rate: int = 16_000,
        padding_value: float = 0.0,
        kind: str = "log_linear",
        n_fft: int = 512,
        win_length: int = 400,
        hop_length: int = 160,
        num_mel_bins: int = 128,
        bins_per_octave: int = 16,
        min_hz: float = 60.0,
        max_hz: float = 7_600.0,
        floor_db: float = -75.0,
        mean_db: float = -35.0,
        std_db: float = 18.0,
        short_win_length: int = 0,
        **kwargs: Any,
    ) -> None:
        if kind not in _KINDS:
            raise ValueError(f"Unknown spectrogram kind {kind!r}. Use one of {_KINDS}.")
        if not 0 <= min_hz < max_hz <= sampling_rate / 2 or (kind != "log_cqt" and win_length > n_fft):
            raise ValueError(
                f"{min_hz} to {max_hz} Hz with a window of {win_length} in an FFT of {n_fft} does not fit "
                f"{sampling_rate} Hz. Keep 0 <= min_hz < max_hz <= sampling_rate / 2 and win_length <= n_fft."
            )
        self.kind, self.n_fft, self.win_length, self.hop_length = kind, n_fft, win_length, hop_length
        self.num_mel_bins, self.bins_per_octave = num_mel_bins, bins_per_octave
        self.min_hz, self.max_hz = min_hz, max_hz
        self.floor_db, self.mean_db, self.std_db = floor_db, mean_db, std_db
        num_bins = num_mel_bins
        if kind == "log_linear":
            hertz = np.arange(n_fft // 2 + 1) * sampling_rate / n_fft
            num_bins = int(((hertz >= min_hz) & (hertz <= max_hz)).sum())
        self.short_win_length = short_win_length
        if kind == "log_cqt":
            if min_hz <= 0 or bins_per_octave < 1 or short_win_length:
                raise ValueError(
                    f"log_cqt with min_hz {min_hz}, bins_per_octave {bins_per_octave} and short_win_length "
                    f"{short_win_length}: its steps are ratios from a frequency above zero, and it has no second "
                    "picture. Leave short_win_length 0."
                )
            hertz, lengths = constant_q_plan(sampling_rate, min_hz, max_hz, bins_per_octave)
            num_bins = len(hertz)
            if lengths[0] > win_length:
                raise ValueError(
                    f"{bins_per_octave} bins to the octave at {min_hz} Hz need windows of {lengths[0]} samples, and "
                    f"win_length is {win_length}. Raise win_length or min_hz, or take fewer bins."
                )
        if short_win_length:
            too_long = hop_length + short_win_length > win_length
            if num_bins % _PARTS or hop_length % _PARTS or too_long or num_bins // _PARTS > short_win_length // 2:
                raise ValueError(
                    f"{num_bins} bins, a hop of {hop_length} and windows of {win_length} and {short_win_length} "
                    f"samples don't fit: {_PARTS} must divide bins and hop, the long window must hold the hop and a "
                    f"short one, and the short one must have an FFT bin for every {_PARTS} bins."
                )
        num_bins *= self.num_channels
        if feature_size not in (0, num_bins):
            raise ValueError(f"feature_size is {feature_size}, but {kind} gives {num_bins} values. Leave it 0.")
        super().__init__(num_bins, sampling_rate, padding_value, **kwargs)

    @property
    def num_channels(self) -> int:
        """Spectrograms behind one another in a frame."""
        return 2 if self.short_win_length else 1

    def num_frames(self, num_samples: int) -> int:
        """How many frames a clip of this many samples gives (at least one)."""
        return 1 + max(num_samples - self.win_length, 0) // self.hop_length

    def features(self, waveform: np.ndarray | torch.Tensor) -> np.ndarray:
        """One clip's features.

        Args:
            waveform: (num_samples,) mono sound of any level.

        Returns:
            float32 (L, feature_size).

        Raises:
            ValueError: The clip is empty, has more than one dimension, or is not finite.
        """
        x = torch.as_tensor(np.asarray(waveform), dtype=torch.float64)
        if x.ndim != 1 or x.numel() == 0 or not bool(torch.isfinite(x).all()):
            raise ValueError(
                f"A clip must be a finite, non-empty array of shape (num_samples,), not {tuple(x.shape)}. "
                "Mix channels down, drop empty clips and replace NaN first."
            )
        x = x - x.mean()
        x = x / x.square().mean().sqrt().clamp_min(1e-7)
        x = torch.nn.functional.pad(x.float(), (0, max(self.win_length - x.numel(), 0)))
        frames = x.unfold(0, self.win_length, self.hop_length)  # (L, win_length)
        power = self._constant_q_power(frames) if self.kind == "log_cqt" else self._fft_power(frames)
        if self.short_win_length:
            power = torch.cat([power, self._short_power(x, len(power))], dim=1)
        decibel = 10.0 * torch.log10(power + 10.0 ** (self.floor_db / 10.0))
        return ((decibel - self.mean_db) / self.std_db).numpy()

    def _fft_power(self, frames: torch.Tensor) -> torch.Tensor:
        """(L, win_length) -> (L, num_bins): FFT bins that are kept, or mel bands."""
        window = torch.hann_window(self.win_length)
        power = torch.fft.rfft(frames * window, n=self.n_fft).abs().square() * (2.0 / window.sum() ** 2)
        if self.kind == "log_mel":
            return power @ self._mel_bank()
        step = self.sampling_rate / self.n_fft
        first = int(np.ceil(self.min_hz / step - 1e-9))
        return power[:, first : first + self.feature_size // self.num_channels]

    def _constant_q_power(self, frames: torch.Tensor) -> torch.Tensor:
        """(L, win_length) -> (L, num_bins): each bin's window multiplied with a cosine and a sine of its frequency."""
        plan = (self.sampling_rate, self.min_hz, self.max_hz, self.bins_per_octave, self.win_length)
        cosines, sines = (torch.from_numpy(part) for part in constant_q_kernels(*plan))  # (win_length, num_bins)
        return 2.0 * ((frames @ cosines).square() + (frames @ sines).square())

    def _short_power(self, x: torch.Tensor, num_frames: int) -> torch.Tensor:
        """(num_samples,) -> (L, num_bins): in each frame, ``_PARTS`` short windows about its middle, band by band."""
        size, hop = self.short_win_length, self.hop_length // _PARTS
        num_bands = self.feature_size // self.num_channels // _PARTS
        first = ((self.win_length - self.hop_length) // 2 - (size - hop) // 2) // hop
        pieces = x.unfold(0, size, hop)  # (S, size)
        places = torch.arange(num_frames)[:, None] * _PARTS + first + torch.arange(_PARTS)  # (L, parts)
        window = torch.hann_window(size)
        power = torch.fft.rfft(pieces * window).abs().square() * (2.0 / window.sum() ** 2)
        return power[places, 1 : num_bands + 1].transpose(1, 2).flatten(1)

    def _mel_bank(self) -> torch.Tensor:
        from transformers.audio_utils import mel_filter_bank

        bank = mel_filter_bank(
            self.n_fft // 2 + 1, self.num_mel_bins, self.min_hz, self.max_hz, self.sampling_rate, None, "slaney"
        )
        return torch.from_numpy(bank.astype(np.float32))
