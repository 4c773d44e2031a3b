"""A crop's pixels, resized and normalised in numpy: what every road to a face model goes through, with torch or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

DEFAULT_SIDE: Final = 192  # pixels
DEFAULT_MEAN: Final = (0.5, 0.5, 0.5)
DEFAULT_STD: Final = (0.5, 0.5, 0.5)


def normalised_pixels(
    rgb: NDArray[np.uint8], height: int, width: int, image_mean: Sequence[float], image_std: Sequence[float]
) -> NDArray[np.float32]:
    """Resize and normalise one crop.

    Args:
        rgb: uint8 (H, W, 3).
        height: Of the result, pixels; where it is below H the resize averages areas, else it interpolates linearly.
        width: Of the result, pixels.
        image_mean: Per channel, of pixels in [0, 1].
        image_std: Per channel, of pixels in [0, 1].

    Returns:
        float32 (3, height, width), a view of channels-last memory.
    """
    small: NDArray[Any] = rgb
    if rgb.shape[:2] != (height, width):
        shrink = height < rgb.shape[0]
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    # (x / 255 - mean) / std in two steps, exact for mean = std = 0.5
    scale = np.array([255.0 * std for std in image_std], np.float32)
    shift = np.array([mean / std for mean, std in zip(image_mean, image_std, strict=True)], np.float32)
    return ((small.astype(np.float32, order="C") / scale) - shift).transpose(2, 0, 1)


def checked_constants(
    size: Any = None, image_mean: Sequence[float] = DEFAULT_MEAN, image_std: Sequence[float] = DEFAULT_STD
) -> tuple[dict[str, int], list[float], list[float]]:
    """Check the constants of a processor of crops. ``size`` None is a square of ``DEFAULT_SIDE``.

    Raises:
        ValueError: ``size`` is not a height and a width, or mean and std are not three numbers each, std above zero.
    """
    plain = {"height": DEFAULT_SIDE, "width": DEFAULT_SIDE} if size is None else dict(size)
    if set(plain) != {"height", "width"} or min(plain.values()) < 1:
        raise ValueError(f"size is {plain}: give {{'height': pixels, 'width': pixels}}")
    if len(image_mean) != 3 or len(image_std) != 3 or min(image_std) <= 0:
        raise ValueError(f"image_mean {image_mean} and image_std {image_std}: give R, G and B each, std above zero")
    return {key: int(value) for key, value in plain.items()}, list(image_mean), list(image_std)
