"""Parts of the audio detector. Every part keeps padded frames at zero or out of its sums."""

from __future__ import annotations

import torch
from torch import nn


class MaskedConvBlock(nn.Module):
    """Convolutions 3 x 3 with batch norm; the first has the stride, later ones are residual.

    Padded frames are set to zero after every step: what a convolution reads behind a clip's end is then the same zero,
    whether the batch pads or the clip ends there.
    """

    def __init__(self, num_in: int, num_out: int, time_stride: int, bin_stride: int, num_convs: int) -> None:
        super().__init__()
        self.time_stride = time_stride
        strides = [(time_stride, bin_stride)] + [(1, 1)] * (num_convs - 1)
        inputs = [num_in] + [num_out] * (num_convs - 1)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, num_out, 3, stride, 1, bias=False) for width, stride in zip(inputs, strides, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(num_out) for _ in strides)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, C, L, F), mask bool (B, L) -> (B, C', ceil(L / stride), F'), mask of that length."""
        mask = mask[:, :: self.time_stride]
        keep = mask[:, None, :, None]
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            made = norm(conv(x))
            x = torch.relu(made if i == 0 else made + x) * keep
        return x, mask


class AttentiveStatistics(nn.Module):
    """Attention-weighted mean and deviation over time (Okabe et al. 2018): (B, L, D) -> (B, 2 D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x (B, L, D) float, mask bool (B, L); a row without a single real frame gives zeros."""
        score = self.score(x).squeeze(-1).float().masked_fill(~mask, -1e9)
        x = x.float()
        weight = (torch.softmax(score, dim=1) * mask)[..., None]  # (B, L, 1)
        mean = (weight * x).sum(1)
        variance = (weight * (x - mean[:, None]).square()).sum(1)
        return torch.cat([mean, torch.sqrt(variance + 1e-5)], dim=1)
