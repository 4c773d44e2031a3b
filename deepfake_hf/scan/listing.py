"""From what was named (folders, globs, lists, tables, addresses) to paths, one after the other."""

from __future__ import annotations

import csv
import glob
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader, FileIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.media.suffixes import MEDIA_SUFFIXES
from deepfake_hf.scan.remote import full_address, is_remote, open_store, said

LISTS: Final = (".txt", ".lst", ".csv", ".parquet")
ACCEPTED: Final = (
    "a file, a folder (searched in depth), a glob, a text list of paths (.txt, .lst), a CSV or parquet table with a "
    "column of paths, or an address of one of these (s3://, gs://, https://, or another that fsspec opens)"
)


def list_paths(sources: Sequence[str], column: str, say: Callable[[str], None]) -> Iterator[str]:
    """All paths of all sources, local ones absolute; those named twice come twice.

    Args:
        sources: each ``ACCEPTED``.
        column: of paths in tables.
        say: called with a sentence about a source that gave nothing.

    Raises:
        UsageError: a list cannot be read or has no such column, or an address cannot be listed.
        MissingDependencyError: a package is missing that a source needs.
    """
    for source in sources:
        found = 0
        for path in _expand(source, column):
            found += 1
            yield path
        if not found:
            say(f"{source}: no media file was found there. Name {ACCEPTED}.")


def _expand(source: str, column: str) -> Iterator[str]:
    if is_remote(source):
        yield from _remote(source, column)
    elif os.path.isdir(source):
        yield from _folder(os.path.abspath(source))
    elif glob.has_magic(source) and not os.path.exists(source):
        found = (name for name in glob.iglob(source, recursive=True) if os.path.isfile(name))
        yield from (os.path.abspath(name) for name in sorted(found))
    elif Path(source).suffix.lower() in LISTS:
        folder = os.path.dirname(os.path.abspath(source))
        entries = _entries(source, lambda: BufferedReader(FileIO(source)), column)
        yield from (one if is_remote(one) else os.path.normpath(os.path.join(folder, one)) for one in entries)
    else:
        yield os.path.abspath(source)


def _folder(folder: str) -> Iterator[str]:
    """In the order of names; what begins with a dot is hidden."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if _is_medium(name):
                yield os.path.join(place, name)


def _remote(address: str, column: str) -> Iterator[str]:
    store, name = open_store(address)
    try:
        if PurePosixPath(name).suffix.lower() in LISTS:
            head, chain, rest = address.partition("::")
            base = posixpath.dirname(head)
            for entry in _entries(address, lambda: store.open(name, "rb"), column):
                yield entry if is_remote(entry) else f"{base}/{entry}{chain}{rest}"
        elif glob.has_magic(name):
            yield from (
                full_address(store, one, address) for one in sorted(store.glob(name)) if not _is_dir(store, one)
            )
        elif _is_dir(store, name):
            found = (one for one in sorted(store.find(name)) if _is_medium(one) and not _hidden(one, name))
            yield from (full_address(store, one, address) for one in found)
        else:
            yield address
    except (UsageError, MissingDependencyError):
        raise
    except Exception as error:  # a store raises kinds of its own
        raise UsageError(f"{address} cannot be listed", said(error), "check the address and your access") from error


def _is_dir(store: Any, name: str) -> bool:
    """A web server knows no folders: there one ends with a slash."""
    protocols = (store.protocol,) if isinstance(store.protocol, str) else store.protocol
    return name.endswith("/") if "http" in protocols else bool(store.isdir(name))


def _hidden(one: str, folder: str) -> bool:
    return any(part.startswith(".") for part in one.removeprefix(folder).split("/"))


def _is_medium(name: str) -> bool:
    base = posixpath.basename(name)
    return not base.startswith(".") and PurePosixPath(base).suffix.lower() in MEDIA_SUFFIXES


def _entries(source: str, opened: Callable[[], IO[bytes]], column: str) -> Iterator[str]:
    """The paths that a list names, as they stand in it."""
    suffix = PurePosixPath(source.partition("::")[0]).suffix.lower()
    try:
        with opened() as file:
            if suffix == ".parquet":
                yield from _parquet(source, file, column)
            elif suffix == ".csv":
                yield from _csv(source, file, column)
            else:
                lines = (line.decode("utf-8-sig").strip() for line in file)
                yield from (line for line in lines if line and not line.startswith("#"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source} cannot be read", said(error), "name a text, CSV or parquet file in UTF-8") from None


def _csv(source: str, file: IO[bytes], column: str) -> Iterator[str]:
    rows = csv.DictReader(line.decode("utf-8-sig") for line in file)
    if column not in (rows.fieldnames or []):
        raise _no_column(source, column, list(rows.fieldnames or []))
    yield from (row[column].strip() for row in rows if (row[column] or "").strip())


def _parquet(source: str, file: IO[bytes], column: str) -> Iterator[str]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise no_pyarrow(f"{source} cannot be read") from error
    try:
        table = pq.ParquetFile(file)
    except pa.ArrowException as error:
        raise UsageError(f"{source} cannot be read", said(error), "write it again as parquet") from None
    if column not in table.schema_arrow.names:
        raise _no_column(source, column, table.schema_arrow.names)
    for batch in table.iter_batches(batch_size=10_000, columns=[column]):
        yield from (str(path) for path in batch.column(0).to_pylist() if path)


def no_pyarrow(what: str) -> MissingDependencyError:
    """The error where parquet is needed."""
    return MissingDependencyError(what, "pyarrow is not installed", "pip install 'deepfake-hf[scan]'")


def _no_column(source: str, column: str, found: Sequence[str]) -> UsageError:
    return UsageError(
        f"{source} cannot be used",
        f"it has no column {column!r}; it has {', '.join(map(repr, found)) or 'none'}",
        "name the column of paths with --column",
    )
