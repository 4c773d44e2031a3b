"""Video through FFmpeg: one sequential pass, several threads, no seeking, at most one picture held."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import Final, cast

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.media.container import decoded, main_video, open_container, origin_s, shortfall, stream_end_s
from deepfake_hf.media.orient import UPRIGHT, Orientation, fit_size, orientation_from_matrix, square_size
from deepfake_hf.media.shots import Shot, ShotSource

_UNSPECIFIED: Final = 2  # AVCOL_SPC_UNSPECIFIED (libavutil/pixfmt.h)
_SD_LINES: Final = 576  # untagged video: players take BT.601 up to this height and BT.709 above (ITU-R BT.601, BT.709)


class Converter:
    """Turns the decoded frames of one stream into upright RGB.

    Args:
        pixel_aspect: Width / height of a stored pixel; None means square.
        max_side_px: Longer side at most, in pixels; None keeps the size.
    """

    def __init__(self, pixel_aspect: Fraction | None, max_side_px: int | None = None) -> None:
        self._pixel_aspect = pixel_aspect
        self._max_side_px = max_side_px
        self._scaler = VideoReformatter()
        self._orientations: dict[int, Orientation] = {}

    def orientation(self, frame: VideoFrame) -> Orientation:
        """How to turn a frame upright, by the display matrix that came with it."""
        # Touching ``side_data`` ties a frame into a reference cycle (PyAV 18), and hundreds of decoded pictures then
        # wait for the garbage collector; ``rotation`` does not, so the full matrix is read once for each value of it.
        turn = frame.rotation
        if turn not in self._orientations:
            self._orientations[turn] = _read_orientation(frame)
        return self._orientations[turn]

    def shown_size(self, frame: VideoFrame) -> tuple[int, int]:
        """The (width, height) in pixels of a frame as it is shown: square pixels, upright."""
        return self.orientation(frame).shown_size(*square_size(frame.width, frame.height, self._pixel_aspect))

    def to_rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Convert one frame; size, pixel aspect and colour change in one swscale call, then it is turned.

        Args:
            frame: Any pixel format FFmpeg knows.

        Returns:
            uint8 (H, W, 3), RGB, upright, square pixels.
        """
        size = square_size(frame.width, frame.height, self._pixel_aspect)
        width_px, height_px = fit_size(*size, self._max_side_px)
        untagged = Colorspace.ITU709 if frame.height > _SD_LINES else Colorspace.ITU601
        converted = self._scaler.reformat(
            frame,
            width=width_px,
            height=height_px,
            format="rgb24",
            src_colorspace=untagged if frame.colorspace == _UNSPECIFIED else None,
            interpolation="AREA" if width_px < frame.width else "BICUBIC",
            threads=1,  # the default starts a pool of threads for every picture
        )
        rgb = np.asarray(converted.to_ndarray(), dtype=np.uint8)  # (H, W, 3), as stored
        return self.orientation(frame).apply(rgb)


def _read_orientation(frame: VideoFrame) -> Orientation:
    for item in cast(Iterable[SideData], frame.side_data):  # PyAV's stub calls it a dict; it iterates over its items
        if item.type == SideDataType.DISPLAYMATRIX:
            return orientation_from_matrix(bytes(item))
    return UPRIGHT


def need_video(container: InputContainer, name: str) -> VideoStream:
    """The stream to decode. Raises: MediaError where there is none."""
    stream = main_video(container)
    if stream is None:
        raise MediaError(name, "it has no video stream", "give a video or a picture")
    return stream


def _interval_s(stream: VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate
    return float(1 / rate) if rate else 0.04


def _rising(stated_s: float | None, last_s: float | None, interval_s: float) -> float:
    """A frame's own time, or one interval after the last frame's where it has none or falls back."""
    if last_s is None:
        return 0.0 if stated_s is None else stated_s
    return last_s + interval_s if stated_s is None or stated_s <= last_s else stated_s


class VideoDecoder(ShotSource):
    """Decodes one video file, a pass at a time.

    Timestamps are the container's, less the container's own start (the earliest start of any of its streams), so the
    first frame is at or near 0 and sound and picture share one clock. A frame without a timestamp, or one that does not
    rise, stands one nominal frame interval after the one before. Frames that the decoder marks as corrupt are left out.
    """

    def timestamps(self) -> NDArray[np.float64]:
        """float64 (N,): times in seconds of all frames, by demuxing alone; eight bytes a frame.

        Raises:
            UnsupportedMediaError: Longer than the limit.
        """
        times_s = array("d")
        with open_container(self._path) as container:
            stream = need_video(container, self._path)
            start_s, tick_s = origin_s(container), float(stream.time_base or 0)
            try:
                for packet in container.demux(stream):
                    if not packet.size or packet.is_discard:
                        continue
                    ticks = packet.dts if packet.pts is None else packet.pts
                    if ticks is None:  # a bare stream without a container
                        times_s.append(times_s[-1] + _interval_s(stream) if times_s else 0.0)
                    else:
                        times_s.append(ticks * tick_s - start_s)
                    self._limits.check_duration(self._path, times_s[-1])
            except av.FFmpegError:
                pass  # the decoding pass says what is wrong
        return np.sort(np.frombuffer(times_s, dtype=np.float64)) if times_s else np.empty(0, np.float64)

    def shots(self) -> Iterator[Shot]:
        """Decode the whole file once. Damage is noted in ``progress`` and the pass goes on with what follows it.

        Raises:
            MediaError: No video stream.
            UnsupportedMediaError: Longer or larger than the limits.
        """
        progress, bad = self.progress, 0
        with open_container(self._path) as container:
            stream = need_video(container, self._path)
            # One thread: with more, it is a matter of luck whether a damaged frame is marked and how it is mended.
            stream.thread_type = "NONE"
            start_s, tick = origin_s(container), stream.time_base or Fraction(1, 1000)
            interval_s = _interval_s(stream)
            last_s: float | None = None
            converter = Converter(stream.sample_aspect_ratio, self._max_side_px)
            for frame in decoded(container, stream):
                if frame is None or frame.is_corrupt:
                    bad += 1
                    progress.damaged = f"{bad} of its video packets or frames are damaged and were left out"
                    continue
                pts_s = _rising(None if frame.pts is None else float(frame.pts * tick) - start_s, last_s, interval_s)
                self._limits.check_duration(self._path, pts_s)
                self._limits.check_size(self._path, *converter.shown_size(frame))
                last_s = pts_s
                progress.decoded_until_s = pts_s + (float(frame.duration * tick) if frame.duration else interval_s)
                yield Shot(pts_s, partial(converter.to_rgb, frame))
            short = shortfall(progress.decoded_until_s, stream_end_s(container, stream))
            progress.damaged = "; ".join(filter(None, [progress.damaged, short])) or None
