"""The clip detector: face crops of consecutive moments in, two logits out."""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import ImageClassifierOutput

from .configuration_clip import ClipDetectorConfig
from .layers_calibration import calibrated_logits
from .layers_temporal import TemporalEncoder
from .modeling_detector import DetectorModel


class ClipDetectorForVideoClassification(DetectorModel):
    """timm backbone over every frame, Transformer encoder over time, mean, dropout, linear head.

    Padding never changes the answer, in training neither: padded frames don't reach the backbone and its batch norm.
    """

    config_class = ClipDetectorConfig
    config: ClipDetectorConfig
    base_model_prefix = "backbone"
    main_input_name = "pixel_values"

    def __init__(self, config: ClipDetectorConfig) -> None:
        config.check()
        super().__init__(config)
        self.backbone = timm.create_model(config.backbone, pretrained=False, num_classes=0)
        self.temporal = TemporalEncoder(
            int(self.backbone.head_hidden_size),
            config.hidden_size,
            config.temporal_layers,
            config.temporal_heads,
            config.dropout,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Only the head: timm and torch have initialised the rest, and touching it would undo that."""
        if module is self.head:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(
        self, pixel_values: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None
    ) -> ImageClassifierOutput:
        """Classify clips.

        Args:
            pixel_values: float (B, T, 3, H, W), normalised.
            attention_mask: int64 (B, T), 1 real and 0 padding behind it; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.

        Returns:
            ``logits`` float32 (B, 2), index 1 = fake, calibrated in eval mode where the configuration has a calibrator;
            ``loss``, of the raw logits, where labels were given.

        Raises:
            ValueError: A shape is wrong, padding stands before a real frame, or a clip has no real frame.
        """
        if pixel_values.ndim != 5 or pixel_values.shape[2] != 3:
            raise ValueError(f"pixel_values is {tuple(pixel_values.shape)}: a clip detector needs (B, T, 3, H, W)")
        batch, length = pixel_values.shape[:2]
        mask = torch.ones((batch, length), dtype=torch.bool, device=pixel_values.device)
        if attention_mask is None:
            features = self.backbone(pixel_values.flatten(0, 1)).unflatten(0, (batch, length))  # (B, T, C)
        else:
            if attention_mask.shape != mask.shape:
                raise ValueError(
                    f"attention_mask is {tuple(attention_mask.shape)}, but the clips are {(batch, length)}"
                )
            mask = attention_mask.bool()
            if not bool(mask[:, 0].all()) or bool((mask[:, 1:] & ~mask[:, :-1]).any()):
                raise ValueError(
                    "attention_mask must be ones, at least one, and then zeros: pad behind the real frames"
                )
            real = self.backbone(pixel_values[mask])  # (number of real frames, C)
            features = real.new_zeros((batch, length, real.shape[-1]))
            features[mask] = real
        pooled = self.temporal(features, mask)  # (B, D)
        logits = self.head(self.dropout(pooled)).float()  # (B, 2)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        if not self.training:
            logits = calibrated_logits(logits, self.config.calibration)
        return ImageClassifierOutput(loss=loss, logits=logits)
