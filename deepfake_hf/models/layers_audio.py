"""Parts of the audio detector. Every part keeps padded frames at zero or out of its sums."""

from __future__ import annotations

import torch
from torch import nn

_MOMENTUM = 0.1  # of the running statistics, as torch has it


class MaskedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm of (B, C, …) whose statistics in training are those of the real frames alone.

    Names and eval mode are those of ``nn.BatchNorm1d`` and ``nn.BatchNorm2d``. Torch's own would let the number of
    padded frames, and what a bias makes of them, into mean and variance.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, momentum=_MOMENTUM)

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"batch norm got {tuple(input.shape)}, it needs (B, {self.num_features}, …)")

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """x (B, C, …), keep bool that broadcasts to x with one channel, or None where all is real -> as x."""
        if keep is None or not self.training:
            return super().forward(x)
        weight = keep.expand(x.shape[0], 1, *x.shape[2:]).float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = weight.sum().clamp_min(1.0)
        wide, shape = x.float(), (1, -1, *[1] * (x.ndim - 2))
        mean = (wide * weight).sum(axes) / count  # (C,)
        variance = ((wide - mean.view(shape)).square() * weight).sum(axes) / count
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        with torch.no_grad():
            unbiased = variance * count / (count - 1.0).clamp_min(1.0)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), _MOMENTUM)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), _MOMENTUM)
            self.num_batches_tracked.add_(1)
        made = (wide - mean.view(shape)) * torch.rsqrt(variance + self.eps).view(shape)
        return (made * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)


def strided(mask: torch.Tensor, stride: int, length: int) -> torch.Tensor:
    """Every ``stride``-th place of a mask (B, L): (B, length), length = ceil(L / stride).

    A slice would do the same, but an export does not see that its length is that of the map beside it.
    """
    return mask[:, torch.arange(length, device=mask.device) * stride]


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
        self.norms = nn.ModuleList(MaskedBatchNorm(num_out) for _ in strides)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, padded: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, C, L, F), mask bool (B, L) -> (B, C', ceil(L / stride), F'), mask of that length.

        ``padded`` False says that the mask is all ones, which spares batch norm the search for real frames.
        """
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            made = conv(x)
            if i == 0:
                mask = strided(mask, self.time_stride, made.shape[2])
                keep = mask[:, None, :, None]
            made = norm(made, keep if padded else None)
            x = torch.relu(made if i == 0 else made + x) * keep
        return x, mask


class MaskedPoolBlock(nn.Module):
    """Convolutions 3 x 3 with batch norm and ReLU, then the largest value of every cell of ``time`` x ``bin`` steps.

    A ReLU's zero is the least that can be: padded frames, held at zero, never win a cell that has a real frame, and a
    cell cut off by the end of the map is as one filled up with zeros.
    """

    def __init__(self, num_in: int, num_out: int, time_stride: int, bin_stride: int, num_convs: int) -> None:
        super().__init__()
        inputs = [num_in] + [num_out] * (num_convs - 1)
        self.convs = nn.ModuleList(nn.Conv2d(width, num_out, 3, 1, 1, bias=False) for width in inputs)
        self.norms = nn.ModuleList(MaskedBatchNorm(num_out) for _ in inputs)
        self.cell = (time_stride, bin_stride)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, padded: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, C, L, F), mask bool (B, L) -> (B, C', ceil(L / time), ceil(F / bin)), mask of that length."""
        keep = mask[:, None, :, None]
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = torch.relu(norm(conv(x), keep if padded else None)) * keep
        # what is too much is dropped; how much is missing would be one case in an export and none another
        x = nn.functional.max_pool2d(nn.functional.pad(x, (0, self.cell[1] - 1, 0, self.cell[0] - 1)), self.cell)
        return x, strided(mask, self.cell[0], x.shape[2])


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


def global_mean(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over real frames and all bins: x (B, C, L, F), mask bool (B, L) -> float32 (B, C); zeros if all is pad."""
    weight = mask[:, None, :].float()  # (B, 1, L)
    return (x.float().mean(3) * weight).sum(2) / weight.sum(2).clamp_min(1.0)


def split_windows(x: torch.Tensor, mask: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut clips into windows side by side, the last one filled up with padding.

    Args:
        x: (B, L, F).
        mask: bool (B, L).
        size: Frames of a window.

    Returns:
        (B * W, size, F) and bool (B * W, size) with W = ceil(L / size): a clip's windows one behind the other.
    """
    whole = (x.shape[1] + size - 1) // size * size
    # padded too far and cut: in an export, padding by nothing would be a case of its own
    x, mask = nn.functional.pad(x, (0, 0, 0, size))[:, :whole], nn.functional.pad(mask, (0, size))[:, :whole]
    return x.reshape(-1, size, x.shape[2]), mask.reshape(-1, size)


def join_windows(pooled: torch.Tensor, mask: torch.Tensor, batch: int) -> torch.Tensor:
    """Mean of a clip's windows by their real frames: (B * W, D), bool (B * W, L) -> float32 (B, D)."""
    weight = mask.sum(1).float().view(batch, -1, 1)  # (B, W, 1)
    return (pooled.float().view(batch, weight.shape[1], -1) * weight).sum(1) / weight.sum(1).clamp_min(1.0)
