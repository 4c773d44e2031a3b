"""Feature maps of timm backbones by stage, and a mask put in between them."""

from __future__ import annotations

from typing import Any

from timm.models import checkpoint_seq
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn


def stage_channels(backbone: Any, stage: int) -> int:
    """Channels of the features of a stage.

    Raises:
        ValueError: The backbone has no such stage.
    """
    stages = list(backbone.feature_info)
    if not 0 <= stage < len(stages):
        raise ValueError(f"stage {stage} is not there: this backbone has stages 0 to {len(stages) - 1}. Choose one")
    return int(stages[stage]["num_chs"])


def stage_stride(backbone: Any, stage: int) -> int:
    """Pixels of the input per cell of a stage's features."""
    return int(list(backbone.feature_info)[stage]["reduction"])


def check_takes_mask(backbone: nn.Module) -> None:
    """Refuse backbones into which :func:`masked_features` can't reach.

    Raises:
        ValueError: The backbone is not of timm's EfficientNet class.
    """
    if not isinstance(backbone, EfficientNet):
        raise ValueError(
            f"attention 'auto' reaches between the blocks of an EfficientNet, and the backbone is "
            f"{type(backbone).__name__}. Choose an EfficientNet or another attention"
        )


def stage_features(backbone: Any, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Last feature map (B, C, h, w) and those of all stages, of any timm backbone."""
    features, stages = backbone.forward_intermediates(pixels)
    return features, list(stages)


def masked_features(
    backbone: EfficientNet, pixels: Tensor, attention: nn.Module, stage: int
) -> tuple[Tensor, list[Tensor], Tensor]:
    """As :func:`stage_features`, with the features of one stage multiplied with a mask before they go on.

    Args:
        backbone: An EfficientNet of timm.
        pixels: float (B, 3, H, W), normalised.
        attention: Gives the mask (B, 1, h, w) of the features (B, C, h, w).
        stage: Place in ``feature_info``.

    Returns:
        The last feature map, the features of all stages (that of ``stage`` after the mask) and the mask.
    """
    ends = [int(info["stage"]) for info in backbone.feature_info]  # blocks that have run at the end of each stage
    features = backbone.bn1(backbone.conv_stem(pixels))
    stages = []
    for done, blocks in enumerate(backbone.blocks, start=1):
        # timm's switch, which its own forward reads in the same way
        features = checkpoint_seq(blocks, features) if backbone.grad_checkpointing else blocks(features)
        if done == ends[stage]:
            mask = attention(features)
            features = features * mask
        if done in ends:
            stages.append(features)
    return backbone.bn2(backbone.conv_head(features)), stages, mask
