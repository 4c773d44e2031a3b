"""The frame detector: one face crop in, two logits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import ImageClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_frame import FrameDetectorConfig
from .layers_attention import AutoAttention, MultiAttention, MultiHeadAttention
from .layers_backbone import check_takes_mask, masked_features, stage_channels, stage_features, stage_stride
from .layers_frequency import PLANES, FrequencyBranch, FrequencyPlanes
from .modeling_detector import DetectorModel


@dataclass
class FrameDetectorOutput(ImageClassifierOutput):
    """What a frame detector says.

    ``loss`` scalar, where labels were given; ``logits`` float32 (B, 2), index 1 = fake; ``hidden_states``, where asked
    for: the features of the backbone's stages and its last map, each (B, C, h, w); ``attentions``, where asked for and
    the attention is ``multi_head``: one tensor (B, heads, h * w, h * w); ``attention_mask_map``, where there is
    attention: ``auto`` (B, 1, h, w) in [0, 1], ``multi_head`` (B, heads, h, w) in [0, 1] with sum 1, ``multi``
    (B, M, h, w), 0 or more; ``embedding`` (B, D), what the head reads.
    """

    attention_mask_map: Tensor | None = None
    embedding: Tensor | None = None


class _Seen(NamedTuple):
    """What is known of a batch before the head: ``pooled`` (B, D), the backbone's maps, and what attention gave."""

    pooled: Tensor
    last: Tensor
    stages: list[Tensor]
    mask_map: Tensor | None
    weights: Tensor | None
    regions: Tensor | None


