"""The limits that keep one file from exhausting the machine, and the checks that refuse a file by name."""

from __future__ import annotations

from dataclasses import dataclass

from deepfake_hf.errors import UnsupportedMediaError, UsageError

_GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What a file may ask of us.

    Args:
        max_bytes: Largest file, in bytes.
        max_duration_s: Longest video or sound, in seconds.
        max_pixels: Largest frame of a video or animation, in pixels (width times height, as shown). A decoder holds
            several of them at once.
        max_still_pixels: Largest still picture, in pixels. Phones make up to 201 million; reading takes 7 to 12 bytes
            a pixel at its peak, 1.4 GiB for those and 2.1 where they must be turned.
        min_side_px: Shortest side of a picture or video frame, in pixels.

    Raises:
        UsageError: A limit is not positive.
    """

    max_bytes: int = 4 * _GIB
    max_duration_s: float = 7200.0
    max_pixels: int = 50_000_000
    max_still_pixels: int = 210_000_000
    min_side_px: int = 16

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_duration_s", "max_pixels", "max_still_pixels", "min_side_px"):
            if not getattr(self, name) > 0:
                raise UsageError(
                    f"Limits({name}={getattr(self, name)})",
                    "a limit must be greater than 0",
                    f"give {name} a value > 0",
                )

    def check_bytes(self, path: str, size_bytes: int) -> None:
        """Refuse a file over ``max_bytes``. Raises: UnsupportedMediaError."""
        if size_bytes > self.max_bytes:
            raise UnsupportedMediaError(
                path,
                f"it is {size_bytes / _GIB:.2f} GiB, over the limit of {self.max_bytes / _GIB:.2f} GiB",
                f"cut or re-encode it, or raise the limit with Limits(max_bytes={size_bytes})",
            )

    def check_duration(self, path: str, duration_s: float) -> None:
        """Refuse a medium over ``max_duration_s`` seconds. Raises: UnsupportedMediaError."""
        if duration_s > self.max_duration_s:
            raise UnsupportedMediaError(
                path,
                f"it lasts {duration_s:.0f} s or more, over the limit of {self.max_duration_s:.0f} s",
                f"cut it into parts, or raise the limit with Limits(max_duration_s={duration_s:.0f})",
            )

    def check_size(self, path: str, width_px: int, height_px: int, still: bool = False) -> None:
        """Refuse too large pictures, and those with a side under ``min_side_px``.

        Args:
            path: For the error.
            width_px: As shown.
            height_px: As shown.
            still: ``max_still_pixels`` holds, and not ``max_pixels``.

        Raises:
            UnsupportedMediaError: Too large or too small.
        """
        name = "max_still_pixels" if still else "max_pixels"
        limit, pixels = getattr(self, name), width_px * height_px
        shown = f"{'it is' if still else 'its pictures are'} {width_px} x {height_px} pixels"
        if pixels > limit:
            raise UnsupportedMediaError(
                path,
                f"{shown}, {pixels / 1e6:.1f} million and over the limit of {limit / 1e6:.1f} million",
                f"scale it down, or raise the limit with Limits({name}={pixels})",
            )
        if min(width_px, height_px) < self.min_side_px:
            raise UnsupportedMediaError(
                path,
                f"{shown}, and a side under {self.min_side_px} pixels holds nothing to analyse",
                "use the original instead of a thumbnail, "
                f"or lower the limit with Limits(min_side_px={max(1, min(width_px, height_px))})",
            )
