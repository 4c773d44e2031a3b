"""Mel spectrograms of speech cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.report.style import LIGHT, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_N_FFT: Final = 512
_HOP: Final = 160
_MELS: Final = 80
_FLOOR_DB: Final = 80.0
_TICKS_HZ: Final = (250, 500, 1000, 2000, 4000)


def mel_spectrogram_figure(waveform: NDArray[np.float32], sampling_rate: int, start_s: float = 0.0) -> Figure:
    """80 mel bands in dB under the loudest, against seconds.

    Args:
        waveform: float32 (num_samples,), longer than 32 ms.
        sampling_rate: Hz.
        start_s: When it begins.
    """
    import torch
    from torchaudio.functional import melscale_fbanks

    window = torch.hann_window(_N_FFT)
    sound = torch.from_numpy(np.ascontiguousarray(waveform, np.float32))
    power = torch.stft(sound, _N_FFT, _HOP, window=window, return_complex=True).abs() ** 2  # (257, T)
    banks = melscale_fbanks(_N_FFT // 2 + 1, 0.0, sampling_rate / 2, _MELS, sampling_rate, mel_scale="htk")
    level = 10 * torch.log10((banks.T @ power).clamp(min=1e-10))
    picture = (level - level.max()).clamp(min=-_FLOOR_DB).numpy()  # (80, T)
    figure = new_figure(4.4, 2.4)
    axes = figure.subplots()
    plain_axes(axes, LIGHT, "seconds", "kHz", grid=False)
    end_s = start_s + len(waveform) / sampling_rate
    extent = (start_s, end_s, 0, _MELS)
    axes.imshow(picture, aspect="auto", origin="lower", cmap="magma", extent=extent, interpolation="none")
    top = mel(sampling_rate / 2)
    ticks = [hz for hz in _TICKS_HZ if hz < sampling_rate / 2]
    axes.set_yticks([_MELS * mel(hz) / top for hz in ticks], [f"{hz / 1000:g}" for hz in ticks])
    return figure


def mel(hz: float) -> float:
    """Where a frequency in hertz stands on the mel scale."""
    return 2595 * float(np.log10(1 + hz / 700))
