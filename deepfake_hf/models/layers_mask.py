"""What every model asks of a mask over time."""

from __future__ import annotations

import torch


def real_places(attention_mask: torch.Tensor, shape: torch.Size, items: str, behind: bool = True) -> torch.Tensor:
    """The mask as bools, checked.

    Args:
        attention_mask: int64 (B, T), 1 real and 0 padding.
        shape: The (B, T) that it must have.
        items: What the places are, for the message.
        behind: Padding must stand behind everything real, see :func:`check_padding`.

    Returns:
        bool (B, T), True for what is real.

    Raises:
        ValueError: The shape is another one, or padding stands elsewhere.
    """
    if attention_mask.shape != shape:
        raise ValueError(f"attention_mask is {tuple(attention_mask.shape)}, but there are {tuple(shape)} {items}")
    mask = attention_mask.bool()
    if behind:
        check_padding(mask, items)
    return mask


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
