"""Tokens of a spectrogram and the encoder over them. Padded tokens are masked as keys; their own answers are unread."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .layers_audio import strided
from .layers_temporal import sinusoids


class PatchTokens(nn.Module):
    """A token for every patch over time and frequency.

    A patch that begins within the clip is real. What it holds behind the clip's end or above the last bin is zero, so
    that padding changes no token. Positions are sinusoids in time, for clips of any length, and learnt in frequency,
    where their number is fixed.

    Source: Gong et al. 2021, section 2.1 (there with positions learnt in both directions, for one length).
    """

    def __init__(self, num_channels: int, num_bins: int, size: list[int], stride: list[int], width: int) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.project = nn.Conv2d(num_channels, width, (size[0], size[1]), (stride[0], stride[1]))
        self.bin_positions = nn.Parameter(torch.zeros(-(-num_bins // stride[1]), width))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, C, L, F) zero where padded, mask bool (B, L) -> tokens (B, T * K, D), moment by moment, their mask."""
        # as much as the last patch can need: the convolution drops what is too much
        x = nn.functional.pad(x, (0, self.size[1] - 1, 0, self.size[0] - 1))
        # torch 2.11 on a CPU answers wrongly in bf16 to channels_last where a patch of 8 channels is all 8 bins wide
        x = self.project(x.contiguous())  # (B, D, T, K)
        mask = strided(mask, self.stride[0], x.shape[2])
        x = x.permute(0, 2, 3, 1) + self.bin_positions  # (B, T, K, D)
        x = x + sinusoids(x.shape[1], x.shape[3], x.device).to(x.dtype)[:, None]
        return x.flatten(1, 2), mask.repeat_interleave(x.shape[2], dim=1)


class SelfAttention(nn.Module):
    """Multi-head attention, by torch's fused kernel or step by step with its weights: the answers are the same."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, allowed: torch.Tensor, eager: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """x (B, N, D), allowed bool (B, N) with a True in every row -> (B, N, D), weights (B, heads, N, N) if eager."""
        parts = self.query_key_value(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts  # (B, heads, N, D / heads)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if eager:
            score = (query @ key.transpose(2, 3)).float() * query.shape[-1] ** -0.5
            weights = score.masked_fill(~allowed[:, None, None], -torch.inf).softmax(-1).to(value.dtype)
            made = nn.functional.dropout(weights, dropout) @ value
        else:
            made = nn.functional.scaled_dot_product_attention(query, key, value, allowed[:, None, None], dropout)
        return self.out(made.transpose(1, 2).flatten(2)), weights


class EncoderLayer(GradientCheckpointingLayer):
    """Attention and a feed-forward part, each behind its norm and added to what came in.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), pre-norm as in Dosovitskiy et al. 2021 (arXiv:2010.11929).
    """

    def __init__(self, width: int, num_heads: int, mlp_width: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads, dropout)
        self.mlp_in, self.mlp_out = nn.Linear(width, mlp_width), nn.Linear(mlp_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, allowed: torch.Tensor, eager: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As :class:`SelfAttention`."""
        made, weights = self.attention(self.attention_norm(x), allowed, eager)
        x = x + self.dropout(made)
        hidden = self.dropout(nn.functional.gelu(self.mlp_in(self.mlp_norm(x))))
        return x + self.dropout(self.mlp_out(hidden)), weights
