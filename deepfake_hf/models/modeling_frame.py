"""The frame detector: one face crop in, two logits out."""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import ImageClassifierOutput

from .configuration_frame import FrameDetectorConfig
from .layers_calibration import calibrated_logits
from .modeling_detector import DetectorModel


class FrameDetectorForImageClassification(DetectorModel):
    """timm backbone, pooled features, dropout, linear head.

    Input ``pixel_values`` float (B, 3, H, W), normalised; output ``logits`` float32 (B, 2), index 1 = fake. In eval
    mode the calibrator of the configuration, where there is one, has been applied to them.
    """

    config_class = FrameDetectorConfig
    config: FrameDetectorConfig
    base_model_prefix = "backbone"
    main_input_name = "pixel_values"

    def __init__(self, config: FrameDetectorConfig) -> None:
        config.check()
        super().__init__(config)
        self.backbone = timm.create_model(config.backbone, pretrained=False, num_classes=0)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(int(self.backbone.head_hidden_size), 2)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Only the head: timm has initialised its own modules, and touching them would undo that."""
        if module is self.head:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> ImageClassifierOutput:
        features = self.backbone(pixel_values)  # (B, C)
        logits = self.head(self.dropout(features)).float()  # (B, 2)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        if not self.training:
            logits = calibrated_logits(logits, self.config.calibration)
        return ImageClassifierOutput(loss=loss, logits=logits)


def load_backbone_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load backbone weights after construction, strictly but for the classifier.

    Args:
        model: A detector with a ``backbone``.
        state: timm names to tensors.

    Raises:
        RuntimeError: A backbone tensor is missing or has another shape.
    """
    backbone = model.get_submodule("backbone")
    own = backbone.state_dict()
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        raise RuntimeError(f"{len(missing)} backbone tensors are missing from the weights, the first is {missing[0]}")
    with torch.no_grad():
        backbone.load_state_dict({name: state[name] for name in own if name in state}, strict=False)
