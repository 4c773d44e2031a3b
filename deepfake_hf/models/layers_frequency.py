"""Frequency planes of a picture, and a small branch of convolutions that reads them."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn

_BLOCK = 8  # side of a DCT block, pixels: that of JPEG
# A DCT coefficient (u, v) belongs to the first band whose limit is above u + v.
_BAND_LIMITS = (2, 5, 2 * _BLOCK - 1)
_WIDTHS = (32, 64, 128)
PLANES: Final = {"fft": 4, "dct": 3 * len(_BAND_LIMITS), "dwt": 12}


def log_spectrum(pixels: Tensor) -> Tensor:
    """Log-magnitude of the 2-D Fourier transform of each channel, and where each of its values stands.

    Args:
        pixels: float32 (B, 3, H, W).

    Returns:
        float32 (B, 4, H, W), zero frequency in the middle: log(1 + magnitude), the transform orthonormal, of the three
        channels; then the distance from zero frequency in cycles per pixel, which pooling would otherwise forget.

    Source: Durall et al. 2019 (arXiv:1911.00686), the spectrum by radius; here the radius is a plane.
    """
    spectrum = torch.fft.fftshift(torch.fft.fft2(pixels, norm="ortho"), dim=(-2, -1))
    # fftshift of fftfreq, in steps that can be exported
    down, right = ((torch.arange(side, device=pixels.device) - side // 2) / side for side in pixels.shape[-2:])
    radius = (down[:, None].square() + right.square()).sqrt().expand(pixels.shape[0], 1, -1, -1)
    return torch.cat((spectrum.abs().log1p(), radius), dim=1)


def dct_basis(device: torch.device) -> Tensor:
    """The orthonormal DCT-II of 8 values as a matrix: float32 (8, 8), rows are frequencies."""
    frequency = torch.arange(_BLOCK, device=device, dtype=torch.float32)[:, None]
    place = torch.arange(_BLOCK, device=device, dtype=torch.float32)
    basis = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    return torch.where(frequency == 0, basis / math.sqrt(2), basis)


def dct_bands(pixels: Tensor, shift: Tensor) -> Tensor:
    """The picture in low, middle and high frequencies: DCT of 8 x 8 blocks, weighted by band, and back.

    Args:
        pixels: float32 (B, 3, H, W), sides multiples of 8.
        shift: float32 (3 bands, 8, 8), learnt; each coefficient's weight in a band is 1 where it belongs to the band
            and 0 elsewhere, plus tanh(shift / 2).

    Returns:
        float32 (B, 9, H, W), channel by channel its three bands. With a shift of zero they add up to the picture.

    Raises:
        ValueError: A side is no multiple of 8.

    Source: the frequency-aware decomposition of Qian et al. 2020 (arXiv:2007.09355), section 3.1, on blocks.
    """
    batch, channels, height, width = pixels.shape
    if height % _BLOCK or width % _BLOCK:
        raise ValueError(f"pixel_values are {height} x {width}: the block DCT needs multiples of {_BLOCK}, resize them")
    basis = dct_basis(pixels.device)
    order = torch.arange(_BLOCK, device=pixels.device)
    diagonal = order[:, None] + order  # (8, 8): u + v
    edges = (0, *_BAND_LIMITS)
    inside = [(diagonal >= low) & (diagonal < high) for low, high in pairwise(edges)]
    weights = torch.stack(inside).float() + torch.tanh(0.5 * shift)  # (3, 8, 8)
    rows, columns = height // _BLOCK, width // _BLOCK
    blocks = pixels.reshape(batch, channels, rows, _BLOCK, columns, _BLOCK).transpose(3, 4)  # (B, 3, …, …, 8, 8)
    coefficients = (basis @ blocks @ basis.T)[:, :, None] * weights[:, None, None]  # (B, 3, bands, rows, columns, 8, 8)
    return (basis.T @ coefficients @ basis).transpose(4, 5).reshape(batch, -1, height, width)


def haar_planes(pixels: Tensor) -> Tensor:
    """One level of the orthonormal Haar wavelet.

    Args:
        pixels: float32 (B, 3, H, W), sides even.

    Returns:
        float32 (B, 12, H / 2, W / 2): of the three channels the averages, then the differences between columns, then
        those between rows, then the differences of both.

    Raises:
        ValueError: A side is odd.

    Source: Wolter et al. 2021 (arXiv:2106.09369) for wavelets against generated faces.
    """
    if pixels.shape[-2] % 2 or pixels.shape[-1] % 2:
        height, width = pixels.shape[-2:]
        raise ValueError(f"pixel_values are {height} x {width}: the Haar wavelet needs even sides, resize them")
    upper, lower = pixels[..., ::2, :], pixels[..., 1::2, :]
    a, b, c, d = upper[..., ::2], upper[..., 1::2], lower[..., ::2], lower[..., 1::2]  # each (B, 3, H / 2, W / 2)
    planes = (a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d)
    return torch.cat(planes, dim=1) / 2


class FrequencyPlanes(nn.Module):
    """One of the three views of a picture, computed in float32 whatever the model's precision.

    Args:
        kind: ``fft`` (:func:`log_spectrum`), ``dct`` (:func:`dct_bands`) or ``dwt`` (:func:`haar_planes`).
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.out_channels = PLANES[kind]
        if kind == "dct":
            self.shift = nn.Parameter(torch.zeros(len(_BAND_LIMITS), _BLOCK, _BLOCK))

    def forward(self, pixels: Tensor) -> Tensor:
        """float (B, 3, H, W), normalised, to (B, ``out_channels``, …) of the same dtype."""
        with _no_autocast(pixels.device.type):
            exact = pixels.float()
            if self.kind == "fft":
                planes = log_spectrum(exact)
            elif self.kind == "dct":
                planes = dct_bands(exact, self.shift.float())
            else:
                planes = haar_planes(exact)
        return planes.to(pixels.dtype)


def _no_autocast(device: str) -> AbstractContextManager[Any]:
    """High bands are small differences, which bf16 would lose; where autocast is off the graph stays free of it."""
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


class FrequencyBranch(nn.Module):
    """Frequency planes through three strided convolutions and average pooling.

    Args:
        kind: Of :class:`FrequencyPlanes`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.planes = FrequencyPlanes(kind)
        self.norm = nn.BatchNorm2d(self.planes.out_channels)  # planes differ in scale by orders of magnitude
        layers: list[nn.Module] = []
        for width_in, width_out in zip((self.planes.out_channels, *_WIDTHS), _WIDTHS, strict=False):
            layers += [nn.Conv2d(width_in, width_out, 3, 2, 1, bias=False), nn.BatchNorm2d(width_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.out_features = _WIDTHS[-1]

    def forward(self, pixels: Tensor) -> Tensor:
        """float (B, 3, H, W), normalised, to (B, ``out_features``)."""
        return self.layers(self.norm(self.planes(pixels))).mean((2, 3))
