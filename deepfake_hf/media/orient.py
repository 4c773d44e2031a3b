"""From stored pixels to upright square ones: display matrix, sample aspect ratio and the size to convert to (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ONE: Final = 1 << 16  # the display matrix holds 16.16 fixed-point numbers


@dataclass(frozen=True)
class Orientation:
    """How to turn a stored picture upright: transpose first, then mirror columns, then mirror rows."""

    transpose: bool = False
    mirror_columns: bool = False
    mirror_rows: bool = False

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn in degrees (0, 90, 180, 270); a mirror image counts as the turn before its mirroring."""
        if self.transpose:
            return 90 if self.mirror_columns else 270
        return 180 if self.mirror_rows else 0

    def apply(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a picture upright.

        Args:
            rgb: uint8 (H, W, 3) as stored.

        Returns:
            uint8 (H, W, 3), or (W, H, 3) where the turn is a quarter; contiguous.
        """
        if self.transpose:
            rgb = rgb.transpose(1, 0, 2)  # (W, H, 3)
        if self.mirror_columns:
            rgb = rgb[:, ::-1]
        if self.mirror_rows:
            rgb = rgb[::-1]
        return np.ascontiguousarray(rgb)

    def shown_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """The upright (width, height) in pixels of a stored one."""
        return (height_px, width_px) if self.transpose else (width_px, height_px)


UPRIGHT: Final = Orientation()


def orientation_from_matrix(matrix: bytes) -> Orientation:
    """Read FFmpeg's display matrix (libavutil/display.h): stored (x, y) goes to (a x + c y, b x + d y).

    Args:
        matrix: 36 bytes, nine native int32: a, b, u, c, d, v, x, y, w. Turns between quarters go to the nearest one.
    """
    values = np.frombuffer(matrix[:36], dtype=np.int32).astype(np.float64) / _ONE
    if values.size < 9:
        return UPRIGHT
    a, b, _, c, d = values[:5]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, mirror_columns=bool(c < 0), mirror_rows=bool(b < 0))
    return Orientation(mirror_columns=bool(a < 0), mirror_rows=bool(d < 0))


def square_size(width_px: int, height_px: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """The (width, height) with square pixels: the short side of a pixel is stretched, so no detail is lost."""
    if pixel_aspect is None or pixel_aspect <= 0 or pixel_aspect == 1:
        return width_px, height_px
    if pixel_aspect > 1:
        return round(width_px * pixel_aspect), height_px
    return width_px, round(height_px / pixel_aspect)


def fit_size(width_px: int, height_px: int, max_side_px: int | None) -> tuple[int, int]:
    """Shrink (never enlarge) a size so that its longer side is at most ``max_side_px``; sides stay at 1 or more."""
    longer = max(width_px, height_px)
    if max_side_px is None or longer <= max_side_px:
        return width_px, height_px
    scale = max_side_px / longer
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))
