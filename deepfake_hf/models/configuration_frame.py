"""Configuration of the frame detector."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig


class FrameDetectorConfig(PretrainedConfig):
    """A timm backbone with a two-way head over one face crop.

    Args:
        backbone: Name of a timm model that gives pooled features.
        image_size: Side of the square crop that the weights were trained on, pixels.
        dropout: Before the head.
        calibration: ``{"scale": a, "bias": b}`` turns the raw margin m into a calibrated one, a * m + b, in eval mode;
            None leaves the margin as it is.
        operating_points: Limits on P(fake) by name for one crop, ``{"fpr1": …, "fpr5": …}``, or None.
        weights_origin: ``trained`` or ``random``.
    """

    model_type = "deepfake_hf_frame"

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        image_size: int = 192,
        dropout: float = 0.2,
        calibration: dict[str, float] | None = None,
        operating_points: dict[str, float] | None = None,
        weights_origin: str = "random",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("id2label", {0: "real", 1: "fake"})
        kwargs.setdefault("label2id", {"real": 0, "fake": 1})
        super().__init__(**kwargs)
        self.backbone = backbone
        self.image_size = image_size
        self.dropout = dropout
        self.calibration = calibration
        self.operating_points = operating_points
        self.weights_origin = weights_origin
