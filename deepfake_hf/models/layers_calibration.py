"""The calibrator that travels in a branch's configuration, applied inside the model so that every road agrees."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


def calibrated_logits(logits: Tensor, calibration: dict[str, Any] | None) -> Tensor:
    """Calibrate the margin ``logits[:, 1] - logits[:, 0]``.

    Args:
        logits: (B, 2), raw.
        calibration: ``{"scale": a, "bias": b}`` scales and shifts it; ``{"knots": […], "margins": […]}`` runs straight
            through these points, and beyond the last ones with the slope between the first and the last of all;
            None.

    Returns:
        float32 (B, 2) whose softmax is the calibrated probability; the raw logits where there is no calibrator.
    """
    logits = logits.float()
    if calibration is None:
        return logits
    margin = logits[:, 1] - logits[:, 0]
    if "knots" in calibration:
        margin = _through_points(margin, calibration["knots"], calibration["margins"])
    else:
        margin = calibration["scale"] * margin + calibration["bias"]
    return torch.stack((-margin / 2, margin / 2), dim=1)


def _through_points(margin: Tensor, knots: list[float], heights: list[float]) -> Tensor:
    """Plain additions and clamps, which every export can write. ``margin`` (B,)."""
    beyond = (heights[-1] - heights[0]) / (knots[-1] - knots[0])
    start = torch.tensor(knots[:-1], dtype=margin.dtype, device=margin.device)
    width = torch.tensor([b - a for a, b in pairwise(knots)]).to(margin)
    rise = torch.tensor([b - a for a, b in pairwise(heights)]).to(margin)
    share = ((margin[:, None] - start) / width).clamp(0, 1)  # (B, K - 1) of each piece that lies below
    inside = heights[0] + (share * rise).sum(dim=1)
    return inside + beyond * ((margin - knots[0]).clamp(max=0) + (margin - knots[-1]).clamp(min=0))
