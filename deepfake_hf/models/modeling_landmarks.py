"""The landmark regressor: one face crop in, 68 points out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from .configuration_landmarks import LandmarkRegressorConfig


@dataclass
class LandmarkOutput(ModelOutput):
    """``landmarks_xy`` float32 (B, 68, 2): x and y in crop sides, (0, 0) top left; points outside the crop lie outside
    [0, 1]. ``loss`` where labels were given."""

    loss: Tensor | None = None
    landmarks_xy: Tensor | None = None


class SeparableBlock(nn.Module):
    """Depthwise 3 x 3, pointwise 1 x 1, each with batch norm; a residual where shape allows (MobileNet, 1704.04861)."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width_in, width_in, 3, stride, 1, groups=width_in, bias=False)
        self.norm1 = nn.BatchNorm2d(width_in)
        self.pointwise = nn.Conv2d(width_in, width_out, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.residual = stride == 1 and width_in == width_out

    def forward(self, features: Tensor) -> Tensor:
        hidden = torch.relu(self.norm1(self.depthwise(features)))
        hidden = torch.relu(self.norm2(self.pointwise(hidden)))
        return features + hidden if self.residual else hidden


class LandmarkRegressor(PreTrainedModel):
    """Stem and three stages, each halving the map; the last map keeps its places and is flattened, not pooled.

    Input ``pixel_values`` float (B, 3, S, S), normalised with the configuration's mean and std, S = ``image_size``;
    output ``landmarks_xy`` float32 (B, 68, 2) in crop sides. ``labels`` of the same shape give a smooth-L1 loss.
    """

    config_class = LandmarkRegressorConfig
    config: LandmarkRegressorConfig
    base_model_prefix = "features"
    main_input_name = "pixel_values"

    def __init__(self, config: LandmarkRegressorConfig) -> None:
        super().__init__(config)
        widths = config.widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )  # (B, C0, S/2, S/2)
        blocks: list[nn.Module] = []
        for width_in, width_out, depth in zip(widths[:-1], widths[1:], config.depths, strict=True):
            blocks.append(SeparableBlock(width_in, width_out, 2))
            blocks.extend(SeparableBlock(width_out, width_out, 1) for _ in range(depth))
        self.features = nn.Sequential(*blocks)  # (B, C3, S/16, S/16)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], config.neck, 1, bias=False), nn.BatchNorm2d(config.neck), nn.ReLU(), nn.Flatten()
        )
        cells = (config.image_size // 16) ** 2
        self.head = nn.Linear(config.neck * cells, 2 * config.num_landmarks)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """He for convolutions, identity for norms (buffers too); the head starts at the middle of the crop."""
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.002)
            nn.init.constant_(module.bias, 0.5)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None, **_: Any) -> LandmarkOutput:
        side = self.config.image_size
        if pixel_values.shape[-2:] != (side, side):
            found = tuple(pixel_values.shape[-2:])
            raise ValueError(f"pixel_values are {found} pixels: this model was built for {side} x {side}, resize them")
        hidden = self.neck(self.features(self.stem(pixel_values)))  # (B, neck * S/16 * S/16)
        landmarks = self.head(hidden).float().view(-1, self.config.num_landmarks, 2)  # (B, 68, 2)
        # beta: about 5 % of the distance between the eyes; below it the error counts squared
        loss = None if labels is None else nn.functional.smooth_l1_loss(landmarks, labels.float(), beta=0.01)
        return LandmarkOutput(loss=loss, landmarks_xy=landmarks)
