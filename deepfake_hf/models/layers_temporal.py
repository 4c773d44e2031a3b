"""A Transformer encoder over frame features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sinusoids(length: int, width: int, device: torch.device) -> torch.Tensor:
    """Positions of Vaswani et al. 2017 (section 3.5): float32 (length, width)."""
    place = torch.arange(length, device=device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(10_000.0) / width))
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=-1).flatten(1)[:, :width]


class TemporalEncoder(nn.Module):
    """Project, add positions, attend over time, average the frames that are real.

    Positions are computed in the forward pass: a buffer would have to survive the meta device, and clips have any
    length. Padding is behind the real frames, so it moves no position; it is masked as a key and left out of the mean.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), pre-norm variant.
    """

    def __init__(self, num_features: int, hidden_size: int, num_layers: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(num_features, hidden_size)
        self.project_norm = nn.LayerNorm(hidden_size)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden_size, num_heads, 2 * hidden_size, dropout, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """features (B, T, F), mask bool (B, T) with a real frame in every row -> (B, hidden_size)."""
        x = self.project_norm(self.project(features))  # (B, T, D)
        x = x + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        x = self.norm(x).masked_fill(~mask[..., None], 0)  # (B, T, D)
        return x.sum(1) / mask.sum(1, keepdim=True)
