"""How much each frame counts in a clip model's answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepfake_hf.errors import UsageError
from deepfake_hf.evidence.maps.heat_map import HeatMap


def rollout(attentions: tuple[Tensor, ...]) -> NDArray[np.float64]:
    """Attention followed back through all layers, with the residual path as half of each.

    Args:
        attentions: Of each layer, float (1, heads, T, T), rows of sum 1.

    Returns:
        float64 (T,) of sum 1: how much each frame counts in the mean over the last layer's frames.

    Source: Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers" (arXiv:2005.00928).
    """
    length = attentions[0].shape[-1]
    flow = torch.eye(length, dtype=torch.float64)
    for weights in attentions:
        mixed = (weights[0].double().cpu().mean(0) + torch.eye(length, dtype=torch.float64)) / 2
        flow = mixed @ flow
    return np.asarray(flow.mean(0).numpy())


def clip_map(model: Any, pixel_values: Tensor) -> HeatMap:
    """Attention over the frames of one clip.

    Args:
        model: A :class:`~deepfake_hf.models.modeling_clip.ClipDetectorForVideoClassification` with a Transformer.
        pixel_values: float (1, T, 3, H, W), normalised, without padding.

    Returns:
        ``values`` float32 (T,) in [0, 1]; ``full_scale`` is the largest share, so that ``values * full_scale`` has
        sum 1.

    Raises:
        UsageError: It is not one clip, or the model has no attention.
    """
    if pixel_values.ndim != 5 or pixel_values.shape[0] != 1:
        raise UsageError("the clip", f"it is {tuple(pixel_values.shape)}", "give one clip as (1, T, 3, H, W)")
    if getattr(model.config, "temporal", None) != "transformer":
        raise UsageError(
            "attention over frames",
            "this model has no Transformer over time",
            "take a preset with one, such as efficientnet_b3_transformer",
        )
    with torch.inference_mode():
        shares = rollout(model.eval()(pixel_values=pixel_values.to(model.device), output_attentions=True).attentions)
    top = float(shares.max())
    return HeatMap("frame_attention", (shares / top).astype(np.float32), "share of the clip's answer", top)
