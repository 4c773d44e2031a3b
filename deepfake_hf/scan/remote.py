"""Files that lie elsewhere (s3://, gs://, https://, …), through fsspec; each is fetched for as long as it is needed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import DeepfakeHFError, MediaError, MissingDependencyError, UnsupportedMediaError, UsageError

_BLOCK_BYTES: Final = 1 << 20
_GIB: Final = 1024**3


def is_remote(path: str) -> bool:
    """Whether a path is an address that fsspec opens, and not a file of this machine."""
    return "://" in path


def open_store(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the name in it.

    Raises:
        MissingDependencyError: The package for this kind of store is not installed.
        UsageError: The kind is unknown, or the store refuses to be opened.
    """
    from fsspec.core import url_to_fs

    scheme = address.split("://", 1)[0]
    try:
        return url_to_fs(address)  # type: ignore[no-any-return]
    except ImportError as error:
        raise MissingDependencyError(
            f"{scheme}:// addresses cannot be opened",
            str(error).rstrip("."),
            "pip install 'deepfake-hf[remote]', which brings s3fs, gcsfs and aiohttp",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{address} cannot be opened", str(error).rstrip("."), "use s3://, gs://, http:// or https://"
        ) from error
    except Exception as error:  # a store raises kinds of its own, such as for missing credentials
        raise UsageError(f"{address} cannot be opened", said(error), "check the address and your access") from error


def said(error: BaseException) -> str:
    """An error of another library in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def full_address(store: Any, name: str, address: str) -> str:
    """The address of a name in a store, chained as ``address`` is (``zip://a.png::s3://…``)."""
    _, chain, rest = address.partition("::")
    return f"{store.unstrip_protocol(name)}{chain}{rest}"


@contextmanager
def local_file(path: str, max_bytes: int) -> Iterator[Path]:
    """The file itself, or for an address a copy for as long as the block lasts.

    Raises:
        MediaError: It cannot be fetched.
        UnsupportedMediaError: It is larger than ``max_bytes``.
    """
    if not is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="deepfake_hf_scan_") as folder:
        copy = Path(folder) / "medium"
        try:
            _fetch(path, copy, max_bytes)
        except DeepfakeHFError:
            raise
        except Exception as error:  # of any store
            raise MediaError(
                path,
                f"it could not be fetched ({said(error)})",
                "check the address, the network and your access, then run again with --retry-errors",
            ) from error
        yield copy


def _fetch(address: str, copy: Path, max_bytes: int) -> None:
    store, name = open_store(address)
    done = 0
    with store.open(name, "rb") as source, copy.open("wb") as target:
        while block := source.read(_BLOCK_BYTES):
            done += len(block)
            if done > max_bytes:
                raise UnsupportedMediaError(
                    address,
                    f"it is larger than the limit of {max_bytes / _GIB:.2f} GiB",
                    "cut or re-encode it",
                )
            target.write(block)
