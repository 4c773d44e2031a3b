"""The clip detector: face crops of consecutive moments in, two logits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput, can_return_tuple

from .configuration_clip import ClipDetectorConfig
from .layers_head import conv_stack, two_way_head
from .layers_mask import real_places
from .layers_recurrent import TemporalRecurrence
from .layers_temporal import TemporalEncoder
from .modeling_detector import DetectorModel


@dataclass
class ClipDetectorOutput(ModelOutput):
    """What the clip detector says.

    ``loss`` where labels were given, of raw logits. ``logits`` float32 (B, 2), index 1 = fake, calibrated in eval mode
    where the configuration has a calibrator. ``frame_logits`` float32 (B, T, 2), the head's answer at every frame,
    never calibrated and zero where padded. ``hidden_states``, on request: of a Transformer what goes into each layer
    and what leaves the last, of an LSTM or GRU its input and its states, (B, T, D) each. ``attentions``, on request:
    each layer's weights before dropout, float32 (B, heads, T, T).
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    frame_logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class ClipDetectorForVideoClassification(DetectorModel):
    """timm backbone over every frame, convolutions or none, Transformer, LSTM or GRU over time, two-way head.

    A Transformer's frames are averaged, an LSTM or GRU is asked at its end. Padding never changes the answer, in
    training neither: padded frames don't reach the backbone and its batch norm.

    Gradient checkpointing covers the backbone, block by block, and the layers of the Transformer. Batch norm then sees
    a batch twice in a step, so that its running statistics move faster.
    """

    config_class = ClipDetectorConfig
    config: ClipDetectorConfig
    base_model_prefix = "backbone"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: ClipDetectorConfig) -> None:
        config.check()
        super().__init__(config)
        self.backbone = timm.create_model(config.backbone, pretrained=False, num_classes=0)
        if config.conv_widths:
            width = config.conv_widths[-1]
            self.convs = conv_stack(int(self.backbone.num_features), config.conv_widths)
        else:
            width = int(self.backbone.head_hidden_size)
        size, layers, dropout = config.hidden_size, config.temporal_layers, config.dropout
        self.temporal: TemporalEncoder | TemporalRecurrence
        if config.temporal_heads is not None:  # of a transformer, and of no other
            self.temporal = TemporalEncoder(width, size, layers, config.temporal_heads, dropout)
        else:
            self.temporal = TemporalRecurrence(config.temporal, width, size, layers, config.bidirectional, dropout)
            size = self.temporal.out_features
        self.head = two_way_head(config.head, size, config.head_widths, dropout)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Only the logits' layer: timm and torch have initialised the rest, and touching it would undo that."""
        if isinstance(module, nn.Linear) and module is self.head[-1]:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)

    def _set_gradient_checkpointing(self, enable: bool = True, *args: Any, **kwargs: Any) -> None:
        """As of the base class, which knows the Transformer's layers only, and on timm's blocks.

        Raises:
            ValueError: timm can't checkpoint the backbone.
        """
        try:
            self.backbone.set_grad_checkpointing(enable)
        except (AssertionError, AttributeError) as error:
            raise ValueError(
                f"timm's {self.config.backbone} has no gradient checkpointing: take smaller batches or another backbone"
            ) from error
        if self.config.temporal == "transformer":
            super()._set_gradient_checkpointing(enable, *args, **kwargs)

    @property
    def is_activation_checkpointing(self) -> bool:
        """Whether the backbone recomputes its blocks in the backward pass."""
        return bool(getattr(self.backbone, "grad_checkpointing", False))

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> ClipDetectorOutput:
        """Classify clips.

        Args:
            pixel_values: float (B, T, 3, H, W), normalised.
            attention_mask: int64 (B, T), 1 real and 0 padding behind it; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.
            output_hidden_states: Give the frame vectors; None is what the configuration says.
            output_attentions: Give the attention weights, from explicit (eager) attention; None is what the
                configuration says.

        Returns:
            A :class:`ClipDetectorOutput`.

        Raises:
            ValueError: A shape is wrong, padding stands before a real frame, a clip has no real frame, or weights are
                asked of a model without attention.
        """
        if pixel_values.ndim != 5 or pixel_values.shape[2] != 3:
            raise ValueError(f"pixel_values is {tuple(pixel_values.shape)}: a clip detector needs (B, T, 3, H, W)")
        wants_hidden, wants_weights = self.wanted(output_hidden_states, output_attentions)
        if wants_weights and self.config.temporal != "transformer":
            raise ValueError(f"{self.config.temporal} has no attention weights: don't ask this model for them")
        features, mask = self._features(pixel_values, attention_mask)  # (B, T, C), (B, T)
        weights: list[Tensor] = []
        if isinstance(self.temporal, TemporalEncoder):
            eager = wants_weights or self.config._attn_implementation == "eager"
            frames, clips, hidden, weights = self.temporal(features, mask, eager)
        else:
            frames, clips = self.temporal(features, None if attention_mask is None else mask)
            hidden = [features, frames]
        loss, logits = self.answer(self.head(clips), labels)  # (B, 2)
        frame_logits = self.head(frames).float().masked_fill(~mask[..., None], 0)  # (B, T, 2)
        share = self.config.frame_loss_weight
        if loss is not None and labels is not None and share:
            frame_labels = labels[:, None].expand_as(mask)[mask]  # (number of real frames,)
            loss = (1 - share) * loss + share * nn.functional.cross_entropy(frame_logits[mask], frame_labels)
        return ClipDetectorOutput(
            loss=loss,
            logits=logits,
            frame_logits=frame_logits,
            hidden_states=tuple(hidden) if wants_hidden else None,
            attentions=tuple(weights) if wants_weights else None,
        )

    def _features(self, pixel_values: Tensor, attention_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, T, 3, H, W) -> features (B, T, C), zero where padded, and a mask bool (B, T)."""
        batch, length = pixel_values.shape[:2]
        mask = torch.ones((batch, length), dtype=torch.bool, device=pixel_values.device)
        if attention_mask is None:
            return self._frame_features(pixel_values.flatten(0, 1)).unflatten(0, (batch, length)), mask
        mask = real_places(attention_mask, mask.shape, "frames")
        if torch.compiler.is_exporting():  # a graph can't count real frames; in eval mode no frame minds another
            seen = pixel_values.masked_fill(~mask[:, :, None, None, None], 0).flatten(0, 1)
            return self._frame_features(seen).unflatten(0, (batch, length)).masked_fill(~mask[..., None], 0), mask
        real = self._frame_features(pixel_values[mask])  # (number of real frames, C)
        features = real.new_zeros((batch, length, real.shape[-1]))
        features[mask] = real
        return features, mask

    def _frame_features(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C)."""
        if not self.config.conv_widths:
            return self.backbone(pixels)
        maps = self.backbone.forward_features(pixels)  # (N, C, h, w)
        if maps.ndim != 4 or maps.shape[1] != self.backbone.num_features:
            raise ValueError(
                f"{self.config.backbone} gives features {tuple(maps.shape)}, not maps with channels first: no "
                "convolution can follow. Choose a convolutional backbone, or leave conv_widths out"
            )
        return self.convs(maps)
