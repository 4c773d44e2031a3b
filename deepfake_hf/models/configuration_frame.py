"""Configuration of the frame detector."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig


class FrameDetectorConfig(DetectorConfig):
    """A timm backbone with a two-way head over one face crop.

    Args:
        backbone: Name of a timm model that gives pooled features.
        image_size: Side of the square crop that the weights were trained on, pixels.
        dropout: Before the head.
        kwargs: Of ``DetectorConfig``: calibration, operating points, origin of the weights.
    """

    model_type = "deepfake_hf_frame"

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        image_size: int = 192,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = backbone
        self.image_size = image_size
        self.dropout = dropout
