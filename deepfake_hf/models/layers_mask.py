"""What every model asks of a mask over time."""

from __future__ import annotations

import torch


def check_padding(mask: torch.Tensor, items: str) -> None:
    """Refuse padding that is not behind everything real.

    A graph that is being exported can't look at values: whoever runs it asks this of the mask before.

    Args:
        mask: bool (B, T), True for what is real.
        items: What the places are, for the message.

    Raises:
        ValueError: Padding stands before a real item, or a row has none.
    """
    if torch.compiler.is_exporting():
        return
    if not bool(mask[:, 0].all()) or bool((mask[:, 1:] & ~mask[:, :-1]).any()):
        raise ValueError(f"attention_mask must be ones, at least one, and then zeros: pad behind the real {items}")
