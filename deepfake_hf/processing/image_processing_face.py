"""Face crops in, pixel values out: the processor of the frame detector, with its constants in its own json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor

from .pixels import DEFAULT_MEAN, DEFAULT_STD, checked_constants, normalised_pixels

# What transformers itself writes into preprocessor_config.json, or hands on when it reads one.
_SERVICE_KEYS = {"image_processor_type", "processor_class", "auto_map"}
_ACCEPTED = "Give uint8 RGB of shape (H, W, 3) as array or tensor, or a PIL picture; one, a list or (B, H, W, 3)"


def normalised_crop(
    rgb: np.ndarray, height: int, width: int, image_mean: Sequence[float], image_std: Sequence[float]
) -> Tensor:
    """:func:`~.pixels.normalised_pixels` as a tensor; training and inference both call this."""
    return torch.from_numpy(normalised_pixels(rgb, height, width, image_mean, image_std))


def rgb_array(picture: Any) -> np.ndarray:
    """Check one crop.

    Args:
        picture: uint8 (H, W, 3) array or tensor, or a PIL picture of 8 bits a channel.

    Returns:
        uint8 (H, W, 3).

    Raises:
        TypeError: It is something else, or not uint8: ranges are not guessed.
        ValueError: It has another shape or no pixels.
    """
    if isinstance(picture, Image.Image):
        if picture.mode.startswith(("I", "F")):
            raise TypeError(f"a picture of mode {picture.mode} has more than 8 bits a channel. Convert it to RGB first")
        picture = np.asarray(picture.convert("RGB"))
    elif isinstance(picture, Tensor):
        picture = picture.detach().cpu().numpy()
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"a crop cannot be a {type(picture).__name__}. {_ACCEPTED}")
    if picture.dtype != np.uint8:
        raise TypeError(f"a crop of {picture.dtype} may be in [0, 1], [0, 255] or normalised already. {_ACCEPTED}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise ValueError(f"a crop of shape {picture.shape} is not a picture with channels last. {_ACCEPTED}")
    return picture


class FaceImageProcessor(BaseImageProcessor):
    """Crops resized and normalised.

    Args:
        size: ``{"height": pixels, "width": pixels}``.
        image_mean: Per channel (R, G, B), of pixels in [0, 1].
        image_std: Per channel (R, G, B), of pixels in [0, 1].

    Raises:
        TypeError: There is an option that this processor doesn't have.
        ValueError: A constant is out of its range.
    """

    model_input_names = ["pixel_values"]

    def __init__(
        self,
        size: dict[str, int] | None = None,
        image_mean: Sequence[float] = DEFAULT_MEAN,
        image_std: Sequence[float] = DEFAULT_STD,
        **kwargs: Any,
    ) -> None:
        if unknown := sorted(set(kwargs) - _SERVICE_KEYS):
            raise TypeError(
                f"{type(self).__name__} has no option {', '.join(unknown)}, only size, image_mean, image_std"
            )
        super().__init__(**kwargs)
        self.size, self.image_mean, self.image_std = checked_constants(size, image_mean, image_std)

    def preprocess(self, images: Any, return_tensors: str | None = "pt") -> BatchFeature:  # type: ignore[override]
        """Crops to a batch.

        Args:
            images: uint8 RGB (H, W, 3) as array, tensor or PIL picture; one, a list or (B, H, W, 3). Sizes may differ.
            return_tensors: ``"pt"``, or ``"np"``; None is ``"np"``.

        Returns:
            ``pixel_values`` float32 (B, 3, height, width).

        Raises:
            TypeError: A crop is no picture or not uint8.
            ValueError: There is no crop, or one has another shape.
        """
        batched = isinstance(images, (list, tuple)) or getattr(images, "ndim", 3) == 4
        crops = [rgb_array(picture) for picture in images] if batched else [rgb_array(images)]
        if not crops:
            raise ValueError(f"there is no crop. {_ACCEPTED}")
        height, width = self.size["height"], self.size["width"]
        pixels = [normalised_crop(crop, height, width, self.image_mean, self.image_std) for crop in crops]
        return BatchFeature({"pixel_values": torch.stack(pixels).contiguous()}, tensor_type=return_tensors or "np")
