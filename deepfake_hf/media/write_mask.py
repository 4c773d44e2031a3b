"""Writing the masks of a clip: a grey video without loss."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

_TICK: Final = Fraction(1, 1000)  # Matroska's


class MaskWriter:
    """A Matroska file of FFV1 in grey, one picture a call; to be closed, or used in a ``with`` block.

    Args:
        path: Ends in mkv.
        fps: The nominal rate of the header; each picture's own time decides.

    Raises:
        UsageError: Another ending.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float) -> None:
        name = os.fspath(path)
        if not name.lower().endswith(".mkv"):
            raise UsageError(name, "masks are written to mkv", "end the name in .mkv")
        # Without bitexact, Matroska writes a random identifier: the same masks would not give the same bytes.
        self._container = av.open(name, "w", container_options={"fflags": "+bitexact"})
        self._stream = self._container.add_stream("ffv1", rate=Fraction(fps).limit_denominator(1001))
        self._stream.pix_fmt = "gray"
        self._stream.codec_context.time_base = _TICK
        self._stream.codec_context.thread_count = 1  # the bytes then do not depend on the machine
        self._started = False

    def write(self, mask: NDArray[np.float32], pts_s: float) -> None:
        """Add one mask, float32 (H, W) in [0, 1], kept to 1/255; its last odd row and column fall away as in clips."""
        height, width = mask.shape[0] // 2 * 2, mask.shape[1] // 2 * 2
        if not self._started:
            self._stream.width, self._stream.height = width, height
            self._started = True
        grey = np.rint(np.clip(mask[:height, :width], 0, 1) * 255).astype(np.uint8)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="gray")
        frame.pts, frame.time_base = round(pts_s / _TICK), _TICK
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left."""
        if self._started:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