class FrameDetectorForImageClassification(DetectorModel):
    """timm backbone, spatial attention, frequency input, pooled features, dropout, linear head.

    Input ``pixel_values`` float (B, 3, H, W), normalised; output ``logits`` float32 (B, 2), index 1 = fake. In eval
    mode the calibrator of the configuration, where there is one, has been applied to them, and where the configuration
    says ``mirror_average`` they are the mean of those of the crop and of its mirror image; everything else in the
    output is of the crop as it came.

    Raises:
        ValueError: The backbone has no stage that the configuration names, or can't take its attention.
    """

    config_class = FrameDetectorConfig
    config: FrameDetectorConfig
    base_model_prefix = "backbone"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    # Modules by config.attention and config.frequency_place; not there with "none" and None.
    attention: Any
    frequency: Any

    def __init__(self, config: FrameDetectorConfig) -> None:
        config.check()
        super().__init__(config)
        planes = PLANES[config.frequency] if config.frequency_place == "instead" else 3
        self.backbone = timm.create_model(config.backbone, pretrained=False, num_classes=0, in_chans=planes)
        width, deep = int(self.backbone.head_hidden_size), int(self.backbone.num_features)
        stage = config.attention_stage
        if config.attention == "auto":
            check_takes_mask(self.backbone)
            self.attention = AutoAttention(stage_channels(self.backbone, stage))
        elif config.attention == "multi_head":
            self.attention = MultiHeadAttention(deep, config.attention_heads)
            width = deep
        elif config.attention == "multi":
            shallow, middle = (stage_channels(self.backbone, part) for part in (config.texture_stage, stage))
            patch = stage_stride(self.backbone, stage) // stage_stride(self.backbone, config.texture_stage)
            self.attention = MultiAttention(shallow, middle, deep, config.num_attention_maps, patch)
            width = self.attention.out_features
        if config.frequency_place == "instead":
            self.frequency = FrequencyPlanes(config.frequency)
        elif config.frequency_place == "beside":
            self.frequency = FrequencyBranch(config.frequency)
            width += self.frequency.out_features
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(width, 2)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Only the head: timm and torch have initialised the rest, and touching it would undo that."""
        if module is self.head:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def _set_gradient_checkpointing(self, enable: bool = True, every_n_layers: int = 1, **_: Any) -> None:
        """timm's own switch; its checkpoints are of the kind that transformers asks for (``use_reentrant=False``).

        Raises:
            ValueError: The backbone has no checkpoints, or not every block is to have one.
        """
        if every_n_layers != 1:
            raise ValueError(f"every_n_layers is {every_n_layers}: timm sets a checkpoint at every block. Leave it out")
        try:
            self.backbone.set_grad_checkpointing(enable)
        except AssertionError as error:  # timm's way of saying so
            raise ValueError(
                f"timm's {self.config.backbone} has no gradient checkpointing: train it without, in smaller batches"
            ) from error
        self.gradient_checkpointing = enable  # read by transformers

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> FrameDetectorOutput:
        """Classify face crops.

        Args:
            pixel_values: float (B, 3, H, W), normalised.
            labels: int64 (B,), 0 real and 1 fake.
            output_hidden_states: As of :class:`FrameDetectorOutput`; None asks the configuration.
            output_attentions: Likewise, for attention ``multi_head`` only.

        Raises:
            ValueError: Attention weights are asked of a model that has none, or a frequency input can't be made of
                crops of this size.
        """
        config = self.config
        wants_states, wants_weights = self.wanted(output_hidden_states, output_attentions)
        if wants_weights and config.attention != "multi_head":
            raise ValueError(
                f"output_attentions can't act with attention {config.attention!r}: no place looks at another. "
                "Leave it out; masks, where there are any, are in attention_mask_map"
            )
        seen = self._look(pixel_values, wants_states)
        loss, logits = self.answer(self.head(self.dropout(seen.pooled)), labels)  # (B, 2)
        if loss is not None and seen.regions is not None and config.region_loss_weight and self.training:
            loss = loss + config.region_loss_weight * self.attention.region_loss(seen.regions, labels)
        if config.mirror_average and not self.training:
            _, mirrored = self.answer(self.head(self._look(pixel_values.flip(3), False).pooled), None)
            logits = (logits + mirrored) / 2
        return FrameDetectorOutput(
            loss=loss,
            logits=logits,
            hidden_states=(*seen.stages, seen.last) if wants_states else None,
            attentions=(seen.weights,) if wants_weights else None,
            attention_mask_map=seen.mask_map,
            embedding=seen.pooled,
        )

    def _look(self, pixel_values: Tensor, wants_states: bool) -> _Seen:
        config = self.config
        given = self.frequency(pixel_values) if config.frequency_place == "instead" else pixel_values
        stages: list[Tensor] = []
        mask_map = weights = regions = None
        if config.attention == "auto":
            last, stages, mask_map = masked_features(self.backbone, given, self.attention, config.attention_stage)
        elif config.attention == "multi" or wants_states:
            last, stages = stage_features(self.backbone, given)
        else:
            last = self.backbone.forward_features(given)
        if config.attention == "multi_head":
            pooled, mask_map, weights = self.attention(last)
        elif config.attention == "multi":
            pooled, mask_map, regions = self.attention(
                stages[config.texture_stage], stages[config.attention_stage], last
            )
        else:
            pooled = self.backbone.forward_head(last, pre_logits=True)  # (B, C)
        if config.frequency_place == "beside":
            pooled = torch.cat((pooled, self.frequency(pixel_values)), dim=1)  # (B, D)
        return _Seen(pooled, last, stages, mask_map, weights, regions)


def load_backbone_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load backbone weights after construction, strictly but for the classifier.

    Args:
        model: A detector with a ``backbone``.
        state: timm names to tensors.

    Raises:
        ValueError: A backbone tensor is missing or has another shape.
    """
    backbone = model.get_submodule("backbone")
    own = backbone.state_dict()
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        raise ValueError(f"{len(missing)} backbone tensors are missing from the weights, the first is {missing[0]}")
    given = {name: state[name] for name in own if name in state}
    others = [name for name, tensor in given.items() if tensor.shape != own[name].shape]
    if others:
        raise ValueError(
            f"{len(others)} backbone tensors have another shape in the weights, the first is {others[0]}: "
            f"{tuple(given[others[0]].shape)}, not {tuple(own[others[0]].shape)}"
        )
    backbone.load_state_dict(given, strict=False)
