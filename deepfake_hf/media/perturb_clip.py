"""What happens to clips on their way through the world; shared by augmentation and the robustness runs (no disk)."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.media.container import open_container
from deepfake_hf.media.decode_video import Converter, need_video
from deepfake_hf.media.write import REPEATABLE


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
