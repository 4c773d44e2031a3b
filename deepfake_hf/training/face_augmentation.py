"""Augmentation of face crops, on both classes alike: torchvision v2 operations driven by a numpy generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from deepfake_hf.errors import UsageError
from deepfake_hf.media import h264_roundtrip


@dataclass(frozen=True)
class FaceSettings:
    """Probabilities in [0, 1], and ranges as (low, high).

    The defaults are the mild augmentation. What stands at 0 draws no number, so that turning on one kind leaves the
    others' stream as it is only up to the place where it is drawn; with the defaults every stream is that of the
    shipped recipe.
    """

    p_flip: float = 0.5
    p_warp: float = 0.4  # a turn of 5 degrees' standard deviation, scale and shift, all at once
    p_rotate: float = 0.0
    rotate_deg: tuple[float, float] = (-15.0, 15.0)
    p_crop: float = 0.0
    crop_share: tuple[float, float] = (0.8, 1.0)  # of each side that is kept, then enlarged
    p_light: float = 0.2
    brightness: tuple[float, float] = (0.75, 1.25)
    contrast: tuple[float, float] = (0.75, 1.25)
    p_colour: float = 0.15
    saturation: tuple[float, float] = (0.6, 1.4)
    p_grey: float = 0.03
    p_white_balance: float = 0.0
    p_gamma: float = 0.0
    gamma: tuple[float, float] = (0.6, 1.7)
    p_chroma: float = 0.0
    chroma_factor: tuple[float, float] = (0.1, 0.6)  # of its resolution that colour keeps, as in old video
    p_blur: float = 0.06
    blur_sigma: tuple[float, float] = (0.4, 1.4)
    p_resize: float = 0.1
    resize_factor: tuple[float, float] = (0.4, 0.9)
    p_sharpen: float = 0.0
    p_noise: float = 0.05
    noise_sigma: tuple[float, float] = (2.0, 10.0)  # of 255
    p_jpeg: float = 0.15
    jpeg_quality: tuple[int, int] = (40, 95)  # the last is not drawn
    p_cut_out: float = 0.05
    cut_out_share: tuple[float, float] = (0.1, 0.3)  # of the height, a square
    p_h264: float = 0.0  # of a picture as a key frame, of a clip whole
    h264_crf: tuple[int, int] = (23, 41)  # the last is not drawn

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.startswith("p_") and not 0 <= value <= 1:
                raise UsageError(f"{name}={value}", "a probability is in [0, 1]", f"for example {name}=0.2")
            if isinstance(value, tuple) and not value[0] <= value[1]:
                raise UsageError(f"{name}={value}", "a range is (low, high)", f"for example {name}={value[::-1]}")
        if self.h264_crf[1] > 52 or self.jpeg_quality[1] > 101:
            raise UsageError("h264_crf and jpeg_quality", "they end at 51 and 100", "lower the upper end")

    @classmethod
    def strong(cls) -> FaceSettings:
        """What cameras, video and sharing do to faces (low resolution, coarse colour, compression, white balance,
        gamma, sharpening) three to five times as often, and down to a fifth of the resolution. Without it, training is
        faster and genuine low-resolution video is called fake."""
        return cls(
            p_white_balance=0.35,
            p_gamma=0.35,
            p_chroma=0.25,
            p_sharpen=0.3,
            p_light=0.4,
            contrast=(0.55, 1.4),
            p_colour=0.5,
            p_grey=0.05,
            p_blur=0.25,
            blur_sigma=(0.4, 2.0),
            p_resize=0.5,
            p_noise=0.12,
            p_jpeg=0.5,
            resize_factor=(0.2, 0.9),
            saturation=(0.5, 2.0),
        )


class FaceAugmentation:
    """Flip, rotation, crop, scale, light, colour, grey, blur, resize ladder, sharpness, noise, JPEG, cut-out, H.264.

    A call takes uint8 (H, W, 3) and gives the same shape; ``clip`` does the same to every frame of a clip. All
    randomness comes from the generator passed in.

    Args:
        strong: ``FaceSettings.strong()`` instead of the mild defaults.
        settings: Settings of one's own, instead of both.
    """

    def __init__(self, strong: bool = False, settings: FaceSettings | None = None) -> None:
        self.settings = settings or (FaceSettings.strong() if strong else FaceSettings())

    def clip(self, frames: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        """Change a clip: the same draw for every frame, then perhaps H.264 over all of them.

        Args:
            frames: One or more, each uint8 (H, W, 3). H.264 comes only where all have one size.
            rng: Source of every choice; afterwards it stands where one frame has left it, however many there are.

        Returns:
            Each changed, of its own shape.
        """
        state = rng.bit_generator.state
        done = []
        for frame in frames:
            rng.bit_generator.state = state
            done.append(self._changed(frame, rng))
        chosen = self.settings
        if chosen.p_h264 and rng.random() < chosen.p_h264 and len({frame.shape for frame in done}) == 1:
            return list(h264_roundtrip(np.stack(done), int(rng.integers(*chosen.h264_crf))))
        return done

    def __call__(self, rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        return self.clip([rgb], rng)[0]

    def _changed(self, rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        chosen = self.settings
        height, width = rgb.shape[:2]
        if rng.random() < chosen.p_flip:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        if rng.random() < chosen.p_warp:
            degrees, scale = float(rng.normal(0, 5)), float(np.exp(rng.uniform(-0.12, 0.15)))
            rgb = _warp(rgb, degrees, scale, rng.uniform(-0.06, 0.06, 2) * (width, height))
        if chosen.p_rotate and rng.random() < chosen.p_rotate:
            rgb = _warp(rgb, float(rng.uniform(*chosen.rotate_deg)), 1.0, np.zeros(2))
        picture = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)  # (3, H, W)
        if chosen.p_crop and rng.random() < chosen.p_crop:
            share = float(rng.uniform(*chosen.crop_share))
            kept = max(1, round(share * height)), max(1, round(share * width))
            top, left = int(rng.integers(0, height - kept[0] + 1)), int(rng.integers(0, width - kept[1] + 1))
            picture = F.resized_crop(picture, top, left, *kept, [height, width], antialias=True)
        picture = self._recolour(picture, rng)
        picture = self._degrade(picture, rng)
        if rng.random() < chosen.p_cut_out:
            side = int(rng.uniform(*chosen.cut_out_share) * height)
            top, left = int(rng.integers(0, height - side)), int(rng.integers(0, width - side))
            picture = F.erase(picture, top, left, side, side, torch.zeros((), dtype=torch.uint8))
        return np.asarray(picture.permute(1, 2, 0).numpy(), dtype=np.uint8)

    def _recolour(self, picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        chosen = self.settings
        if rng.random() < chosen.p_light:
            picture = F.adjust_brightness(picture, float(rng.uniform(*chosen.brightness)))
            picture = F.adjust_contrast(picture, float(rng.uniform(*chosen.contrast)))
        if rng.random() < chosen.p_colour:
            picture = F.adjust_saturation(picture, float(rng.uniform(*chosen.saturation)))
            picture = F.adjust_hue(picture, float(rng.uniform(-0.03, 0.03)))
        if rng.random() < chosen.p_grey:
            picture = F.rgb_to_grayscale(picture, num_output_channels=3)
        if rng.random() < chosen.p_white_balance:
            gains = torch.from_numpy(np.exp(rng.normal(0, 0.12, (3, 1, 1))).astype(np.float32))
            picture = (picture.float() * gains).clamp(0, 255).to(torch.uint8)
        if chosen.p_gamma and rng.random() < chosen.p_gamma:
            picture = F.adjust_gamma(picture, float(np.exp(rng.uniform(*np.log(chosen.gamma)))))
        return picture

    def _degrade(self, picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        chosen = self.settings
        height, width = picture.shape[1:]
        if chosen.p_chroma and rng.random() < chosen.p_chroma:
            picture = _coarse_colour(picture, float(rng.uniform(*chosen.chroma_factor)))
        if rng.random() < chosen.p_blur:
            picture = F.gaussian_blur(picture, [5, 5], [float(rng.uniform(*chosen.blur_sigma))] * 2)
        if rng.random() < chosen.p_resize:
            factor = float(rng.uniform(*chosen.resize_factor))
            small = F.resize(picture, [int(height * factor), int(width * factor)], antialias=True)
            if rng.random() < chosen.p_jpeg:  # compressed while small, as video is
                small = F.jpeg(small, int(rng.integers(*chosen.jpeg_quality)))
            way = v2.InterpolationMode.BICUBIC if rng.random() < 0.5 else v2.InterpolationMode.BILINEAR
            picture = F.resize(small, [height, width], interpolation=way)
        if rng.random() < chosen.p_sharpen:
            picture = F.adjust_sharpness(picture, float(rng.uniform(1.5, 4.0)))
        if rng.random() < chosen.p_noise:
            sigma = rng.uniform(*chosen.noise_sigma)
            noise = torch.from_numpy(rng.normal(0, sigma, tuple(picture.shape)).astype(np.float32))
            picture = (picture.float() + noise).clamp(0, 255).to(torch.uint8)
        if rng.random() < chosen.p_jpeg:
            picture = F.jpeg(picture, int(rng.integers(*chosen.jpeg_quality)))
        return picture


def _coarse_colour(picture: torch.Tensor, factor: float) -> torch.Tensor:
    """Keep brightness, reduce the resolution of colour: uint8 (3, H, W) to the same."""
    height, width = picture.shape[1:]
    planes: Any = cv2.cvtColor(picture.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2YCrCb)
    size = max(1, int(width * factor)), max(1, int(height * factor))
    small = cv2.resize(planes[..., 1:], size, interpolation=cv2.INTER_AREA)
    planes[..., 1:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB)).permute(2, 0, 1)


def _warp(rgb: NDArray[np.uint8], degrees: float, scale: float, shift_xy: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn and scale about the middle, then shift in pixels; the border is repeated outwards."""
    height, width = rgb.shape[:2]
    matrix: Any = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += shift_xy
    turned = cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)
