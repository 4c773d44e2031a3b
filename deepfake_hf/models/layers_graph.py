"""Graph attention of AASIST: every node of a graph sees every other. Shapes: B clips, N nodes, D values of a node.

Source of all parts: Jung et al. 2022 (arXiv:2110.01200), after the graph attention of Velickovic et
al. 2018 (arXiv:1710.10903) and the pooling of Gao & Ji 2019 (arXiv:1905.05178).
"""

from __future__ import annotations

import torch
from torch import nn


def _direction(width: int) -> nn.Parameter:
    """(width, 1): what a pair's features are multiplied with to make its score."""
    return nn.Parameter(nn.init.xavier_normal_(torch.empty(width, 1)))


def _norm_nodes(norm: nn.BatchNorm1d, x: torch.Tensor) -> torch.Tensor:
    """Batch norm of (B, N, D) over clips and nodes."""
    return norm(x.flatten(0, 1)).view_as(x)


class GraphPool(nn.Module):
    """Keep the nodes that score highest, each multiplied with its score, which is how the scoring learns."""

    def __init__(self, width: int, ratio: float, dropout: float) -> None:
        super().__init__()
        self.ratio = ratio
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, D) -> (B, max(1, floor(ratio * N)), D), the best first."""
        score = torch.sigmoid(self.project(self.dropout(x)))  # (B, N, 1)
        best = score.topk(max(int(x.shape[1] * self.ratio), 1), dim=1).indices
        return (x * score).gather(1, best.expand(-1, -1, x.shape[2]))


class GraphAttention(nn.Module):
    """Attention within one graph; a pair's score comes from the product of its nodes."""

    def __init__(self, num_in: int, num_out: int, temperature: float, dropout: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.dropout = nn.Dropout(dropout)
        self.pair = nn.Linear(num_in, num_out)
        self.direction = _direction(num_out)
        self.attended, self.own = nn.Linear(num_in, num_out), nn.Linear(num_in, num_out)
        self.norm = nn.BatchNorm1d(num_out)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, N, D) -> (B, N, D'), and weights (B, N, N) whose rows add up to one."""
        x = self.dropout(x)
        score = torch.tanh(self.pair(x[:, :, None] * x[:, None])) @ self.direction  # (B, N, N, 1)
        weights = (score.squeeze(-1) / self.temperature).softmax(-1)
        made = self.attended(weights @ x) + self.own(x)
        return nn.functional.selu(_norm_nodes(self.norm, made)), weights


class HeterogeneousGraphAttention(nn.Module):
    """Attention in a graph of two kinds of nodes, and a stack node that gathers from all and gives to none.

    Pairs are scored along a direction of their own: both of the first kind, both of the second, or mixed.
    """

    def __init__(self, num_in: int, num_out: int, temperature: float, dropout: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.dropout = nn.Dropout(dropout)
        self.first, self.second = nn.Linear(num_in, num_in), nn.Linear(num_in, num_in)
        self.pair, self.stack_pair = nn.Linear(num_in, num_out), nn.Linear(num_in, num_out)
        self.direction_first, self.direction_second = _direction(num_out), _direction(num_out)
        self.direction_mixed, self.direction_stack = _direction(num_out), _direction(num_out)
        self.attended, self.own = nn.Linear(num_in, num_out), nn.Linear(num_in, num_out)
        self.stack_attended, self.stack_own = nn.Linear(num_in, num_out), nn.Linear(num_in, num_out)
        self.norm = nn.BatchNorm1d(num_out)

    def forward(
        self, first: torch.Tensor, second: torch.Tensor, stack: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """first (B, N, D), second (B, M, D), stack (B, 1, D) -> the same with D', and weights (B, N + M, N + M)."""
        num_first = first.shape[1]
        x = self.dropout(torch.cat([self.first(first), self.second(second)], dim=1))  # (B, N + M, D)
        features = torch.tanh(self.pair(x[:, :, None] * x[:, None]))  # (B, N + M, N + M, D')
        is_first = torch.arange(x.shape[1], device=x.device) < num_first
        both_first, both_second = is_first[:, None] & is_first, ~is_first[:, None] & ~is_first
        scores = [features @ way for way in (self.direction_first, self.direction_second, self.direction_mixed)]
        score = torch.where(both_second[..., None], scores[1], scores[2])
        score = torch.where(both_first[..., None], scores[0], score).squeeze(-1)
        weights = (score / self.temperature).softmax(-1)
        stack_score = torch.tanh(self.stack_pair(x * stack)) @ self.direction_stack  # (B, N + M, 1)
        share = (stack_score / self.temperature).softmax(1).transpose(1, 2)  # (B, 1, N + M)
        stack = self.stack_attended(share @ x) + self.stack_own(stack)
        x = nn.functional.selu(_norm_nodes(self.norm, self.attended(weights @ x) + self.own(x)))
        return x[:, :num_first], x[:, num_first:], stack, weights


class GraphBranch(nn.Module):
    """Two heterogeneous attentions with pooling between them; the second adds to what it is given."""

    def __init__(self, num_in: int, num_out: int, temperature: float, ratio: float, dropouts: tuple[float, float]):
        super().__init__()
        graph_dropout, pool_dropout = dropouts
        self.stack = nn.Parameter(torch.randn(1, 1, num_in))
        self.first = HeterogeneousGraphAttention(num_in, num_out, temperature, graph_dropout)
        self.second = HeterogeneousGraphAttention(num_out, num_out, temperature, graph_dropout)
        self.temporal_pool = GraphPool(num_out, ratio, pool_dropout)
        self.spectral_pool = GraphPool(num_out, ratio, pool_dropout)

    def forward(
        self, temporal: torch.Tensor, spectral: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
        """temporal (B, N, D), spectral (B, M, D) -> both and the stack with D', weights of both attentions."""
        stack = self.stack.expand(temporal.shape[0], -1, -1)
        temporal, spectral, stack, first_weights = self.first(temporal, spectral, stack)
        nodes = self.temporal_pool(temporal), self.spectral_pool(spectral), stack
        *added, second_weights = self.second(*nodes)
        made = [old + new for old, new in zip(nodes, added, strict=True)]
        return (made[0], made[1], made[2]), (first_weights, second_weights)
