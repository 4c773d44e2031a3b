"""A slight change of colour and of frequency content, as a generator's output differs from its surround."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

_BAND_SIGMAS: Final = (0.7, 1.4, 2.8, 5.6)  # pixels of a face region of 224: limits of three bands, an octave each
_BAND_SIDE: Final = 224


@dataclass(frozen=True)
class MismatchSettings:
    """What is changed. None and empty mean: left as it is.

    Args:
        offset: Added to red, green and blue, steps of 255.
        contrast: Gain about mid grey.
        brightness: Added to all, steps of 255.
        hue: Turn in OpenCV's half degrees; None leaves hue and saturation.
        saturation: Gain.
        smaller: Share of the side that the picture is reduced to and enlarged from.
        interpolation: OpenCV's number of the enlargement.
        sharpen: Weight of an unsharp mask.
        bands: Gains of three frequency bands, 1 leaves one as it is.
    """

    offset: tuple[float, float, float] | None = None
    contrast: float = 1.0
    brightness: float = 0.0
    hue: float | None = None
    saturation: float = 1.0
    smaller: float | None = None
    interpolation: int = cv2.INTER_LINEAR
    sharpen: float | None = None
    bands: tuple[float, ...] = ()


def draw_mismatch(rng: np.random.Generator) -> MismatchSettings:
    """Colour in 8 of 10, hue in 3 of 10; then one change of frequencies (smaller, sharper or bands) in 8 of 10."""
    drawn: dict[str, Any] = {}
    if rng.random() < 0.8:
        drawn["offset"] = tuple(float(value) for value in rng.uniform(-14, 14, 3))
        drawn["contrast"] = float(rng.uniform(0.88, 1.12))
        drawn["brightness"] = float(rng.uniform(-10, 10))
    if rng.random() < 0.3:
        drawn["hue"] = float(rng.uniform(-5, 5))
        drawn["saturation"] = float(rng.uniform(0.75, 1.25))
    kind = int(rng.choice(4, p=[0.35, 0.3, 0.15, 0.2]))
    if kind == 0:
        drawn["smaller"] = float(rng.uniform(0.3, 0.8))
        drawn["interpolation"] = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    elif kind == 1:
        drawn["sharpen"] = float(rng.uniform(0.2, 1.0))
    elif kind == 2:
        drawn["bands"] = tuple(float(gain) for gain in rng.uniform(0.3, 1.7, len(_BAND_SIGMAS) - 1))
    return MismatchSettings(**drawn)


def mismatch(rgb: Rgb, settings: MismatchSettings, side: int) -> Rgb:
    """Change a picture.

    Args:
        rgb: uint8 (H, W, 3).
        settings: What to change.
        side: Of the face's region in pixels, which the frequency bands are measured in.

    Returns:
        uint8 (H, W, 3).
    """
    out: Any = rgb.astype(np.float32)
    if settings.offset is not None:
        out = out + np.array(settings.offset, np.float32)
        out = (out - 128) * np.float32(settings.contrast) + 128 + np.float32(settings.brightness)
    if settings.hue is not None:
        hsv = cv2.cvtColor(np.clip(out, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV).astype(np.float32)
        hsv[..., 0] = (hsv[..., 0] + settings.hue) % 180
        hsv[..., 1] = np.clip(hsv[..., 1] * settings.saturation, 0, 255)
        out = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    if settings.smaller is not None:
        height, width = out.shape[:2]
        size = (max(8, int(width * settings.smaller)), max(8, int(height * settings.smaller)))
        shrunk = cv2.resize(out, size, interpolation=cv2.INTER_AREA)
        out = cv2.resize(shrunk, (width, height), interpolation=settings.interpolation)
    if settings.sharpen is not None:
        out = out + (out - cv2.GaussianBlur(out, (0, 0), 1.5)) * np.float32(settings.sharpen)
    if settings.bands:
        out = _with_bands(out, settings.bands, side)
    return np.asarray(np.clip(out, 0, 255), dtype=np.uint8)


def _with_bands(picture: Any, gains: tuple[float, ...], side: int) -> Any:
    """Differences of Gaussians, each with its gain, float32 (H, W, 3)."""
    blurred = [cv2.GaussianBlur(picture, (0, 0), sigma * side / _BAND_SIDE) for sigma in _BAND_SIGMAS]
    for gain, fine, coarse in zip(gains, blurred, blurred[1:], strict=False):
        picture = picture + (fine - coarse) * np.float32(gain - 1.0)
    return picture
