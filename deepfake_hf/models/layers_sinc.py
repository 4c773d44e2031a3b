"""The front end and encoder of AASIST: fixed band-pass filters on the waveform, residual blocks on what they give."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def mel_sinc_filters(num_filters: int, num_taps: int, sampling_rate: int) -> torch.Tensor:
    """Band-pass filters whose bands touch each other and are equally wide in mel.

    Each is the difference of two ideal low-passes under a Hamming window.

    Args:
        num_filters: From 0 Hz to half the sampling rate.
        num_taps: Odd.
        sampling_rate: Hz.

    Returns:
        float32 (num_filters, 1, num_taps).

    Source: Ravanelli & Bengio 2018 (arXiv:1808.00158), equation 4, with mel edges (2595 log10(1 + f / 700)) that stay
    as they are, as RawNet2 (Tak et al. 2021, arXiv:2011.01108) has them.
    """
    top = 2595.0 * np.log10(1.0 + sampling_rate / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, num_filters + 1) / 2595.0) - 1.0)  # Hz
    share = 2.0 * edges[:, None] / sampling_rate  # of half the rate
    place = np.arange(num_taps) - (num_taps - 1) / 2  # samples
    low_passes = share * np.sinc(share * place)  # (num_filters + 1, num_taps)
    filters = (low_passes[1:] - low_passes[:-1]) * np.hamming(num_taps)
    return torch.from_numpy(filters.astype(np.float32))[:, None]  # numpy: models are built on the meta device too


class SincFrontEnd(nn.Module):
    """Filter, take magnitudes, keep the largest of 3 bands x 3 moments, norm, SELU.

    The filters are a persistent buffer: on the meta device they are made by nobody else than the file.
    """

    filters: torch.Tensor

    def __init__(self, num_filters: int, num_taps: int, sampling_rate: int) -> None:
        super().__init__()
        filters = mel_sinc_filters(num_filters, num_taps, sampling_rate)
        self.register_buffer("filters", filters.to(torch.get_default_dtype()))  # from_pretrained(dtype=…) sets it
        self.pool = nn.MaxPool2d(3)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """(B, num_samples) -> (B, 1, num_filters // 3, (num_samples - num_taps + 1) // 3)."""
        bands = nn.functional.conv1d(waveform[:, None], self.filters)  # (B, bands, moments)
        return nn.functional.selu(self.norm(self.pool(bands.abs()[:, None])))


class ResidualBlock(nn.Module):
    """Two convolutions of 2 bands x 3 moments beside a short cut, then the largest of 3 moments.

    Source: Jung et al. 2022 (arXiv:2110.01200); norm and activation first after He et al. 2016 (arXiv:1603.05027).
    """

    def __init__(self, num_in: int, num_out: int, preactivation: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_in) if preactivation else None
        self.conv1 = nn.Conv2d(num_in, num_out, (2, 3), padding=1)
        self.norm2 = nn.BatchNorm2d(num_out)
        self.conv2 = nn.Conv2d(num_out, num_out, (2, 3), padding=(0, 1))
        self.shortcut = nn.Conv2d(num_in, num_out, (1, 3), padding=(0, 1)) if num_in != num_out else nn.Identity()
        self.pool = nn.MaxPool2d((1, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, bands, moments) -> (B, C', bands, moments // 3)."""
        made = x if self.norm1 is None else nn.functional.selu(self.norm1(x))
        made = nn.functional.selu(self.norm2(self.conv1(made)))  # one band more, which the second takes back
        return self.pool(self.conv2(made) + self.shortcut(x))
