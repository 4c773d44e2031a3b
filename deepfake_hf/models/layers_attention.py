"""Spatial attention over feature maps: one learnt mask, self-attention, or several maps with bilinear pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Regional independence loss, Zhao et al. 2021 (arXiv:2103.02406), section 4.1: how far a region of a real and of a fake
# face may lie from the region's centre, how far centres must lie apart, and how fast centres follow. The authors' code
# (yoctta/multiple-attention, config.py) has the same rate, times 0.9 each epoch, which is left out here, but other
# distances (0.1 for real faces, 0.5 between centres), measured over all regions together and not over each.
_INNER_REAL, _INNER_FAKE, _OUTER, _CENTRE_RATE = 0.05, 0.1, 0.2, 0.05
_TEXTURE_GROWTH = 32


class AutoAttention(nn.Module):
    """One mask: 1 x 1 convolution and sigmoid (Bonettini et al. 2020, arXiv:2004.07676, section III-B)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """float (B, C, h, w) to the mask, (B, 1, h, w) in [0, 1]."""
        return torch.sigmoid(self.conv(features))


class MultiHeadAttention(nn.Module):
    """Self-attention whose values are the features themselves: its weights are multiplied with them, then averaged.

    Queries and keys are linear in the features and without bias (a bias of the keys cancels in the softmax). There is
    no projection behind it. Source: scaled dot products of Vaswani et al. 2017 (arXiv:1706.03762).

    Args:
        channels: Of the feature map.
        heads: Each has its own share of the channels.

    Raises:
        ValueError: The heads don't divide the channels.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{heads} heads don't divide the {channels} channels of the last map. Choose a divisor")
        self.heads = heads
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pool a feature map.

        Args:
            features: float (B, C, h, w).

        Returns:
            Pooled features (B, C); how much each place counts in them, (B, heads, h, w), in [0, 1] with sum 1; the
            attention weights, (B, heads, h * w, h * w).
        """
        tokens = features.flatten(2).transpose(1, 2)  # (B, N, C), N = h * w
        parts = (self.query(tokens), self.key(tokens), tokens)
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)  # (B, heads, N, …)
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        weights = scores.float().softmax(-1).to(tokens.dtype)  # (B, heads, N, N)
        # the mean over queries of (weights @ value) is (mean over queries of weights) @ value
        share = weights.mean(2, keepdim=True)  # (B, heads, 1, N)
        pooled = (share @ value).flatten(1)  # (B, C)
        return pooled, share.unflatten(3, features.shape[-2:]).squeeze(2), weights


def bilinear_attention_pooling(features: Tensor, maps: Tensor) -> Tensor:
    """The features summed under each map and scaled to length 1 ("normalised average pooling").

    Args:
        features: float (B, C, h, w).
        maps: float (B, M, h', w'), not negative; resized to h x w.

    Returns:
        float (B, M, C). A map of zeros gives zeros.

    Source: Zhao et al. 2021, section 3.2, after Hu et al. 2019 (arXiv:1901.09891).
    """
    if maps.shape[-2:] != features.shape[-2:]:
        maps = F.interpolate(maps, size=features.shape[-2:], mode="bilinear", align_corners=False)
    return F.normalize(torch.einsum("bmhw,bchw->bmc", maps, features), dim=-1)


class TextureEnhancement(nn.Module):
    """What local averages leave of shallow features, through three densely connected convolutions.

    Args:
        channels: Of the shallow features.
        patch: Side of the patches that are averaged, cells.
    """

    def __init__(self, channels: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, _TEXTURE_GROWTH, 3, padding=1, bias=False))
            for width in range(channels, channels + 3 * _TEXTURE_GROWTH, _TEXTURE_GROWTH)
        )
        self.out_channels = channels + 3 * _TEXTURE_GROWTH

    def forward(self, shallow: Tensor) -> tuple[Tensor, Tensor]:
        """float (B, C, h, w) to the texture (B, ``out_channels``, h, w) and the averages (B, C, h', w')."""
        smooth = F.avg_pool2d(shallow, self.patch, ceil_mode=True)
        texture = shallow - F.interpolate(smooth, size=shallow.shape[-2:], mode="bilinear", align_corners=False)
        for layer in self.layers:
            texture = torch.cat((texture, layer(texture)), dim=1)
        return texture, smooth


class MultiAttention(nn.Module):
    """Several maps guide the pooling of enhanced texture and, added up, that of the last features.

    Zhao et al. 2021 (arXiv:2103.02406), sections 3.2 to 3.4; the attention-guided augmentation belongs to training.

    Args:
        shallow_channels: Of the features that are enhanced.
        channels: Of the features from which the maps are made.
        deep_channels: Of the last feature map.
        num_maps: M.
        patch: See :class:`TextureEnhancement`.
    """

    centres: Tensor
    batches_seen: Tensor

    def __init__(self, shallow_channels: int, channels: int, deep_channels: int, num_maps: int, patch: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(channels, num_maps, 1, bias=False), nn.BatchNorm2d(num_maps), nn.ReLU())
        self.texture = TextureEnhancement(shallow_channels, patch)
        self.out_features = num_maps * self.texture.out_channels + deep_channels
        self.register_buffer("centres", torch.zeros(num_maps, shallow_channels))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    def forward(self, shallow: Tensor, middle: Tensor, deep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pool features of three depths.

        Returns:
            Pooled features (B, ``out_features``); the maps (B, M, h, w), 0 or more; and each region's smooth shallow
            features (B, M, ``shallow_channels``), for :meth:`region_loss`.
        """
        maps = self.maps(middle)  # (B, M, h, w)
        texture, smooth = self.texture(shallow)
        fine = bilinear_attention_pooling(texture, maps).flatten(1)  # (B, M * texture channels)
        whole = bilinear_attention_pooling(deep, maps.sum(1, keepdim=True)).squeeze(1)  # (B, deep channels)
        return torch.cat((fine, whole), dim=1), maps, bilinear_attention_pooling(smooth, maps)

    def region_loss(self, regions: Tensor, labels: Tensor) -> Tensor:
        """The regional independence loss (equation 4); moves the centres. For training only.

        Args:
            regions: float (B, M, C), of :meth:`forward`.
            labels: int64 (B,), 0 real and 1 fake: fakes may lie farther from the centres.

        Returns:
            float32 scalar: sum over regions and pairs of regions, mean over the batch.
        """
        regions = regions.float()
        # the first batches count fully, so that centres don't have to travel from the origin
        rate = (1 / (self.batches_seen + 1).float()).clamp(min=_CENTRE_RATE)
        old = self.centres.detach().float().clone()
        centres = old + rate * (regions.mean(0) - old)  # (M, C); the gradient reaches the maps through them
        with torch.no_grad():
            self.centres.copy_(centres)
            self.batches_seen += 1
        inner = torch.where(labels == 1, _INNER_FAKE, _INNER_REAL)[:, None]
        pull = (_length(regions - centres) - inner).clamp(min=0).sum(1).mean()
        apart = _length(centres[:, None] - centres[None, :])  # (M, M)
        push = (_OUTER - apart).clamp(min=0).triu(1).sum() * 2
        return pull + push


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length over the last axis, with a gradient of zero, not NaN, at the origin."""
    return (vectors.square().sum(-1) + 1e-12).sqrt()
