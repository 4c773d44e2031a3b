"""Pictures of one file and sound of another joined without decoding either."""

from __future__ import annotations

import contextlib
import heapq
import os
from collections.abc import Iterator
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.media.container import main_audio, main_video, open_container, origin_s

# What players read in an mp4; anything else has to be encoded again.
COPIED_VIDEO: Final = frozenset({"h264", "hevc", "mpeg4", "av1", "vp9"})
COPIED_SOUND: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})


def join_streams(
    path: str | os.PathLike[str],
    pictures_from: str | os.PathLike[str],
    sound_from: str | os.PathLike[str],
    until_s: float | None = None,
) -> None:
    """Copy the picture packets of one file and the sound packets of another into a new one.

    Each file's own start becomes time 0, so that sound keeps its place beside its pictures. Nothing is decoded: what is
    copied stays bit for bit what it was.

    Args:
        path: The file to write; ends in mp4 or mov.
        pictures_from: A video whose codec is one of ``COPIED_VIDEO``.
        sound_from: A sound file or a video whose sound's codec is one of ``COPIED_SOUND``.
        until_s: Sound from this second on is left out; None keeps all of it.

    Raises:
        MediaError: A file is unreadable or lacks the stream.
        UsageError: A codec that an mp4 can't carry, or a name of another ending.
    """
    name = os.fspath(path)
    if not name.lower().endswith((".mp4", ".mov")):
        raise UsageError(name, "copied streams are written to mp4 or mov", "end the name in .mp4")
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(open_container(source)) for source in (pictures_from, sound_from))
        video, sound = main_video(first), main_audio(second)
        if video is None:
            raise MediaError(os.fspath(pictures_from), "it has no video stream", "give a video")
        if sound is None:
            raise MediaError(os.fspath(sound_from), "it has no sound stream", "give a sound file or a video with sound")
        for stream, codecs in ((video, COPIED_VIDEO), (sound, COPIED_SOUND)):
            if stream.codec_context.name not in codecs:
                raise UsageError(
                    f"a stream of codec {stream.codec_context.name}", "an mp4 can't carry it", "encode it again first"
                )
        out: OutputContainer = stack.enter_context(av.open(name, "w"))
        copies = [out.add_stream_from_template(stream, opaque=True) for stream in (video, sound)]
        rows = heapq.merge(
            _packets(first, video, 0, None),
            _packets(second, sound, 1, until_s),
            key=lambda row: row[0],
        )
        for _, place, packet in rows:
            packet.stream = copies[place]
            out.mux(packet)


def _packets(
    container: InputContainer, stream: VideoStream | AudioStream, place: int, until_s: float | None
) -> Iterator[tuple[float, int, Packet[Any]]]:
    try:
        for time_s, packet in packets_from_zero(container, stream):
            if until_s is not None and time_s >= until_s:
                return
            yield time_s, place, packet
    except av.FFmpegError as error:
        raise MediaError(container.name or "a medium", f"it breaks off ({error})", "copy it again") from error


def packets_from_zero(
    container: InputContainer, stream: VideoStream | AudioStream
) -> Iterator[tuple[float, Packet[Any]]]:
    """Packets with their time in seconds from the container's start, which becomes their timestamp's zero.

    Raises:
        av.FFmpegError: The file breaks off.
    """
    tick = stream.time_base
    assert tick is not None  # the demuxer sets it
    shift = round(origin_s(container) / tick)
    for packet in container.demux(stream):
        if packet.dts is None or not packet.size:
            continue
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        yield float(packet.dts * tick), packet
