"""Attention-guided augmentation: where a model looks is blurred, so that it learns to look elsewhere too."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

_RESIZE, _BLUR_SIGMA, _KERNEL = 0.5, 7.0, 11  # of the degraded picture, pixels at the smaller size


def guided_drop(pixels: Tensor, maps: Tensor) -> Tensor:
    """Replace what one of the maps, chosen by chance for every crop, attends to by a degraded picture of it.

    crop * (1 - a) + degraded * a, where a is the chosen map, its largest value scaled to 1, and the degraded crop is
    made small, blurred and large again.

    Args:
        pixels: float (B, 3, H, W), normalised.
        maps: float (B, M, h, w), 0 or more; no gradient goes through them.

    Returns:
        float (B, 3, H, W).

    Source: Zhao et al. 2021 (arXiv:2103.02406), section 3.5, soft attention dropping; sizes as in the authors' code,
    whose noise and sharpening of the map are left out.
    """
    with torch.no_grad():
        chosen = torch.randint(maps.shape[1], (len(maps),), device=maps.device)
        attention = maps[torch.arange(len(maps), device=maps.device), chosen].float()[:, None]  # (B, 1, h, w)
        attention = torch.nn.functional.interpolate(
            attention, size=pixels.shape[-2:], mode="bilinear", align_corners=False
        )
        attention = attention / attention.amax((2, 3), keepdim=True).clamp(min=1e-8)
        side = [max(1, round(_RESIZE * length)) for length in pixels.shape[-2:]]
        small = F.gaussian_blur(F.resize(pixels, side, antialias=True), [_KERNEL, _KERNEL], [_BLUR_SIGMA] * 2)
        degraded = F.resize(small, list(pixels.shape[-2:]), antialias=True)
        return torch.lerp(pixels, degraded.to(pixels.dtype), attention.to(pixels.dtype))  # autocast blurs in bf16
