"""What happens to media on their way through the world; shared by augmentation and the robustness runs (no disk)."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import UsageError
from deepfake_hf.media.container import open_container
from deepfake_hf.media.decode_video import Converter, need_video
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.sound import read_audio
from deepfake_hf.media.write import REPEATABLE
from deepfake_hf.media.write_sound import AudioCodec, encode_audio
from deepfake_hf.types import AudioTrack

_TELEPHONE_HZ: Final = 8000  # ITU-T G.711


def recompress_jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Send a picture through JPEG.

    Args:
        rgb: uint8 (H, W, 3).
        quality: 1 to 95 on libjpeg's scale.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UsageError: A quality out of range.
    """
    if not 1 <= quality <= 95:
        raise UsageError(f"quality={quality}", "JPEG quality goes from 1 to 95", "for example quality=75")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"), dtype=np.uint8)


def resize_factor(rgb: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Scale a picture by a factor and back, so that detail is lost and the size is not.

    Args:
        rgb: uint8 (H, W, 3).
        factor: Size in between over the size now; 0.5 halves both sides on the way.

    Returns:
        uint8 (H, W, 3), the same size.

    Raises:
        UsageError: A factor that is not positive.
    """
    if not factor > 0:
        raise UsageError(f"factor={factor}", "it must be greater than 0", "for example factor=0.5")
    height, width = rgb.shape[:2]
    between = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Image.fromarray(rgb).resize(between, Image.Resampling.BICUBIC)  # with antialiasing when shrinking
    return np.array(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


def codec_roundtrip(
    waveform: NDArray[np.float32], sampling_rate: int, codec: AudioCodec, bit_rate: int | None = None
) -> NDArray[np.float32]:
    """Send sound through a codec and back.

    Args:
        waveform: float32 (num_samples,) in [-1, 1].
        sampling_rate: Its rate in Hz.
        codec: ``mp3``, ``aac``, ``opus``, ``flac``, ``wav``, or G.711 as ``pcm_mulaw`` and ``pcm_alaw``, which also
            carries it at 8 kHz as telephones do.
        bit_rate: Bits a second of ``mp3``, ``aac`` and ``opus``; None is FFmpeg's default.

    Returns:
        float32 (num_samples,) in [-1, 1], the same rate and length, the codec's delay taken out.

    Raises:
        UsageError: An unknown codec, a bit rate for a codec that has none, or no samples.
    """
    track = AudioTrack(np.asarray(waveform, dtype=np.float32), sampling_rate)
    if codec in ("pcm_mulaw", "pcm_alaw") and sampling_rate != _TELEPHONE_HZ:
        narrow = _decode(encode_audio(track, "wav"), _TELEPHONE_HZ)
        track = AudioTrack(narrow, _TELEPHONE_HZ)
    decoded = _decode(encode_audio(track, codec, bit_rate), sampling_rate)
    back = np.zeros(len(waveform), np.float32)
    kept = min(len(back), len(decoded))
    back[:kept] = decoded[:kept]
    return back


def _decode(data: bytes, sampling_rate: int) -> NDArray[np.float32]:
    unlimited = Limits(max_duration_s=float("inf"))
    blocks = [track.waveform for track in read_audio(data, sampling_rate, limits=unlimited)]
    return np.concatenate(blocks)  # (num_samples,)


def h264_roundtrip(frames: NDArray[np.uint8], crf: int, fps: float = 25.0) -> NDArray[np.uint8]:
    """Send a clip through H.264 and back.

    Args:
        frames: uint8 (T, H, W, 3). Odd sides are padded by repeating the last row or column, and cut again after.
        crf: Quality, 0 (lossless apart from 4:2:0 colour) to 51.
        fps: Frames a second; it changes how the encoder spends its bits.

    Returns:
        uint8 (T, H, W, 3).

    Raises:
        UsageError: No frames, another shape, or a crf out of range.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise UsageError(f"frames of shape {frames.shape}", "a clip is (T, H, W, 3)", "stack at least one RGB frame")
    if not 0 <= crf <= 51:
        raise UsageError(f"crf={crf}", "H.264's crf goes from 0 to 51", "for example crf=23")
    height, width = frames.shape[1:3]
    even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), **REPEATABLE})
        stream.width, stream.height, stream.pix_fmt = even.shape[2], even.shape[1], "yuv420p"
        stream.colorspace = 6  # SMPTE 170M, and converted as such
        for rgb in even:
            picture = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU601")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with open_container(file.getvalue()) as source:
        converter = Converter(pixel_aspect=None)
        decoded = [converter.to_rgb(frame) for frame in source.decode(need_video(source, "<clip>"))]
    return np.stack(decoded)[:, :height, :width]  # (T, H, W, 3)
