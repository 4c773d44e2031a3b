"""Clips of face crops in, pixel values and mask out: the processor of the clip detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import av
import numpy as np
import torch
from torch import Tensor
from transformers import BatchFeature
from transformers.video_processing_utils import BaseVideoProcessor

from .image_processing_face import normalised_crop, rgb_array
from .pixels import checked_constants

# What transformers itself writes into video_preprocessor_config.json, or hands on when it reads one.
_SERVICE_KEYS = {"video_processor_type", "processor_class", "auto_map"}
_ACCEPTED = "Give a clip as uint8 RGB (T, H, W, 3), a list of crops or the path of a video; one or a list of clips"


def uniform_indices(num_available: int, num_frames: int) -> list[int]:
    """Frames spread evenly from the first to the very last; all of them where there are no more than wanted."""
    if num_available <= num_frames:
        return list(range(num_available))
    if num_frames == 1:
        return [num_available // 2]
    return [round(i * (num_available - 1) / (num_frames - 1)) for i in range(num_frames)]


def read_clip(path: str | Path, num_frames: int | None) -> list[np.ndarray]:
    """Decode frames of a file, spread evenly to its end; two passes, since containers may not know their length.

    Args:
        path: A local video.
        num_frames: How many at most; None for all.

    Returns:
        Upright uint8 (H, W, 3) each.

    Raises:
        ValueError: There is no such file, or no frame can be decoded from it.
    """
    if not Path(path).is_file():
        raise ValueError(f"no video at {path}. Give the path of a local file; addresses are not fetched")
    try:
        with av.open(str(path)) as container:
            available = sum(1 for _ in container.decode(video=0))
        wanted = set(range(available) if num_frames is None else uniform_indices(available, num_frames))
        with av.open(str(path)) as container:
            # rotation: degrees counterclockwise that make the stored frame upright
            frames = [
                np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                for i, frame in enumerate(container.decode(video=0))
                if i in wanted
            ]
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise ValueError(f"no video can be decoded from {path} ({error}). Convert it to mp4 with ffmpeg") from error
    if not frames:
        raise ValueError(f"there is no frame in {path}. Give a file with a picture track")
    return frames


class ClipVideoProcessorKwargs(TypedDict, total=False):
    """The constants of ``ClipVideoProcessor``."""

    size: dict[str, int]
    image_mean: Sequence[float]
    image_std: Sequence[float]
    num_frames: int


class ClipVideoProcessor(BaseVideoProcessor):
    """Clips sampled, resized, normalised and padded to the longest of a batch.

    The crops of a clip show one face, framed as the weights know it; a file is decoded as it is, without looking for
    faces: that is the detector's work. Padding holds zeros and stands behind the real frames.

    Args:
        size: ``{"height": pixels, "width": pixels}``.
        image_mean: Per channel (R, G, B), of pixels in [0, 1].
        image_std: Per channel (R, G, B), of pixels in [0, 1].
        num_frames: Frames taken from a longer clip.

    Raises:
        TypeError: There is an option that this processor doesn't have.
        ValueError: A constant is out of its range.
    """

    model_input_names = ["pixel_values", "attention_mask"]
    valid_kwargs = ClipVideoProcessorKwargs

    def __init__(
        self,
        size: dict[str, int] | None = None,
        image_mean: Sequence[float] = (0.5, 0.5, 0.5),
        image_std: Sequence[float] = (0.5, 0.5, 0.5),
        num_frames: int = 16,
        **kwargs: Any,
    ) -> None:
        if unknown := sorted(set(kwargs) - _SERVICE_KEYS):
            known = ", ".join(ClipVideoProcessorKwargs.__annotations__)
            raise TypeError(f"{type(self).__name__} has no option {', '.join(unknown)}, only {known}")
        super().__init__(**kwargs)
        size = {"height": 128, "width": 128} if size is None else size
        self.size, self.image_mean, self.image_std = checked_constants(size, image_mean, image_std)
        if num_frames < 1:
            raise ValueError(f"num_frames is {num_frames}: give 1 or more")
        self.num_frames = num_frames

    def preprocess(  # type: ignore[override]
        self,
        videos: Any,
        num_frames: int | None = None,
        do_sample_frames: bool = True,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """Clips to a batch.

        Args:
            videos: uint8 RGB (T, H, W, 3) as array or tensor, a list of crops, or the path of a video; one, a list of
                such or (B, T, H, W, 3). Lengths and sizes may differ.
            num_frames: Frames to take from a longer clip, evenly to its very end; None is the processor's own number.
            do_sample_frames: False keeps every frame.
            return_tensors: ``"pt"``, or ``"np"``; None is ``"np"``.

        Returns:
            ``pixel_values`` float32 (B, T, 3, height, width), ``attention_mask`` int64 (B, T), 1 real and 0 padding.

        Raises:
            TypeError: A clip or crop is of another kind, or not uint8.
            ValueError: There is no clip or frame, a shape is wrong, or a file can't be decoded.
        """
        limit = (num_frames or self.num_frames) if do_sample_frames else None
        clips = [self._clip(video, limit) for video in _as_list(videos)]
        length = max(len(clip) for clip in clips)
        mask = torch.zeros((len(clips), length), dtype=torch.int64)
        pixels = torch.zeros((len(clips), length, 3, self.size["height"], self.size["width"]))
        for row, clip in enumerate(clips):
            mask[row, : len(clip)] = 1
            pixels[row, : len(clip)] = clip
        return BatchFeature({"pixel_values": pixels, "attention_mask": mask}, tensor_type=return_tensors or "np")

    def fetch_videos(self, video_url_or_urls: Any, sample_indices_fn: Any = None) -> list[np.ndarray]:
        """Decode one local file with PyAV, all frames; the base class demands torchcodec for this."""
        return read_clip(video_url_or_urls, None)

    def _clip(self, video: Any, limit: int | None) -> Tensor:
        """float32 (T, 3, height, width)."""
        if isinstance(video, (str, Path)):
            frames: Any = read_clip(video, limit)
        else:
            if not isinstance(video, (list, tuple)) and getattr(video, "ndim", 0) != 4:
                shape = f" of shape {tuple(video.shape)}" if hasattr(video, "shape") else ""
                raise TypeError(f"a clip cannot be a {type(video).__name__}{shape}. {_ACCEPTED}")
            if len(video) == 0:
                raise ValueError(f"there is no frame in a clip. {_ACCEPTED}")
            kept = range(len(video)) if limit is None else uniform_indices(len(video), limit)
            frames = [video[i] for i in kept]
        height, width = self.size["height"], self.size["width"]
        return torch.stack(
            [normalised_crop(rgb_array(frame), height, width, self.image_mean, self.image_std) for frame in frames]
        )


def _as_list(videos: Any) -> list[Any]:
    """One clip or several, told apart by kind and number of dimensions."""
    if isinstance(videos, (str, Path)) or getattr(videos, "ndim", 0) == 4:
        return [videos]
    if not isinstance(videos, (list, tuple)) and getattr(videos, "ndim", 0) != 5:
        return [videos]
    if len(videos) == 0:
        raise ValueError(f"there is no clip. {_ACCEPTED}")
    first = videos[0]
    one_clip = not isinstance(first, (str, Path, list, tuple)) and getattr(first, "ndim", 3) == 3
    return [videos] if one_clip else list(videos)
