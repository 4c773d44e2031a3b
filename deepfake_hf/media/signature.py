"""What a file's first bytes say it is. The name and its ending are never asked."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Final

from deepfake_hf.errors import MediaError, UnsupportedMediaError
from deepfake_hf.media.limits import Limits

HEAD_BYTES: Final = 64


class Signature(StrEnum):
    """How a file is to be opened: by Pillow, or by FFmpeg."""

    PICTURE = "picture"
    STREAMS = "streams"


# ISO base media brands of still pictures and picture collections (ISO/IEC 23008-12 annex B; AV1 image format 1.1).
# "hevc", "hevx" and "msf1" mark moving sequences: FFmpeg reads those as video.
_PICTURE_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis", b"jpeg"})
_PICTURE_STARTS: Final = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\x00",  # TIFF, both byte orders
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000
)
_ARCHIVE_STARTS: Final = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"Rar!": "rar",
    b"7z\xbc\xaf": "7z",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def signature_of(name: str, head: bytes) -> Signature:
    """Tell pictures from streams, and refuse archives.

    Args:
        name: The file's name, for the error only.
        head: Its first ``HEAD_BYTES`` bytes or fewer.

    Raises:
        UnsupportedMediaError: An archive. It is refused by its first bytes and never unpacked.
    """
    for start, kind in _ARCHIVE_STARTS.items():
        if head.startswith(start):
            raise UnsupportedMediaError(
                name, f"it is a {kind} archive, not a medium", "unpack it and give the media files inside"
            )
    if head.startswith(_PICTURE_STARTS):
        return Signature.PICTURE
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Signature.PICTURE
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return Signature.PICTURE
    return Signature.STREAMS


def check_file(path: str | os.PathLike[str], limits: Limits) -> tuple[int, bytes]:
    """Look at a path before any decoder does.

    Args:
        path: What the user gave.
        limits: The byte limit is applied here.

    Returns:
        The file's size in bytes and its first ``HEAD_BYTES`` bytes.

    Raises:
        MediaError: Nothing there, a folder, not a regular file, empty, or not readable.
        UnsupportedMediaError: Over the byte limit.
    """
    name = os.fspath(path)
    if not os.path.exists(name):
        raise MediaError(name, "there is no such file", "check the spelling of the path")
    if os.path.isdir(name):
        raise MediaError(name, "it is a folder, not a file", "give the files inside it")
    if not os.path.isfile(name):
        raise MediaError(name, "it is not a regular file", "copy the medium to a file first")
    size_bytes = os.path.getsize(name)
    if size_bytes == 0:
        raise MediaError(name, "it is empty (0 bytes)", "copy or download it again")
    limits.check_bytes(name, size_bytes)
    try:
        with open(name, "rb") as file:
            return size_bytes, file.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError(name, f"it cannot be opened ({error.strerror})", "check its permissions") from error
