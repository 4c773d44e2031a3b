"""What happens to pictures on their way through the world; shared by augmentation and the robustness runs (no disk).

Every function is pure: uint8 (H, W, 3) RGB in, a new array of the same shape and type out. Saturation, contrast, grey
blocks, noise, blur and pixelation are those of DeeperForensics-1.0 (Jiang et al. 2020, arXiv:2001.03024; their
``perturbation/distortions.py`` decides where the paper is silent).
"""

from __future__ import annotations

import io
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import UsageError

Picture = NDArray[np.uint8]
_BLOCK_PX: Final = 8
_BLOCK_GREY: Final = 128
_REFERENCE_PX: Final = 256  # of the shorter side, for which the number of blocks is stated
_STUDIO_RANGE: Final = (255 / 219, 255 / 224, 255 / 224)  # Y, Cr, Cb: full range over ITU-R BT.601's studio range


def recompress_jpeg(rgb: Picture, quality: int) -> Picture:
    """Send a picture through JPEG.

    Args:
        rgb: uint8 (H, W, 3).
        quality: 1 to 100 on libjpeg's scale.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UsageError: A quality out of range.
    """
    if not 1 <= quality <= 100:
        raise UsageError(f"quality={quality}", "JPEG quality goes from 1 to 100", "for example quality=75")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"), dtype=np.uint8)


def resize_factor(rgb: Picture, factor: float) -> Picture:
    """Scale a picture by a factor and back, so that detail is lost and the size is not.

    Args:
        rgb: uint8 (H, W, 3).
        factor: Size in between over the size now; 0.5 halves both sides on the way.

    Returns:
        uint8 (H, W, 3), the same size.

    Raises:
        UsageError: A factor that is not positive.
    """
    if not factor > 0:
        raise UsageError(f"factor={factor}", "it must be greater than 0", "for example factor=0.5")
    height, width = rgb.shape[:2]
    between = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Image.fromarray(rgb).resize(between, Image.Resampling.BICUBIC)  # with antialiasing when shrinking
    return np.array(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


def change_saturation(rgb: Picture, factor: float) -> Picture:
    """Multiply both colour differences of YCbCr by a factor: 1 changes nothing, 0 leaves grey.

    Raises:
        UsageError: A negative factor.
    """
    _need(factor >= 0, "factor", factor, "it must not be negative", 0.4)
    planes = _to_planes(rgb)
    planes[..., 1:] = 0.5 + (planes[..., 1:] - 0.5) * factor
    return _from_planes(planes)


def change_contrast(rgb: Picture, factor: float) -> Picture:
    """Multiply all values by a factor, which darkens too, as DeeperForensics-1.0 does.

    Raises:
        UsageError: A negative factor.
    """
    _need(factor >= 0, "factor", factor, "it must not be negative", 0.85)
    return _to_bytes(np.asarray(rgb.astype(np.float32) * factor, np.float32))


def add_grey_blocks(rgb: Picture, count: int, rng: np.random.Generator) -> Picture:
    """Lay grey squares of 8 x 8 pixels on a picture, at places drawn evenly; they may overlap.

    Args:
        rgb: uint8 (H, W, 3), 8 pixels or more each way.
        count: Squares for a shorter side of 256 pixels; the number grows with the shorter side.
        rng: Draws the places.

    Raises:
        UsageError: A negative count, or a picture smaller than a square.
    """
    height, width = rgb.shape[:2]
    _need(count >= 0, "count", count, "it must not be negative", 16)
    _need(min(height, width) >= _BLOCK_PX, "rgb.shape", rgb.shape, "a square has 8 x 8 pixels", (224, 224, 3))
    covered = rgb.copy()
    for _ in range(round(count * min(height, width) / _REFERENCE_PX)):
        top = int(rng.integers(0, height - _BLOCK_PX + 1))
        left = int(rng.integers(0, width - _BLOCK_PX + 1))
        covered[top : top + _BLOCK_PX, left : left + _BLOCK_PX] = _BLOCK_GREY
    return covered


def add_picture_noise(rgb: Picture, variance: float, rng: np.random.Generator) -> Picture:
    """Add white Gaussian noise to Y, Cb and Cr of BT.601's studio range.

    Args:
        rgb: uint8 (H, W, 3).
        variance: Of the noise in each plane, values in [0, 1].
        rng: Draws it.

    Raises:
        UsageError: A negative variance.
    """
    _need(variance >= 0, "variance", variance, "it must not be negative", 0.001)
    planes = _to_planes(rgb)
    noise = rng.standard_normal(planes.shape, dtype=np.float32)
    planes += noise * np.float32(255 * variance**0.5) * np.asarray(_STUDIO_RANGE, np.float32)
    return _from_planes(planes)


def blur_picture(rgb: Picture, kernel: int) -> Picture:
    """Blur with a Gaussian of ``kernel`` x ``kernel`` pixels, whose standard deviation is a sixth of that.

    Raises:
        UsageError: A kernel that is not odd and positive.
    """
    _need(kernel >= 1 and kernel % 2 == 1, "kernel", kernel, "it must be odd and positive", 7)
    return np.asarray(cv2.GaussianBlur(rgb, (kernel, kernel), kernel / 6), np.uint8)


def pixelate(rgb: Picture, factor: int) -> Picture:
    """Shrink by a whole factor and enlarge again, both bilinear and without antialiasing.

    Raises:
        UsageError: A factor below 1.
    """
    _need(factor >= 1, "factor", factor, "it must be 1 or more", 2)
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb, (max(1, width // factor), max(1, height // factor)))
    return np.asarray(cv2.resize(small, (width, height)), np.uint8)


def _to_planes(rgb: Picture) -> NDArray[np.float32]:
    """Full-range Y, Cr, Cb of BT.601, float32 (H, W, 3); the colour differences stand about 0.5."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2YCrCb), np.float32)


def _from_planes(planes: NDArray[np.float32]) -> Picture:
    return _to_bytes(np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.float32))


def _to_bytes(values: NDArray[np.float32]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _need(holds: bool, name: str, value: object, why: str, example: object) -> None:
    if not holds:
        raise UsageError(f"{name}={value}", why, f"for example {name}={example}")
