"""Traces of an earlier JPEG compression in a JPEG picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from deepfake_hf.media import Limits
from deepfake_hf.media.pictures import open_picture

MIN_BLOCKS: Final = 400
_BLOCKS: Final = 40_000  # more change nothing and take time
_LEVELS: Final = 24
_MAX_STEP: Final = 40
# Low frequencies: there are enough coefficients other than zero. Row, column in the 8 x 8 block.
MODES: Final = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))


@dataclass(frozen=True)
class JpegTrace:
    """What was measured.

    ``quality`` is the IJG quality whose luma table is nearest, ``standard`` whether it is exactly that one; ``gain`` by
    mode how much better an earlier step explains the histogram (0 not at all, 1 fully); ``steps`` these earlier steps.
    """

    quality: int
    standard: bool
    num_blocks: int
    gain: tuple[float, ...]
    steps: tuple[int, ...]


def read_trace(path: Path, limits: Limits) -> JpegTrace | None:
    """Measure a JPEG file; None where the picture is too small.

    Source: Fridrich and Lukáš 2003, "Estimation of primary quantization matrix in double compressed JPEG images": the
    picture without its first four rows and columns shows what the coefficients were like before any quantisation;
    an earlier step that explains the histogram better than none is an earlier compression.

    Raises:
        MediaError: The picture cannot be opened.
    """
    with open_picture(path, limits) as picture:
        table = np.array(picture.quantization[0], np.float64)  # type: ignore[attr-defined]
        picture.draft("L", picture.size)  # libjpeg gives the stored luma itself
        luma = np.asarray(picture.convert("L"), np.float64) - 128  # (H, W)
    return trace_of(luma, table)


def trace_of(luma: NDArray[np.float64], table: NDArray[np.float64]) -> JpegTrace | None:
    """Args: luma: (H, W) less 128, as decoded. table: (64,) luma quantisation steps in row order."""
    table = table.reshape(8, 8)
    seen, free = _coefficients(luma), _coefficients(luma[4:, 4:])
    if len(seen) < MIN_BLOCKS:
        return None
    gains, steps = zip(*(_mode(seen[:, i, j], free[:, i, j], table[i, j]) for i, j in MODES), strict=True)
    quality, standard = ijg_quality(table)
    return JpegTrace(quality, standard, len(seen), gains, steps)


def _coefficients(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 8, 8) DCT coefficients of the blocks that are neither flat nor clipped."""
    height, width = luma.shape[0] // 8 * 8, luma.shape[1] // 8 * 8
    blocks = luma[:height, :width].reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    inside = (blocks.max((1, 2)) < 127) & (blocks.min((1, 2)) > -128) & (np.ptp(blocks, (1, 2)) > 2)
    blocks = blocks[inside]
    every = max(1, len(blocks) // _BLOCKS)
    return np.asarray(dctn(blocks[::every], axes=(1, 2), norm="ortho"))


def _mode(seen: NDArray[np.float64], free: NDArray[np.float64], last: float) -> tuple[float, int]:
    """How much better the best earlier step explains one frequency than none, and that step."""
    target = _histogram(np.rint(seen / last))
    none = min(_distance(target, free, 1.0, last), _distance(target, free, last, last))
    # A step that the last one is a whole multiple of leaves no trace.
    steps = [step for step in range(2, _MAX_STEP + 1) if last % step and step != last]
    if not steps or none <= 0:
        return 0.0, 0
    distances = [_distance(target, free, float(step), last) for step in steps]
    best = int(np.argmin(distances))
    return float(max(0.0, 1 - distances[best] / none)), steps[best]


def _distance(target: NDArray[np.float64], free: NDArray[np.float64], first: float, last: float) -> float:
    once = np.rint(free / first) * first
    return float(np.abs(_histogram(np.rint(once / last)) - target).sum())


def _histogram(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.bincount(np.minimum(np.abs(levels), _LEVELS).astype(int), minlength=_LEVELS + 1)
    return np.asarray(counts / max(1, counts.sum()), np.float64)


# ITU-T T.81, table K.1: luma, in row order.
_BASE: Final = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)  # fmt: skip


def ijg_table(quality: int) -> NDArray[np.float64]:
    """(8, 8) luma steps that the IJG library writes at a quality of 1 to 100."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((_BASE * scale + 50) // 100, 1, 255), np.float64)


def ijg_quality(table: NDArray[np.float64]) -> tuple[int, bool]:
    """The quality whose table is nearest, and whether it is the same."""
    apart = [float(np.abs(np.log(ijg_table(quality) / np.maximum(table, 1))).sum()) for quality in range(1, 101)]
    quality = int(np.argmin(apart)) + 1
    return quality, bool(np.array_equal(ijg_table(quality), table))
