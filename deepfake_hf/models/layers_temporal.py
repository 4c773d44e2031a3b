"""A Transformer encoder over frame features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer


def sinusoids(length: int, width: int, device: torch.device) -> torch.Tensor:
    """Positions of Vaswani et al. 2017 (section 3.5): float32 (length, width)."""
    place = torch.arange(length, device=device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(10_000.0) / width))
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=-1).flatten(1)[:, :width]


class TemporalAttention(nn.Module):
    """Multi-head self-attention in which padded frames are no keys."""

    def __init__(self, hidden_size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.inputs = nn.Linear(hidden_size, 3 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, keys: Tensor, with_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            x: (B, T, D).
            keys: bool (B, 1, 1, T), True for real frames.
            with_weights: Compute the weights one can look at; else torch's fused attention, which has none.

        Returns:
            (B, T, D), and float32 (B, heads, T, T) before dropout, or None.
        """
        # three times (B, heads, T, D / heads)
        query, key, value = self.inputs(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if with_weights:
            score = (query @ key.transpose(2, 3)).float() / math.sqrt(query.shape[-1])
            weights = score.masked_fill(~keys, float("-inf")).softmax(-1)  # (B, heads, T, T)
            attended = nn.functional.dropout(weights, dropout).to(value.dtype) @ value
        else:
            attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=keys, dropout_p=dropout)
        return self.output(attended.transpose(1, 2).flatten(2)), weights


class TemporalLayer(GradientCheckpointingLayer):
    """Attention and a two-layer perceptron, each behind a layer norm and beside a residual."""

    def __init__(self, hidden_size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.attention = TemporalAttention(hidden_size, num_heads, dropout)
        self.perceptron_norm = nn.LayerNorm(hidden_size)
        self.perceptron = nn.Sequential(
            nn.Linear(hidden_size, 2 * hidden_size),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * hidden_size, hidden_size),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, keys: Tensor, with_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Arguments and results as of :meth:`TemporalAttention.forward`."""
        attended, weights = self.attention(self.attention_norm(x), keys, with_weights)
        x = x + self.dropout(attended)
        return x + self.dropout(self.perceptron(self.perceptron_norm(x))), weights


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
        self.layers = nn.ModuleList(TemporalLayer(hidden_size, num_heads, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size)

    def forward(
        self, features: Tensor, mask: Tensor, with_weights: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
        """Encode clips.

        Args:
            features: (B, T, F).
            mask: bool (B, T), True for real frames, at least one in every row and all before the padding.
            with_weights: Keep the attention weights.

        Returns:
            Frames (B, T, D), zero where padded; clips (B, D); what goes into each layer and what leaves the last,
            (B, T, D) each; each layer's weights float32 (B, heads, T, T), none without ``with_weights``.
        """
        x = self.project_norm(self.project(features))  # (B, T, D)
        x = x + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)
        hidden, weights = [x], []
        for layer in self.layers:
            x, made = layer(x, mask[:, None, None, :], with_weights)
            hidden.append(x)
            weights.extend([] if made is None else [made])
        x = self.norm(x).masked_fill(~mask[..., None], 0)
        return x, x.sum(1) / mask.sum(1, keepdim=True), hidden, weights
