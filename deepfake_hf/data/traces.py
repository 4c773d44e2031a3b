"""What a file tells without any look at what it shows or says: size, bit rate, JPEG tables, colours, silence, level."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin

from deepfake_hf.media import Limits, Uniform, probe, read_audio, read_frames, sha256_of
from deepfake_hf.media.pictures import open_picture
from deepfake_hf.types import MediaInfo, MediaKind

_RATE: Final = 16_000
_HOP: Final = 160  # samples, 10 ms
_SILENCE_DB: Final = -40.0  # below the loudest 10 ms
_HASH_SIDE: Final = 16
_LEAST_SIDE: Final = 64  # pixels, for a mean over block lines


@dataclass(frozen=True)
class Traces:
    """What :func:`measure` found.

    Args:
        kind: What the file holds.
        numbers: By probe (``size``, ``bit rate``, …) the named numbers; None where the file has none.
        form: Container, codecs and sampling rate in words.
        sha256: Of the whole file.
        picture_hash: :func:`perceptual_hash` of the picture, or of the frame in the middle; None for sound.
    """

    kind: MediaKind
    numbers: Mapping[str, Mapping[str, float | None]]
    form: str
    sha256: str
    picture_hash: NDArray[np.uint64] | None


def measure(path: str | os.PathLike[str], limits: Limits | None = None) -> Traces:
    """Measure one file.

    Args:
        path: A picture, video or sound file.
        limits: Defaults to ``Limits()``.

    Raises:
        MediaError: It cannot be read.
    """
    limits = limits or Limits()
    info = probe(path, limits)
    numbers: dict[str, dict[str, float | None]] = {"bit rate": {"kbit": _kbit(info)}}
    picture_hash = None
    if info.kind is not MediaKind.AUDIO:
        rgb = next(iter(read_frames(path, Uniform(1), limits, info))).rgb
        picture_hash = perceptual_hash(rgb)
        height, width = rgb.shape[:2]
        numbers["size"] = {"width": float(width), "height": float(height), "pixels": float(np.log(width * height))}
        red, green, blue = (float(value) for value in rgb.mean(axis=(0, 1)))
        numbers["colour means"] = {"red": red, "green": green, "blue": blue}
        numbers["8 x 8 blocks"] = block_traces(rgb)
    if info.kind is MediaKind.IMAGE:
        numbers["JPEG quality"] = _jpeg(path, limits)
    else:
        numbers["duration"] = {"seconds": info.duration_s}
    if info.kind is MediaKind.VIDEO:
        numbers["frame rate"] = {"fps": info.fps}
    if info.num_audio_streams:
        blocks = [block.waveform for block in read_audio(path, _RATE, limits=limits)]
        numbers.update(sound_traces(np.concatenate(blocks) if blocks else np.empty(0, np.float32)))
    form = f"{info.container} {info.video_codec} {info.audio_codec} {info.sampling_rate}"
    return Traces(info.kind, numbers, form, sha256_of(path), picture_hash)


def sound_traces(waveform: NDArray[np.float32]) -> dict[str, dict[str, float | None]]:
    """Silence, level and offset of a sound.

    Args:
        waveform: float32 (num_samples,) at 16 kHz.

    Returns:
        ``silence`` (seconds before the first and after the last 10 ms that come within 40 dB of the loudest),
        ``level`` (root mean square and peak, dB of full scale) and ``DC`` (mean).
    """
    count = len(waveform) // _HOP
    if count == 0:
        return {
            "silence": {"leading": None, "trailing": None},
            "level": {"rms": None, "peak": None},
            "DC": {"dc": None},
        }
    offset = float(waveform.mean())
    centred = waveform[: count * _HOP].astype(np.float64) - offset
    power = (centred.reshape(count, _HOP) ** 2).mean(axis=1)  # (count,)
    loud = np.flatnonzero(power >= max(float(power.max()), 1e-12) * 10 ** (_SILENCE_DB / 10))
    first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (count, -1)
    return {
        "silence": {"leading": first * _HOP / _RATE, "trailing": (count - 1 - last) * _HOP / _RATE},
        "level": {"rms": _decibel(float(np.sqrt(power.mean()))), "peak": _decibel(float(np.abs(waveform).max()))},
        "DC": {"dc": offset},
    }


def block_traces(rgb: NDArray[np.uint8]) -> dict[str, float | None]:
    """How much larger luma's steps are across the lines of a stored JPEG's 8 x 8 blocks than elsewhere.

    Faces that were pasted or generated into a stored picture lose its blocks; that tells them, and says nothing of
    fakes (docs/experiments).

    Args:
        rgb: uint8 (H, W, 3), with the blocks' first corner at its own.

    Returns:
        ``across`` and ``down``: natural logarithm of the ratio, 0 without blocks; None below 64 px a side.
    """
    if min(rgb.shape[:2]) < _LEAST_SIDE:
        return {"across": None, "down": None}
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float64)

    def excess(picture: NDArray[np.float64]) -> float:
        steps = np.abs(np.diff(picture, axis=1)).mean(axis=0)  # (W - 1,)
        lines = np.arange(len(steps)) % 8 == 7
        return float(np.log((steps[lines].mean() + 1e-3) / (steps[~lines].mean() + 1e-3)))

    return {"across": excess(luma), "down": excess(luma.T)}


def perceptual_hash(rgb: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """256 bits that hardly change when a picture is scaled or compressed again.

    The signs, against their median, of the 16 x 16 lowest cosine coefficients of the picture at 64 x 64 and in grey.
    Bits of two pictures are compared by the number that differ.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        uint64 (4,).

    Source: Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2 (DCT), with
    four times its bits.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (4 * _HASH_SIDE, 4 * _HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_HASH_SIDE, :_HASH_SIDE].ravel()  # (256,)
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean brightness says nothing of the picture
    return np.packbits(bits).view(np.uint64)


def near_duplicates(hashes: NDArray[np.uint64], parts: NDArray[np.int64], limit_bits: int) -> list[tuple[int, int]]:
    """Pairs of pictures in different parts whose hashes differ in ``limit_bits`` bits or fewer.

    Args:
        hashes: uint64 (N, 4).
        parts: int64 (N,), the part of each picture.
        limit_bits: Greatest distance, of 256.
    """
    pairs = []
    for index in range(len(hashes)):
        rest = slice(index + 1, None)
        distance = np.bitwise_count(hashes[rest] ^ hashes[index]).sum(axis=1)  # (N - index - 1,)
        close = np.flatnonzero((distance <= limit_bits) & (parts[rest] != parts[index]))
        pairs += [(index, index + 1 + int(other)) for other in close]
    return pairs


def _kbit(info: MediaInfo) -> float | None:
    """Kilobit a second; of a picture, kilobit in all per million pixels."""
    kbit = info.size_bytes * 8 / 1000
    if info.kind is MediaKind.IMAGE:
        return kbit / max((info.width_px or 1) * (info.height_px or 1) / 1e6, 1e-6)
    return kbit / info.duration_s if info.duration_s else None


def _jpeg(path: str | os.PathLike[str], limits: Limits) -> dict[str, float | None]:
    with open_picture(Path(path), limits) as picture:
        if not isinstance(picture, JpegImagePlugin.JpegImageFile):
            return {"luma": None, "chroma": None, "sampling": None}
        means = [float(np.mean(table)) for table in picture.quantization.values()]
        sampling = float(JpegImagePlugin.get_sampling(picture))
    return {"luma": means[0] if means else None, "chroma": means[-1] if means else None, "sampling": sampling}


def _decibel(amplitude: float) -> float:
    return 20 * float(np.log10(max(amplitude, 1e-6)))
