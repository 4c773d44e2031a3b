"""What a file holds, by its content: kind, length, size, codecs. The first picture or sound is decoded as proof."""

from __future__ import annotations

import os

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from deepfake_hf.errors import MediaError
from deepfake_hf.media.container import (
    container_duration_s,
    main_audio,
    main_video,
    open_container,
    video_streams,
)
from deepfake_hf.media.decode_animation import animation_length_s
from deepfake_hf.media.decode_video import Converter
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.orient import square_size
from deepfake_hf.media.pictures import is_animated, open_picture
from deepfake_hf.media.signature import Signature, check_file, signature_of
from deepfake_hf.types import MediaInfo, MediaKind

_EXIF_ORIENTATION = 0x0112
_EXIF_TURN_DEG = {3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}


def probe(path: str | os.PathLike[str], limits: Limits | None = None) -> MediaInfo:
    """Find out what a file holds.

    The kind comes from the content: an animated GIF, WebP, PNG or AVIF is a video, a still one an image; a sound file
    with a cover picture is audio, and so is an mp4 with sound alone. ``width_px`` and ``height_px`` are those of the
    upright frame with square pixels that the readers give; ``rotation_deg`` (0, 90, 180, 270) is the clockwise turn
    that makes the stored picture upright (0 for HEIF, whose decoder turns it itself). ``duration_s`` is None where
    neither header nor packets state it.

    Args:
        path: The file.
        limits: Defaults to ``Limits()``.

    Raises:
        MediaError: Missing, a folder, empty, not a medium, or nothing in it can be decoded.
        UnsupportedMediaError: An archive, or over a limit.
    """
    limits = limits or Limits()
    name = os.fspath(path)
    size_bytes, head = check_file(path, limits)
    if signature_of(name, head) is Signature.PICTURE:
        return _probe_picture(name, size_bytes, limits)
    with open_container(path) as container:
        duration_s = container_duration_s(container)
        if duration_s is not None:
            limits.check_duration(name, duration_s)
        video, audio = main_video(container), main_audio(container)
        first: VideoFrame | None = None
        if video is not None:
            limits.check_size(name, *square_size(video.width, video.height, video.sample_aspect_ratio))
            first = _first_frame(container, video, name)
        elif audio is None:
            raise MediaError(name, "it holds neither video nor sound", "give a video, a picture or a sound file")
        else:
            _first_sound(container, audio, name)
        size, rotation_deg = None, 0
        if video is not None and first is not None:
            converter = Converter(video.sample_aspect_ratio)
            size, rotation_deg = converter.shown_size(first), converter.orientation(first).rotation_deg
        rate = (video.average_rate or video.guessed_rate) if video is not None else None
        return MediaInfo(
            path=name,
            kind=MediaKind.AUDIO if video is None else MediaKind.VIDEO,
            container=container.format.name,
            size_bytes=size_bytes,
            duration_s=duration_s,
            width_px=size[0] if size else None,
            height_px=size[1] if size else None,
            fps=float(rate) if rate else None,
            rotation_deg=rotation_deg,
            video_codec=None if video is None else video.codec_context.name,
            audio_codec=None if audio is None else audio.codec_context.name,
            sampling_rate=None if audio is None else audio.codec_context.sample_rate or None,
            num_video_streams=len(video_streams(container)),
            num_audio_streams=len(container.streams.audio),
        )


def _first_frame(container: InputContainer, stream: VideoStream, name: str) -> VideoFrame:
    num_packets = 0
    try:
        for packet in container.demux(stream):
            num_packets += packet.size > 0
            try:
                for frame in stream.decode(packet):
                    if not frame.is_corrupt:
                        return frame
            except av.FFmpegError:
                continue
    except av.FFmpegError:
        pass
    why = f"none of its {num_packets} video packets can be decoded" if num_packets else "its video stream has no frames"
    raise MediaError(name, why, "copy or convert it again; if its sound is enough, save that to a wav file")


def _first_sound(container: InputContainer, stream: AudioStream, name: str) -> None:
    try:
        for packet in container.demux(stream):
            try:
                if any(frame.samples for frame in stream.decode(packet)):
                    return
            except av.FFmpegError:
                continue
    except av.FFmpegError:
        pass
    raise MediaError(name, "none of its sound can be decoded", "copy or convert it again")


def _probe_picture(name: str, size_bytes: int, limits: Limits) -> MediaInfo:
    with open_picture(name, limits) as picture:
        picture.load()
        turn = picture.getexif().get(_EXIF_ORIENTATION, 1)
        rotation_deg = _EXIF_TURN_DEG.get(turn, 0)
        width_px, height_px = picture.size[::-1] if turn in (5, 6, 7, 8) else picture.size
        codec, moving = (picture.format or "unknown").lower(), is_animated(picture)
    length_s, count = animation_length_s(name, limits) if moving else (None, 1)
    return MediaInfo(
        path=name,
        kind=MediaKind.VIDEO if moving else MediaKind.IMAGE,
        container=codec,
        size_bytes=size_bytes,
        duration_s=length_s,
        width_px=width_px,
        height_px=height_px,
        fps=count / length_s if length_s else None,
        rotation_deg=rotation_deg,
        video_codec=codec,
        audio_codec=None,
        sampling_rate=None,
        num_video_streams=1,
        num_audio_streams=0,
    )
