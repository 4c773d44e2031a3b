"""Configuration of the clip detector."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig


class ClipDetectorConfig(DetectorConfig):
    """A timm backbone over every frame, a Transformer encoder over time, a two-way head.

    Args:
        backbone: Name of a timm model that gives pooled features.
        image_size: Side of the square crops that the weights were trained on, pixels.
        num_frames: Frames of a clip that the weights were trained on; the model takes any number.
        hidden_size: Width of the frame vectors in the encoder.
        temporal_layers: Transformer layers over time.
        temporal_heads: Attention heads of each layer.
        dropout: Inside the encoder and before the head.
        kwargs: Of ``DetectorConfig``: calibration, operating points, origin of the weights.

    Raises:
        ValueError: The heads don't divide the width, or there is no layer or frame.
    """

    model_type = "deepfake_hf_clip"

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        image_size: int = 128,
        num_frames: int = 16,
        hidden_size: int = 256,
        temporal_layers: int = 2,
        temporal_heads: int = 4,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if hidden_size % temporal_heads or hidden_size % 2:
            raise ValueError(f"hidden_size is {hidden_size}: give an even multiple of temporal_heads, {temporal_heads}")
        if temporal_layers < 1 or num_frames < 1:
            raise ValueError(f"{temporal_layers} layers over {num_frames} frames: a clip detector needs one of each")
        self.backbone = backbone
        self.image_size = image_size
        self.num_frames = num_frames
        self.hidden_size = hidden_size
        self.temporal_layers = temporal_layers
        self.temporal_heads = temporal_heads
        self.dropout = dropout
