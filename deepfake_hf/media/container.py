"""Opening a file with FFmpeg so that only its content counts, and the facts that every reader of it shares."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Final, overload

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from deepfake_hf.errors import MediaError

# Demuxers that may open a file. The rest stays shut: playlists and scripts (hls, dash, concat, sdp) name other files
# and addresses, which an uploaded file must never make us read; text formats are no media.
_DEMUXERS: Final = (
    "3dostr,aac,ac3,aiff,amr,ape,apng,asf,au,av1,avi,caf,dsf,dts,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4v,"
    "matroska,webm,matroska+webm,mjpeg,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,"
    "tta,vc1,voc,w64,wav,wv,yuv4mpegpipe"
)
# Demuxers whose duration is read from a header and not estimated from the bit rate: only there can a shortfall be told.
_STATED: Final = frozenset({"mov", "matroska", "avi", "flac", "wav", "w64", "aiff", "asf", "flv", "caf"})
_SHORTFALL_S: Final = 0.5
_MICROSECONDS: Final = 1_000_000


class _Nameless:
    """A file without a name or a path: FFmpeg can then neither guess by its ending nor open its neighbours."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


@contextmanager
def open_container(source: str | os.PathLike[str] | bytes) -> Iterator[InputContainer]:
    """Open a medium for demuxing, by its content alone.

    Args:
        source: A path, or a whole file's bytes.

    Raises:
        MediaError: FFmpeg finds no media container in it.
    """
    name = name_of(source)
    file: io.BufferedIOBase = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")  # noqa: SIM115
    with file:
        try:
            container = av.open(
                _Nameless(file),
                "r",
                options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"},
                metadata_errors="replace",
                buffer_size=1 << 18,
            )
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(
                name,
                f"no known media container is in it ({_reason(error)})",
                "check that it is a complete video, picture or sound file, and copy or convert it again",
            ) from error
        with container:
            yield container


def name_of(source: str | os.PathLike[str] | bytes) -> str:
    """The path, or ``<bytes>``, for messages."""
    return "<bytes>" if isinstance(source, bytes) else os.fspath(source)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def is_cover(stream: Stream) -> bool:
    """Whether a video stream is only a cover picture of a sound file."""
    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    return bool(stream.disposition & pictures)


def video_streams(container: InputContainer) -> list[VideoStream]:
    """The streams of moving pictures: cover pictures are left out."""
    return [stream for stream in container.streams.video if not is_cover(stream)]


def main_video(container: InputContainer) -> VideoStream | None:
    """The video stream to analyse: the container's default one, else the one with the most pixels; None if none."""

    def rank(stream: VideoStream) -> tuple[bool, int, int]:
        context = stream.codec_context
        return bool(stream.disposition & Disposition.default), context.width * context.height, -stream.index

    return max(video_streams(container), key=rank, default=None)


def main_audio(container: InputContainer) -> AudioStream | None:
    """The sound stream to analyse: the container's default one, else the first; None if there is none."""
    streams = container.streams.audio
    return next((stream for stream in streams if stream.disposition & Disposition.default), next(iter(streams), None))


def origin_s(container: InputContainer) -> float:
    """The container's own start in seconds: the earliest stream's first timestamp, and time 0 of everything read here.

    Sound and picture share it, so an offset between them is kept.
    """
    start = container.start_time
    return start / _MICROSECONDS if start is not None and abs(start) < 2**62 else 0.0


def container_duration_s(container: InputContainer) -> float | None:
    """The duration that the container states or FFmpeg found, in seconds; None where neither says."""
    if container.duration is not None and container.duration > 0:
        return container.duration / _MICROSECONDS
    ends = [stream.duration * stream.time_base for stream in container.streams if stream.duration and stream.time_base]
    return float(max(ends)) if ends and max(ends) > 0 else None


def stream_end_s(container: InputContainer, stream: Stream) -> float | None:
    """When a stream should end by what the header states, in seconds after the origin; None where it does not say."""
    if container.format.name.split(",")[0] not in _STATED:
        return None
    start_s = float((stream.start_time or 0) * (stream.time_base or Fraction(0))) - origin_s(container)
    if stream.duration and stream.time_base:
        # FFmpeg shortens an AVI's duration to what is there; the header's own count stays in ``frames``.
        ticks = max(stream.duration, stream.frames) if container.format.name == "avi" else stream.duration
        return start_s + float(ticks * stream.time_base)
    written = stream.metadata.get("DURATION", "")  # Matroska: "00:00:03.200000000", counted from the file's zero
    try:
        hours, minutes, seconds = (float(part) for part in written.split(":"))
    except ValueError:
        pass
    else:
        return hours * 3600 + minutes * 60 + seconds - origin_s(container)
    single = (
        len([other for other in container.streams if other.type in ("video", "audio") and not is_cover(other)]) == 1
    )
    return container_duration_s(container) if single else None


def shortfall(until_s: float, end_s: float | None) -> str | None:
    """Say that a stream ends earlier than its header states, or None where it does not (or the header is silent)."""
    if end_s is None or until_s >= end_s - _SHORTFALL_S:
        return None
    return f"it decodes to {until_s:.2f} s of the {end_s:.2f} s that its header states; the file is cut or damaged"


@overload
def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | None]: ...
@overload
def decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]: ...
def decoded(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[VideoFrame | AudioFrame | None]:
    """Decoded frames in order; None stands for a packet that could not be read or decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            yield None
            packet = None
        try:
            yield from stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError:
            yield None
        if packet is None or packet.size == 0:  # an empty packet drains the decoder at the end of the file
            return
