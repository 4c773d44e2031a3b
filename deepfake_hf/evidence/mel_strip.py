"""A mel spectrogram of a sound of any length, with a bounded number of columns."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from torchaudio.functional import melscale_fbanks

from deepfake_hf.types import SoundPicture

BANDS: Final = 80
MAX_COLUMNS: Final = 1200
_FFT: Final = 512
_HOP: Final = 160
_FLOOR_DB: Final = 80.0


class MelStrip:
    """Gathers power in mel bands; whenever there are more than ``MAX_COLUMNS`` columns, neighbours become one.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._banks = melscale_fbanks(_FFT // 2 + 1, 0.0, rate / 2, BANDS, rate, mel_scale="htk").numpy()  # (257, 80)
        self._window = np.hanning(_FFT)
        self._sums = np.zeros((MAX_COLUMNS, BANDS))
        self._counts = np.zeros(MAX_COLUMNS)
        self._hops = 1  # of a column
        self._start_s: float | None = None

    def add(self, waveform: NDArray[np.float32], start_s: float) -> None:
        """Take a block, float32 (num_samples,), that begins at ``start_s``; a gap stays empty."""
        if self._start_s is None:
            self._start_s = start_s
        starts = np.arange(0, len(waveform) - _FFT + 1, _HOP)
        if not len(starts):
            return
        frames = np.lib.stride_tricks.sliding_window_view(waveform, _FFT)[starts]
        power = np.abs(np.fft.rfft(frames * self._window)) ** 2 @ self._banks  # (T, 80)
        hops = np.floor((start_s - self._start_s) * self.rate / _HOP + 1e-6).astype(int) + np.arange(len(starts))
        while hops[-1] // self._hops >= MAX_COLUMNS:
            for held in (self._sums, self._counts):
                half = held[::2] + held[1::2]
                held[: MAX_COLUMNS // 2], held[MAX_COLUMNS // 2 :] = half, 0
            self._hops *= 2
        np.add.at(self._sums, hops // self._hops, power)
        np.add.at(self._counts, hops // self._hops, 1)

    def picture(self) -> SoundPicture | None:
        """The strip; None where no sound came."""
        if self._start_s is None or not self._counts.any():
            return None
        last = int(np.flatnonzero(self._counts)[-1]) + 1
        mean = self._sums[:last] / np.maximum(self._counts[:last, None], 1)
        level = 10 * np.log10(mean + 1e-10)
        level = np.maximum(level - level.max(), -_FLOOR_DB).T.astype(np.float32)  # (80, T)
        return SoundPicture(level, self._start_s, self._hops * _HOP / self.rate, self.rate / 2)
