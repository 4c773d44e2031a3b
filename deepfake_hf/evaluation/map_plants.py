"""Fakes whose changed places are known, to score heat maps on: self-blended faces, and sound with a stretch rebuilt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.synthesis.self_blend import blend_with_itself, draw_self_blend, self_blend
from deepfake_hf.synthesis.sound_fakes import choose_stretch, splice

Rgb = NDArray[np.uint8]
Wave = NDArray[np.float32]

_OFFSET: Final = 0.1  # of the crop's side: how far the line of a half blend may lie from the middle of the face
_STRETCH_S: Final = 1.0
_FADE_S: Final = 0.02
_BANDS_HZ: Final = ((0, 2000), (1000, 3000), (2000, 4000), (3000, 6000), (4000, 8000))


@dataclass(frozen=True)
class PlantedFace:
    """``rgb`` uint8 (H, W, 3) and ``changed`` bool (H, W): where the mask is at least half as strong as anywhere."""

    rgb: Rgb
    changed: NDArray[np.bool_]


@dataclass(frozen=True)
class PlantedSound:
    """``waveform`` float32 (num_samples,); what was rebuilt, in seconds and in Hz; ``generator`` names the vocoder."""

    waveform: Wave
    begin_s: float
    end_s: float
    low_hz: float
    high_hz: float
    generator: str


def whole_blend(rgb: Rgb, landmarks_xy: NDArray[np.float32], rng: np.random.Generator) -> PlantedFace:
    """A self-blend as training draws it. Its mask is most of the face, so that the middle of the crop nearly always
    lies in it, and where the surround is changed instead the mask says little about where traces are."""
    made = self_blend(rgb, landmarks_xy, rng)
    return PlantedFace(made.rgb, made.mask >= made.mask.max() / 2)


def half_blend(rgb: Rgb, landmarks_xy: NDArray[np.float32], rng: np.random.Generator) -> PlantedFace:
    """A self-blend of one side of a line through the face, at a random angle: the rest is the genuine face.

    Args:
        rgb: uint8 (H, W, 3), a genuine face crop.
        landmarks_xy: float (68, 2), iBUG order, pixels.
        rng: Source of every choice.
    """
    drawn = draw_self_blend(rng)
    settings = replace(drawn, changes_inside=True, mask=replace(drawn.mask, hull=0))
    made = blend_with_itself(rgb, landmarks_xy, settings)
    height, width = rgb.shape[:2]
    side = min(height, width)
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-_OFFSET, _OFFSET) * side
    middle = landmarks_xy[17:].mean(axis=0)
    rows, columns = np.mgrid[:height, :width]
    beyond = (columns - middle[0]) * np.cos(angle) + (rows - middle[1]) * np.sin(angle) - offset
    share = 1 / (1 + np.exp(-np.clip(beyond / (0.6 * settings.mask.blur * side), -30, 30)))  # (H, W)
    mixed = rgb + (made.rgb.astype(np.float64) - rgb) * share[..., None]
    mask = made.mask * share
    return PlantedFace(np.rint(mixed).astype(np.uint8), mask >= mask.max() / 2)


def rebuilt_stretch(
    genuine: Wave, twin: Wave, generator: str, rate: int, rng: np.random.Generator, band: bool = False
) -> PlantedSound:
    """One second of speech replaced by its copy-synthesis, as loud and cross-faded.

    Args:
        genuine: float32 (num_samples,) in [-1, 1].
        twin: The same words from a vocoder, as long.
        generator: Its name.
        rate: Hz.
        rng: Source of every choice.
        band: Replace one band of pitches only, drawn from five.

    Raises:
        UsageError: The sound is silent or shorter than a second.
    """
    begin, end = choose_stretch(genuine, rate, _STRETCH_S, rng)
    whole = splice(genuine, twin[begin:end], begin, rate, _FADE_S, alike=True)
    low, high = (float(edge) for edge in _BANDS_HZ[int(rng.integers(len(_BANDS_HZ)))]) if band else (0.0, rate / 2)
    if band:
        whole = (genuine + _band_of(whole - genuine, low, high, rate)).astype(np.float32)
    return PlantedSound(np.clip(whole, -1, 1), begin / rate, end / rate, low, high, generator)


def _band_of(sound: Wave, low: float, high: float, rate: int) -> Any:
    from scipy.signal import butter, sosfiltfilt

    if low == 0:
        return sosfiltfilt(butter(8, high, "lowpass", fs=rate, output="sos"), sound)
    if high >= rate / 2:
        return sosfiltfilt(butter(8, low, "highpass", fs=rate, output="sos"), sound)
    return sosfiltfilt(butter(6, (low, high), "bandpass", fs=rate, output="sos"), sound)
