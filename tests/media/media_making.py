"""Media made on the spot with PyAV: moving pictures whose content tells frame number and corner, and tones."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

CORNERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def corner_picture(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Red top left, green top right, blue bottom left, white bottom right."""
    rgb = np.full((height, width, 3), 255, np.uint8)
    rgb[: height // 2, : width // 2] = CORNERS["red"]
    rgb[: height // 2, width // 2 :] = CORNERS["green"]
    rgb[height // 2 :, : width // 2] = CORNERS["blue"]
    return rgb


def corners_of(rgb: NDArray[np.uint8]) -> list[str]:
    """The nearest colour names of the four quarters: top left, top right, bottom left, bottom right."""
    height, width = rgb.shape[:2]
    names = []
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            colour = rgb[y, x].astype(int)
            names.append(min(CORNERS, key=lambda name: int(np.abs(colour - np.array(CORNERS[name])).sum())))
    return names


def grey_level(index: int) -> int:
    """The grey that stands for a frame number (up to 40 of them)."""
    return 20 + index % 40 * 5


def grey_number(rgb: NDArray[np.uint8]) -> int:
    return round((float(rgb.mean()) - 20) / 5)


def make_video(
    path: Path,
    num_frames: int = 25,
    size: tuple[int, int] = (64, 48),
    fps: int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts_ms: Sequence[int] | None = None,
    pictures: NDArray[np.uint8] | None = None,
    rotation_deg: int | None = None,
    mirrored: bool = False,
    pixel_aspect: Fraction | None = None,
    sound_codec: str | None = None,
    sound_start_s: float = 0.0,
    sound_s: float | None = None,
    options: dict[str, str] | None = None,
    container_format: str | None = None,
) -> Path:
    """Write a test clip; without ``pictures`` frame ``i`` is flat grey ``grey_level(i)``."""
    width, height = size
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        tick = Fraction(1, 1000) if pts_ms is not None else Fraction(1, fps)
        stream.codec_context.time_base = tick
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg is not None:
            stream.set_display_rotation(rotation_deg, mirrored)
        sound = container.add_stream(sound_codec, rate=48000, layout="mono") if sound_codec else None
        for index in range(num_frames):
            rgb = np.full((height, width, 3), grey_level(index), np.uint8) if pictures is None else pictures
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = (index if pts_ms is None else pts_ms[index]), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            length_s = sound_s if sound_s is not None else num_frames / fps
            tone = sine(length_s, 48000)
            frame = AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
            frame.pts = round(sound_start_s * 48000)
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def sine(length_s: float, rate: int, hz: float = 440.0, level: float = 0.5) -> NDArray[np.float32]:
    """float32 (num_samples,) tone."""
    return (level * np.sin(2 * np.pi * hz * np.arange(round(length_s * rate)) / rate)).astype(np.float32)


def chirp(length_s: float, rate: int) -> NDArray[np.float32]:
    """float32 (num_samples,): a sweep from 200 to 3000 Hz under a swelling level, so that a delay can't hide."""
    t = np.arange(round(length_s * rate)) / rate
    sweep = np.sin(2 * np.pi * (200 * t + (2800 / length_s) * t**2 / 2))
    return (0.4 * (0.4 + 0.6 * np.sin(2 * np.pi * 1.7 * t) ** 2) * sweep).astype(np.float32)


def make_sound(
    path: Path,
    waveform: NDArray[np.float32],
    rate: int,
    codec: str = "pcm_s16le",
    container_format: str | None = None,
) -> Path:
    """Write ``waveform`` (num_samples,) or (channels, num_samples), up to two channels."""
    layout = "stereo" if waveform.ndim == 2 else "mono"
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = AudioFrame.from_ndarray(np.atleast_2d(waveform), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def loop_packets(source: Path, target: Path, times: int) -> Path:
    """Repeat a clip by copying its video packets, without encoding."""
    with av.open(str(target), "w") as output:
        copied = None
        for turn in range(times):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                copied = copied or output.add_stream_from_template(stream)
                length = stream.duration
                for packet in container.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + turn * length, packet.dts + turn * length
                    packet.stream = copied
                    output.mux(packet)
    return target
