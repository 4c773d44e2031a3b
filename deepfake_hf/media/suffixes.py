"""Names that media files usually end in: for finding them in folders, never for telling what a file holds."""

from __future__ import annotations

from typing import Final

MEDIA_SUFFIXES: Final = frozenset(
    f".{ending}"
    for ending in (
        *("mp4", "m4v", "mov", "webm", "mkv", "avi", "gif", "mpg", "mpeg", "ts", "3gp", "flv", "wmv"),
        *("jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "bmp", "tif", "tiff"),
        *("wav", "mp3", "flac", "m4a", "aac", "ogg", "oga", "opus", "wma"),
    )
)
