"""Writing videos with true timestamps, for synthesis and tests."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.media.sound_along import SoundAlong
from deepfake_hf.media.write_sound import SoundEncoder
from deepfake_hf.types import AudioTrack, Frame

# The same frames, the same bytes. With its macroblock tree and vector code on, x264's output depends on what unset
# memory holds: MALLOC_PERTURB_ changes the bytes at widths 400 and 448, not at 384, nor with mbtree=0 or asm=0.
# It also depends on the number of threads, which x264 takes from the machine by itself.
REPEATABLE: Final = {"mbtree": "0", "threads": "4"}
_VIDEO_TICK: Final = Fraction(1, 90_000)
_SD_LINES: Final = 576
_BT709, _BT601 = 1, 6  # AVCOL_SPC_BT709 and AVCOL_SPC_SMPTE170M (libavutil/pixfmt.h)


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[Frame | tuple[NDArray[np.uint8], float]],
    fps: float,
    audio: AudioTrack | None = None,
    crf: int = 23,
    sound_of: str | os.PathLike[str] | None = None,
    preset: str = "medium",
) -> None:
    """Write H.264 (libx264) and AAC, streaming; timestamps are kept to 1/90,000 s.

    Args:
        path: Ends in mp4, mov or mkv.
        frames: Frames, or pairs of uint8 (H, W, 3) RGB and seconds; one size, times rising. An odd last column or row
            is left out, since 4:2:0 needs even sides.
        fps: The nominal rate written to the header, in frames a second; the frames' own times decide.
        audio: Mono sound; its ``start_s`` is kept; in mp4 and mov, AAC's 1024 samples of silent priming may
            stand before it.
        crf: H.264 quality, 0 (lossless) to 51.
        sound_of: A file whose sound is taken along as it is (:class:`SoundAlong`); not beside ``audio``.
        preset: x264's trade of speed for size, ``ultrafast`` to ``placebo``.

    Raises:
        UsageError: Sound of both kinds, no frames, frames of several sizes, times that do not rise, or a name FFmpeg
            has no container for.
    """
    name = os.fspath(path)
    if audio is not None and sound_of is not None:
        raise UsageError(name, "it has one sound stream, and audio and sound_of were given", "leave one of them out")
    with _create(name) as container:
        _write_video(container, name, frames, fps, audio, {"crf": str(crf), "preset": preset, **REPEATABLE}, sound_of)


def _create(name: str) -> OutputContainer:
    if not name.lower().endswith((".mp4", ".mov", ".mkv")):
        raise UsageError(name, "H.264 and AAC are written to mp4, mov or mkv", "end the name in .mp4")
    container: OutputContainer = av.open(name, "w")
    return container


def _write_video(
    container: OutputContainer,
    name: str,
    frames: Iterable[Frame | tuple[NDArray[np.uint8], float]],
    fps: float,
    audio: AudioTrack | None,
    options: dict[str, str],
    sound_of: str | os.PathLike[str] | None,
) -> None:
    rate = Fraction(fps).limit_denominator(1001)
    video = container.add_stream("libx264", rate=rate, options=options)
    video.codec_context.time_base = _VIDEO_TICK
    video.time_base = _VIDEO_TICK
    sound: SoundEncoder | SoundAlong | None = None
    if audio is not None:
        sound = SoundEncoder(container, audio, "aac")
    elif sound_of is not None:
        sound = SoundAlong(container, sound_of)
    size: tuple[int, int] | None = None
    last_s = -float("inf")
    for item in frames:
        rgb, pts_s = (item.rgb, item.pts_s) if isinstance(item, Frame) else item
        height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
        if size is None:
            size = video.width, video.height = width, height
            video.pix_fmt = "yuv420p"
            video.colorspace = colour_space(height)
        if (width, height) != size or not pts_s > last_s:
            raise UsageError(
                name,
                f"the frame at {pts_s} s has another size or does not follow {last_s} s",
                "give rising, equal frames",
            )
        last_s = pts_s
        if sound is not None:
            sound.advance(pts_s)  # sound goes along, so that nothing piles up in the muxer
        frame = yuv_frame(rgb[:height, :width])
        frame.pts, frame.time_base = round(pts_s / _VIDEO_TICK), _VIDEO_TICK
        container.mux(video.encode(frame))
    if size is None:
        raise UsageError(name, "there are no frames to write", "give at least one frame")
    container.mux(video.encode(None))
    if sound is not None:
        sound.finish()
    if isinstance(sound, SoundAlong):
        sound.close()


def colour_space(height: int) -> int:
    """The tag of what ``yuv_frame`` makes of a picture this high (AVColorSpace)."""
    return _BT709 if height > _SD_LINES else _BT601


def yuv_frame(rgb: NDArray[np.uint8]) -> VideoFrame:
    """uint8 (H, W, 3) with even sides as 4:2:0 in the colours that players take for its height, without a time."""
    space = "ITU709" if rgb.shape[0] > _SD_LINES else "ITU601"
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=space)
