"""What stands between a vector and the two logits."""

from __future__ import annotations

from torch import nn


def two_way_head(kind: str, width: int, widths: list[int], dropout: float) -> nn.Sequential:
    """Build a head; its last module is the linear layer of the two logits.

    Args:
        kind: ``linear`` (dropout, linear), ``reduction`` (linear, GELU, dropout, layer norm, linear) or ``dense``
            (linear, ReLU and dropout for each of ``widths``, then linear).
        width: Of the vectors that come in.
        widths: Of the layers between; none for ``linear``.
        dropout: As said at ``kind``.

    Returns:
        (..., width) -> (..., 2).
    """
    layers: list[nn.Module] = [nn.Dropout(dropout)] if kind == "linear" else []
    for size in widths:
        layers.append(nn.Linear(width, size))
        layers.extend(
            [nn.GELU(), nn.Dropout(dropout), nn.LayerNorm(size)]
            if kind == "reduction"
            else [nn.ReLU(), nn.Dropout(dropout)]
        )
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 2))


def conv_stack(num_channels: int, widths: list[int]) -> nn.Sequential:
    """Convolutions 3 x 3 with batch norm and ReLU over a feature map, then the mean of the map.

    (N, num_channels, h, w) -> (N, widths[-1]).
    """
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(num_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        num_channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
