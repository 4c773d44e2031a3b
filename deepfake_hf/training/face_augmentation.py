"""Augmentation of face crops, on both classes alike: torchvision v2 operations driven by a numpy generator."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F


class FaceAugmentation:
    """Flip, rotation, crop, scale, light, colour, sharpness, noise, blur, resize ladder, JPEG, grey, cut-out.

    A call takes uint8 (H, W, 3) and gives the same shape. All randomness comes from the generator passed in.

    Args:
        strong: what cameras, video and sharing do to faces (low resolution, compression, white balance, sharpening)
            three to five times as often, and down to a fifth of the resolution. Without it, training is faster and
            genuine low-resolution video is called fake.
    """

    def __init__(self, strong: bool = False) -> None:
        self.p_white_balance = 0.35 if strong else 0.0
        self.p_sharpen = 0.2 if strong else 0.0
        self.p_light = 0.4 if strong else 0.2
        self.p_colour = 0.5 if strong else 0.15
        self.p_grey = 0.05 if strong else 0.03
        self.p_blur = 0.2 if strong else 0.06
        self.p_resize = 0.5 if strong else 0.1
        self.p_noise = 0.12 if strong else 0.05
        self.p_jpeg = 0.5 if strong else 0.15
        self.lowest_factor = 0.2 if strong else 0.4
        self.colour_range = (0.5, 2.0) if strong else (0.6, 1.4)

    def __call__(self, rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        height, width = rgb.shape[:2]
        if rng.random() < 0.5:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        if rng.random() < 0.4:
            matrix: Any = cv2.getRotationMatrix2D(
                (width / 2, height / 2), float(rng.normal(0, 5)), float(np.exp(rng.uniform(-0.12, 0.15)))
            )
            matrix[:, 2] += rng.uniform(-0.06, 0.06, 2) * (width, height)
            rgb = np.asarray(
                cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
                np.uint8,
            )
        picture = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)  # (3, H, W)
        if rng.random() < self.p_light:
            picture = F.adjust_brightness(picture, float(rng.uniform(0.75, 1.25)))
            picture = F.adjust_contrast(picture, float(rng.uniform(0.75, 1.25)))
        if rng.random() < self.p_colour:
            picture = F.adjust_saturation(picture, float(rng.uniform(*self.colour_range)))
            picture = F.adjust_hue(picture, float(rng.uniform(-0.03, 0.03)))
        if rng.random() < self.p_grey:
            picture = F.rgb_to_grayscale(picture, num_output_channels=3)
        if rng.random() < self.p_white_balance:
            gains = torch.from_numpy(np.exp(rng.normal(0, 0.12, (3, 1, 1))).astype(np.float32))
            picture = (picture.float() * gains).clamp(0, 255).to(torch.uint8)
        picture = self._degrade(picture, rng)
        if rng.random() < 0.05:
            side = int(rng.uniform(0.1, 0.3) * height)
            top, left = int(rng.integers(0, height - side)), int(rng.integers(0, width - side))
            picture = F.erase(picture, top, left, side, side, torch.zeros((), dtype=torch.uint8))
        return np.asarray(picture.permute(1, 2, 0).numpy(), dtype=np.uint8)

    def _degrade(self, picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        height, width = picture.shape[1:]
        if rng.random() < self.p_blur:
            picture = F.gaussian_blur(picture, [5, 5], [float(rng.uniform(0.4, 1.4))] * 2)
        if rng.random() < self.p_resize:
            factor = float(rng.uniform(self.lowest_factor, 0.9))
            small = F.resize(picture, [int(height * factor), int(width * factor)], antialias=True)
            if rng.random() < self.p_jpeg:  # compressed while small, as video is
                small = F.jpeg(small, int(rng.integers(40, 95)))
            way = v2.InterpolationMode.BICUBIC if rng.random() < 0.5 else v2.InterpolationMode.BILINEAR
            picture = F.resize(small, [height, width], interpolation=way)
        if rng.random() < self.p_sharpen:
            picture = F.adjust_sharpness(picture, float(rng.uniform(1.5, 4.0)))
        if rng.random() < self.p_noise:
            noise = torch.from_numpy(rng.normal(0, rng.uniform(2, 10), tuple(picture.shape)).astype(np.float32))
            picture = (picture.float() + noise).clamp(0, 255).to(torch.uint8)
        if rng.random() < self.p_jpeg:
            picture = F.jpeg(picture, int(rng.integers(40, 95)))
        return picture
