"""Animated GIF, WebP, PNG and AVIF through Pillow (FFmpeg reads no animated WebP and drops transparency)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import MediaError, UnsupportedMediaError
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.orient import fit_size
from deepfake_hf.media.pictures import open_picture, upright_rgb
from deepfake_hf.media.shots import Progress, Shot, ShotSource

_UNSTATED_MS: Final = 100.0  # browsers show a frame of 0 or 10 ms for 100 ms (Chromium, Firefox and WebKit alike)
_SHORTEST_MS: Final = 10.0


class AnimationDecoder(ShotSource):
    """Decodes one picture file frame by frame; a still picture is an animation of one frame at 0 s."""

    def timestamps(self) -> NDArray[np.float64]:
        """float64 (N,): times in seconds of all frames, by a first pass that keeps no picture."""
        return np.fromiter((shot.pts_s for shot in self.shots()), dtype=np.float64)

    def shots(self) -> Iterator[Shot]:
        """Decode the file once; what follows a damaged frame can't be told apart from it, so the pass ends there."""
        self.progress = Progress()
        shown_ms = 0.0
        try:
            with open_picture(self._path, self._limits) as picture:
                count = getattr(picture, "n_frames", 1)
                for index in range(count):
                    picture.seek(index)
                    self._limits.check_size(self._path, *picture.size, still=count == 1)  # a frame can widen a GIF
                    picture.load()
                    self._limits.check_duration(self._path, shown_ms / 1000)
                    pts_s, shown_ms = shown_ms / 1000, shown_ms + (_duration_ms(picture) if count > 1 else 0.0)
                    self.progress.decoded_until_s = shown_ms / 1000
                    yield Shot(pts_s, partial(self._rgb, picture))
        except UnsupportedMediaError:
            raise
        except MediaError as error:
            self.progress.damaged = error.why

    def _rgb(self, picture: Image.Image) -> NDArray[np.uint8]:
        rgb = upright_rgb(picture, self._path)  # (H, W, 3)
        size = fit_size(rgb.shape[1], rgb.shape[0], self._max_side_px)
        if size == (rgb.shape[1], rgb.shape[0]):
            return rgb
        return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.BOX), dtype=np.uint8)


def animation_length_s(path: str | os.PathLike[str], limits: Limits) -> tuple[float, int]:
    """An animation's length in seconds and its number of frames, by one pass. Raises: UnsupportedMediaError."""
    decoder = AnimationDecoder(path, limits, None)
    count = sum(1 for _ in decoder.shots())
    return decoder.progress.decoded_until_s, count


def _duration_ms(picture: Image.Image) -> float:
    duration_ms = float(picture.info.get("duration") or 0.0)
    return duration_ms if duration_ms > _SHORTEST_MS else _UNSTATED_MS
