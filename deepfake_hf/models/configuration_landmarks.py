"""Configuration of the landmark regressor."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig


class LandmarkRegressorConfig(PretrainedConfig):
    """A small depthwise-separable CNN that places 68 points (iBUG order) on one face crop.

    Args:
        image_size: Side of the square crop, pixels; a multiple of 16.
        image_mean: Per channel (R, G, B), subtracted from pixels in [0, 1].
        image_std: Per channel, divides after the subtraction.
        widths: Channels after the stem and after each of the three further halvings.
        depths: Stride-1 blocks that follow each of the three further halvings.
        neck: Channels of the map (image_size / 16 a side) that is flattened for the last linear layer.
        num_landmarks: Points per face.
        weights_origin: ``trained`` or ``random``.
    """

    model_type = "deepfake_hf_landmarks"

    def __init__(
        self,
        image_size: int = 96,
        image_mean: tuple[float, ...] = (0.5, 0.5, 0.5),
        image_std: tuple[float, ...] = (0.5, 0.5, 0.5),
        widths: tuple[int, ...] = (24, 48, 96, 192),
        depths: tuple[int, ...] = (1, 2, 2),
        neck: int = 32,
        num_landmarks: int = 68,
        weights_origin: str = "random",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if image_size % 16:
            raise ValueError(f"image_size is {image_size}: the map before the head needs a multiple of 16, such as 96")
        if len(widths) != 4 or len(depths) != 3:
            raise ValueError(f"widths has {len(widths)} and depths {len(depths)} entries: give 4 and 3")
        self.image_size = image_size
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)
        self.widths = list(widths)
        self.depths = list(depths)
        self.neck = neck
        self.num_landmarks = num_landmarks
        self.weights_origin = weights_origin
