"""A face that speaks and its sound in, looks and sounds of the same fifths of a second out: SyncNet's processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate
from transformers import BatchFeature, FeatureExtractionMixin

from .image_processing_face import rgb_array

# What transformers itself writes into preprocessor_config.json, or hands on when it reads one.
_SERVICE_KEYS = {"feature_extractor_type", "processor_class", "auto_map"}
_FRAME_S: Final = 0.04  # 25 frames a second
_STEPS_PER_FRAME: Final = 4  # the sound picture's steps of 10 ms
_STEP_S: Final = 0.01
_WINDOW_S: Final = 0.025
_PRE_EMPHASIS: Final = 0.97
_FFT_SIZE: Final = 512
_BANDS: Final = 26
_LIFTER: Final = 22
_FULL_SCALE: Final = 32768.0  # the published weights know samples of 16 bits
_LEAST: Final = float(np.finfo(np.float64).eps)


def mel_filters(bands: int, fft_size: int, sampling_rate: int) -> NDArray[np.float64]:
    """float64 (bands, fft_size / 2 + 1): triangles between whole bins, evenly spaced in mel from 0 Hz to half the rate.

    Source: O'Shaughnessy 1987, mel = 2595 log10(1 + f / 700).
    """
    mel = np.linspace(0, 2595 * np.log10(1 + sampling_rate / 2 / 700), bands + 2)
    corners = np.floor((fft_size + 1) * 700 * (10 ** (mel / 2595) - 1) / sampling_rate)
    bins = np.arange(fft_size // 2 + 1)
    low, middle, high = (corners[i : i + bands, None] for i in range(3))
    rising = (bins >= low) & (bins < middle)
    falling = (bins >= middle) & (bins < high)
    # where two corners fall on one bin, that side of the triangle is empty and its width is never used
    up = (bins - low) / np.maximum(middle - low, 1)
    down = (high - bins) / np.maximum(high - middle, 1)
    return np.where(rising, up, np.where(falling, down, 0.0))


def cepstra(waveform: NDArray[np.float64], sampling_rate: int, coefficients: int) -> NDArray[np.float64]:
    """Mel-frequency cepstra, the first replaced by the log energy: one row for each 10 ms.

    Args:
        waveform: (num_samples,), mono, [-1, 1].
        sampling_rate: Hz.
        coefficients: How many, up to 26.

    Returns:
        float64 (steps, coefficients); step i spans 25 ms from 10 i ms on.

    Source: Davis & Mermelstein 1980, with pre-emphasis 0.97, square windows of 25 ms, 26 bands and a lifter of 22: the
    defaults of the program that made the published weights' inputs.
    """
    sound = waveform * _FULL_SCALE
    sound = np.append(sound[:1], sound[1:] - _PRE_EMPHASIS * sound[:-1])
    length, step = round(_WINDOW_S * sampling_rate), round(_STEP_S * sampling_rate)
    if len(sound) < length:
        return np.empty((0, coefficients))
    windows = np.lib.stride_tricks.sliding_window_view(sound, length)[::step]  # (steps, length)
    power = np.abs(np.fft.rfft(windows, _FFT_SIZE)) ** 2 / _FFT_SIZE
    bands = np.log(np.maximum(power @ mel_filters(_BANDS, _FFT_SIZE, sampling_rate).T, _LEAST))
    row, column = np.arange(coefficients)[:, None], np.arange(_BANDS)
    transform = np.sqrt(2 / _BANDS) * np.cos(np.pi * row * (2 * column + 1) / (2 * _BANDS))  # DCT-II, orthonormal
    transform[0] /= np.sqrt(2)
    found = bands @ transform.T * (1 + _LIFTER / 2 * np.sin(np.pi * np.arange(coefficients) / _LIFTER))
    found[:, 0] = np.log(np.maximum(power.sum(1), _LEAST))
    return np.asarray(found, np.float64)


class LipSyncFeatureExtractor(FeatureExtractionMixin):
    """Pairs of five face crops and the cepstra of the same 0.2 s, one pair a frame of 25 a second.

    Crops of another rate are taken to 25 frames a second by their own times, each moment getting the nearest crop.
    The same pixels and numbers as the published weights know: RGB in [0, 255], 13 cepstra of 20 steps.

    Args:
        image_size: Side of the square crops, pixels.
        num_frames: Frames of a pair.
        num_coefficients: Cepstra of a step.
        sampling_rate: Hz of the waveforms that may come in.
        max_gap_s: Farther than this from the nearest crop, a moment has no look, and its pairs are left out.

    Raises:
        TypeError: There is an option that this extractor doesn't have.
        ValueError: A constant is out of its range.
    """

    model_input_names = ["pixel_values", "input_values"]

    def __init__(
        self,
        image_size: int = 224,
        num_frames: int = 5,
        num_coefficients: int = 13,
        sampling_rate: int = 16_000,
        max_gap_s: float = 0.06,
        **kwargs: Any,
    ) -> None:
        if unknown := sorted(set(kwargs) - _SERVICE_KEYS):
            raise TypeError(
                f"{type(self).__name__} has no option {', '.join(unknown)}, only image_size, num_frames, "
                "num_coefficients, sampling_rate, max_gap_s"
            )
        super().__init__(**kwargs)
        window = round(_WINDOW_S * sampling_rate)
        if min(image_size, num_frames) < 1 or not 1 <= num_coefficients <= _BANDS or not 1 <= window <= _FFT_SIZE:
            raise ValueError(
                f"image_size {image_size}, num_frames {num_frames}, num_coefficients {num_coefficients} and "
                f"sampling_rate {sampling_rate}: give sizes of 1 or more, up to {_BANDS} coefficients, and a rate up "
                f"to {round(_FFT_SIZE / _WINDOW_S)} Hz"
            )
        if max_gap_s <= 0:
            raise ValueError(f"max_gap_s is {max_gap_s}: give seconds above zero, such as 0.06")
        self.image_size, self.num_frames, self.num_coefficients = image_size, num_frames, num_coefficients
        self.sampling_rate, self.max_gap_s = sampling_rate, max_gap_s

    def __call__(
        self,
        crops: Any,
        pts_s: Any,
        raw_speech: Any,
        sampling_rate: int | None = None,
        sound_start_s: float = 0.0,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """One clip to its pairs.

        Args:
            crops: uint8 RGB (T, H, W, 3), or a list of T crops, all of one face in one framing.
            pts_s: float (T,), seconds from the container, rising.
            raw_speech: float (num_samples,), the clip's sound, mono in [-1, 1].
            sampling_rate: Hz of the sound; must be the extractor's own. Give it: a wrong rate can't be seen.
            sound_start_s: Seconds from the container at which the sound starts.
            return_tensors: ``"pt"``, or ``"np"``; None is ``"np"``.

        Returns:
            ``pixel_values`` float32 (B, 3, num_frames, image_size, image_size), ``input_values`` float32
            (B, 1, num_coefficients, 4 num_frames) and ``pair_start_s`` float64 (B,), where each pair starts. Pairs
            stand 0.04 s apart but for gaps.

        Raises:
            ValueError: A shape or the rate is wrong, time doesn't rise, or no 0.2 s has both picture and sound.
        """
        if sampling_rate is not None and sampling_rate != self.sampling_rate:
            raise ValueError(f"The sound is at {sampling_rate} Hz, not at {self.sampling_rate}. Resample first.")
        times, sound = np.asarray(pts_s, np.float64), np.asarray(raw_speech, np.float64)
        if times.ndim != 1 or len(times) != len(crops) or len(times) == 0 or sound.ndim != 1:
            raise ValueError(
                f"{len(crops)} crops, times {times.shape} and sound {sound.shape}. Give a time (T,) for each of T "
                "crops, one or more, and one channel of sound (num_samples,)"
            )
        if not (np.isfinite(times).all() and np.isfinite(sound).all()) or (np.diff(times) <= 0).any():
            raise ValueError("a time or sample is not finite, or pts_s does not rise. Give each crop once, in order")
        heard = cepstra(sound, self.sampling_rate, self.num_coefficients)  # (steps, coefficients)
        starts, looks = self._moments(times, sound_start_s, len(heard))
        if len(starts) == 0:
            raise ValueError(
                f"no {self.num_frames * _FRAME_S:.2g} s of this clip have both crops and sound: picture from "
                f"{times[0]:.2f} to {times[-1]:.2f} s, sound from {sound_start_s:.2f} to "
                f"{sound_start_s + len(sound) / self.sampling_rate:.2f} s. Give more of both"
            )
        used, places = np.unique(looks, return_inverse=True)
        pictures = torch.stack([self._look(crops[i]) for i in used])  # (U, 3, S, S)
        pixels = pictures[torch.as_tensor(places.reshape(looks.shape))].transpose(1, 2)  # (B, 3, F, S, S)
        first = np.round((starts - sound_start_s) / _STEP_S).astype(int)
        steps = first[:, None] + np.arange(_STEPS_PER_FRAME * self.num_frames)
        values = heard[steps].transpose(0, 2, 1)[:, None].astype(np.float32)  # (B, 1, C, L)
        return BatchFeature(
            {"pixel_values": pixels, "input_values": values, "pair_start_s": starts},
            tensor_type=return_tensors or "np",
        )

    def _moments(
        self, times: NDArray[np.float64], sound_start_s: float, steps: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Starts (B,) of the pairs, and (B, num_frames) the crop nearest to each of their moments."""
        begin = max(times[0], sound_start_s)
        grid = begin + _FRAME_S * np.arange(int((times[-1] - begin) / _FRAME_S + 1e-6) + 1 if times[-1] >= begin else 0)
        after = np.clip(np.searchsorted(times, grid), 1, max(len(times) - 1, 1))
        after = np.minimum(after, len(times) - 1)
        before = np.maximum(after - 1, 0)
        nearest = np.where(grid - times[before] <= times[after] - grid, before, after)
        seen = np.abs(times[nearest] - grid) <= self.max_gap_s
        first = np.round((grid - sound_start_s) / _STEP_S).astype(int)
        span = self.num_frames
        kept: Sequence[int] = [
            i
            for i in range(len(grid) - span + 1)
            if seen[i : i + span].all() and first[i] + _STEPS_PER_FRAME * span <= steps
        ]
        chosen = np.asarray(kept, np.int64)
        return grid[chosen], nearest[chosen[:, None] + np.arange(span)].astype(np.int64)

    def _look(self, crop: Any) -> torch.Tensor:
        """float32 (3, image_size, image_size) in [0, 255]."""
        pixels = torch.from_numpy(np.array(rgb_array(crop))).permute(2, 0, 1)[None].float()
        size = (self.image_size, self.image_size)
        return interpolate(pixels, size, mode="bilinear", antialias=True, align_corners=False)[0].clamp(0, 255)
