"""The identity of a file: its SHA-256, read in blocks so that memory stays flat."""

from __future__ import annotations

import hashlib
import os

from deepfake_hf.errors import MediaError

_BLOCK_BYTES = 1 << 20


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hash a file's bytes.

    Args:
        path: The file.

    Returns:
        64 lower-case hexadecimal digits.

    Raises:
        MediaError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise MediaError(
            os.fspath(path), f"it cannot be read ({error.strerror or error})", "check the path and its permissions"
        ) from error
    return digest.hexdigest()
