"""A virtual hand-held camera that films a still picture: slow pan and zoom, a little shake and roll, sensor noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class VirtualCamera:
    """Where the camera looks through time. Lengths are pixels of the still, except ``size_wh``.

    Two stills of one size filmed by equal cameras give the same framing and the same noise, frame by frame.

    Args:
        size_wh: width and height of the frames.
        fps: frames a second.
        duration_s: length of the shot.
        aim_xy: what it points at; None: the middle of the still.
        zoom: lowest and highest magnification (frame pixels for each still pixel).
        pan_px: how far the slow movement goes to either side.
        shake_px: spread of the fast, small movement of a hand.
        roll_deg: largest tilt to either side.
        noise_std: sensor noise at mid grey, in steps of 255; dark parts get less, as with photon noise.
        seed: chooses path and noise.
    """

    size_wh: tuple[int, int] = (640, 480)
    fps: float = 25.0
    duration_s: float = 6.0
    aim_xy: tuple[float, float] | None = None
    zoom: tuple[float, float] = (1.35, 1.6)
    pan_px: float = 22.0
    shake_px: float = 0.5
    roll_deg: float = 1.2
    noise_std: float = 2.0
    seed: int = 0

    @property
    def num_frames(self) -> int:
        return round(self.duration_s * self.fps)


def camera_path(camera: VirtualCamera) -> NDArray[np.float64]:
    """The movement: (num_frames, 4) as (x and y off the aim in still pixels, zoom, roll in degrees)."""
    if camera.num_frames < 1:
        raise UsageError(
            f"a shot of {camera.duration_s} s at {camera.fps} fps", "it has no frame", "make it longer, such as 6 s"
        )
    rng = np.random.default_rng(camera.seed)
    time_s = np.arange(camera.num_frames) / camera.fps
    x, y, zoom, roll = (_sway(time_s, rng, slowest_s=9.0) for _ in range(4))
    shake = np.stack([_sway(time_s, rng, slowest_s=0.9) for _ in range(2)])
    low, high = camera.zoom
    return np.stack(
        [
            x * camera.pan_px + shake[0] * camera.shake_px,
            y * camera.pan_px * 0.5 + shake[1] * camera.shake_px,
            low + (high - low) * (zoom + 1) / 2,
            roll * camera.roll_deg,
        ],
        axis=1,
    )


def film(rgb: Rgb, camera: VirtualCamera) -> Iterator[tuple[Rgb, float]]:
    """Film a still.

    Args:
        rgb: uint8 (H, W, 3).
        camera: the shot. Beyond the still's edge its mirror image shows.

    Yields:
        Frames uint8 (height, width, 3) and their times in seconds, index / fps: the clip's own clock.
    """
    width, height = camera.size_wh
    aim_x, aim_y = camera.aim_xy or ((rgb.shape[1] - 1) / 2, (rgb.shape[0] - 1) / 2)
    noise = np.random.default_rng([camera.seed, 1])
    for index, (off_x, off_y, zoom, roll_deg) in enumerate(camera_path(camera)):
        matrix = cv2.getRotationMatrix2D((aim_x + off_x, aim_y + off_y), roll_deg, zoom)
        matrix[:, 2] += ((width - 1) / 2 - aim_x - off_x, (height - 1) / 2 - aim_y - off_y)
        view = cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        yield _sensor(np.asarray(view, np.uint8), camera.noise_std, noise), index / camera.fps


def _sway(time_s: NDArray[np.float64], rng: np.random.Generator, slowest_s: float) -> NDArray[np.float64]:
    """A smooth curve in [-1, 1]: three sines whose periods share no simple ratio."""
    periods = slowest_s / np.array([1.0, 1.9, 3.3])
    weights = np.array([0.65, 0.25, 0.1])
    phases = rng.uniform(0, 2 * np.pi, 3)
    return np.asarray(np.sin(2 * np.pi * time_s[:, None] / periods + phases) @ weights)


def _sensor(rgb: Rgb, noise_std: float, rng: np.random.Generator) -> Rgb:
    if noise_std <= 0:
        return rgb
    grain = rng.standard_normal(rgb.shape, np.float32)
    spread = noise_std * np.sqrt(rgb.astype(np.float32) / 128 + 0.1)
    return np.asarray(np.clip(np.rint(rgb + grain * spread), 0, 255), dtype=np.uint8)
