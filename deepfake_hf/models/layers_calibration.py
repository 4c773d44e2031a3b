"""The calibrator that travels in a branch's configuration, applied inside the model so that every road agrees."""

from __future__ import annotations

import torch
from torch import Tensor


def calibrated_logits(logits: Tensor, calibration: dict[str, float] | None) -> Tensor:
    """Scale and shift the margin ``logits[:, 1] - logits[:, 0]``.

    Args:
        logits: (B, 2), raw.
        calibration: ``{"scale": a, "bias": b}`` or None.

    Returns:
        float32 (B, 2) whose softmax is the calibrated probability; the raw logits where there is no calibrator.
    """
    logits = logits.float()
    if calibration is None:
        return logits
    margin = calibration["scale"] * (logits[:, 1] - logits[:, 0]) + calibration["bias"]
    return torch.stack((-margin / 2, margin / 2), dim=1)
