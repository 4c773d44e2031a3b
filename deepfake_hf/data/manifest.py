"""The manifest: one row for each file, or for each stretch of a file, with its label and where it comes from."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import DataError, LabelError, MissingDependencyError
from deepfake_hf.labels import ID2LABEL, label_from_word

COLUMNS: Final = ("path", "label", "dataset", "method", "identity", "source", "split", "start_s", "end_s")
GROUP_PREFIX: Final = "group_"  # further columns, such as group_sex, that figures can be sliced by
SPLITS: Final = ("train", "validation", "test")
_SHOWN: Final = 10  # bad rows that an error names


@dataclass(frozen=True)
class ManifestRow:
    """One file, or one stretch of it.

    Args:
        path: The file, absolute or from the working directory. In a manifest on disk a path that is not absolute
            counts from the manifest's folder.
        label: ``REAL`` (0) or ``FAKE`` (1); on disk the words ``real`` and ``fake``, since a foreign 0 and 1 may mean
            the opposite.
        dataset: Name of the data set; identities and sources are told apart by it.
        method: How the fake was made; empty for genuine media.
        identity: The people in it, joined by ``|`` where there are several (a face swap shows one and was made from
            another); empty where unknown.
        source: The genuine recordings it was made from, joined by ``|``; a genuine recording is its own.
        split: ``train``, ``validation``, ``test``, or empty where none is given.
        start_s: Where the stretch begins, seconds; None means the file's beginning.
        end_s: Where it ends, seconds; None means the file's end.
        groups: Names and values of further columns, whose names begin with ``group_``: what figures can be sliced by.
    """

    path: str
    label: int
    dataset: str = ""
    method: str = ""
    identity: str = ""
    source: str = ""
    split: str = ""
    start_s: float | None = None
    end_s: float | None = None
    groups: tuple[tuple[str, str], ...] = ()

    @property
    def identities(self) -> tuple[str, ...]:
        """The people in it, with the data set's name, so that actor 01 of two data sets stays two people."""
        return tuple(f"{self.dataset}:{name}" for name in self.identity.split("|") if name)

    @property
    def sources(self) -> tuple[str, ...]:
        """The recordings it comes from, with the data set's name."""
        return tuple(f"{self.dataset}:{name}" for name in self.source.split("|") if name)


def row_from_fields(fields: Mapping[str, Any]) -> ManifestRow:
    """Make a row of raw values, such as those of a CSV line.

    Raises:
        ValueError: A value is missing or wrong; the message says which.
    """
    unknown = sorted(str(name) for name in fields if name not in COLUMNS and not str(name).startswith(GROUP_PREFIX))
    if unknown:
        raise ValueError(f"unknown columns {unknown}; there are {list(COLUMNS)} and any named {GROUP_PREFIX}…")
    texts = {name: _text(fields.get(name)) for name in COLUMNS}
    if not texts["path"]:
        raise ValueError("path is empty")
    if not texts["label"]:
        raise ValueError("label is empty")
    if texts["label"].lstrip("-").replace(".", "", 1).isdigit():
        raise ValueError(f"label is the number {texts['label']}, which may mean either; write real or fake")
    try:
        label = label_from_word(texts["label"])
    except LabelError as error:
        raise ValueError(f"label {texts['label']!r}: {error.mend}") from error
    if texts["split"] and texts["split"] not in SPLITS:
        raise ValueError(f"split is {texts['split']!r}, not one of {list(SPLITS)} or empty")
    start_s, end_s = _seconds("start_s", texts["start_s"]), _seconds("end_s", texts["end_s"])
    if end_s is not None and end_s <= (start_s or 0.0):
        raise ValueError(f"end_s {end_s} is not after start_s {start_s or 0.0}")
    words = {name: texts[name] for name in ("path", "dataset", "method", "identity", "source", "split")}
    named = ((str(name), _text(value)) for name, value in fields.items() if name not in COLUMNS)
    groups = tuple(sorted((name, value) for name, value in named if value))
    return ManifestRow(**words, label=label, start_s=start_s, end_s=end_s, groups=groups)


def check_rows(rows: Sequence[ManifestRow], name: str = "manifest") -> None:
    """Refuse an empty manifest and rows that stand in it twice.

    Raises:
        DataError: Names the rows.
    """
    if not rows:
        raise DataError(f"{name} has no rows", "there is nothing to learn or measure", "check what it was made of")
    first: dict[tuple[str, float | None, float | None], int] = {}
    twice = []
    for number, row in enumerate(rows, 1):
        other = first.setdefault((row.path, row.start_s, row.end_s), number)
        if other != number:
            twice.append(f"row {number} repeats row {other} ({row.path})")
    _raise(name, twice)


def read_manifest(path: str | os.PathLike[str]) -> list[ManifestRow]:
    """Read a CSV (UTF-8, comma) or parquet manifest and validate every row.

    Only ``path`` and ``label`` must be there. Whether the files exist is not asked here: see
    :func:`deepfake_hf.data.missing_files`.

    Raises:
        DataError: Names the file and each bad row, counted from 1 below the header.
    """
    name, folder = os.fspath(path), Path(path).resolve().parent
    rows, bad = [], []
    for number, fields in enumerate(_read_fields(Path(path)), 1):
        try:
            row = row_from_fields(fields)
        except ValueError as error:
            bad.append(f"row {number}: {error}")
            continue
        rows.append(row if os.path.isabs(row.path) else replace(row, path=str(folder / row.path)))
    _raise(name, bad)
    check_rows(rows, name)
    return rows


def write_manifest(path: str | os.PathLike[str], rows: Sequence[ManifestRow]) -> None:
    """Write CSV, or parquet where the name ends so; files below the manifest's folder get paths that count from it.

    Raises:
        DataError: No rows, or a row twice.
    """
    check_rows(rows, os.fspath(path))
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.resolve().parent
    extra = tuple(sorted({name for row in rows for name, _ in row.groups}))
    plain = [{**dict.fromkeys(extra, ""), **_fields(row, folder)} for row in rows]
    partial = target.with_name(target.name + ".part")
    if target.suffix == ".parquet":
        arrow = load_pyarrow()
        texts = [(name, arrow.string()) for name in (*COLUMNS[:7], *extra)]
        schema = arrow.schema([*texts, ("start_s", arrow.float64()), ("end_s", arrow.float64())])
        arrow.parquet.write_table(arrow.Table.from_pylist(plain, schema=schema), partial)
    else:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, (*COLUMNS, *extra))
            writer.writeheader()
            writer.writerows(plain)
    partial.replace(target)


def missing_files(rows: Iterable[ManifestRow]) -> list[str]:
    """The paths that do not lead to a file, in order and each once."""
    return [path for path in dict.fromkeys(row.path for row in rows) if not os.path.isfile(path)]


def present_rows(
    manifest: str | os.PathLike[str], split: str | None = None, what: str = "files", mend: str = "check the paths"
) -> list[ManifestRow]:
    """The rows of a manifest, or of one split of it, all of whose files are there.

    Args:
        manifest: CSV or parquet.
        split: None for all rows.
        what: The files are called in the message.
        mend: How it is mended.

    Raises:
        DataError: The manifest is bad, or files are missing; counts them and names the first.
    """
    rows = [row for row in read_manifest(manifest) if split in (None, row.split)]
    if gone := missing_files(rows):
        raise DataError(f"{len(gone)} {what} of {manifest} are missing", f"the first is {gone[0]}", mend)
    return rows


def _fields(row: ManifestRow, folder: Path) -> dict[str, Any]:
    full = Path(os.path.abspath(row.path))
    shown = full.relative_to(folder) if full.is_relative_to(folder) else full
    return {
        **{name: getattr(row, name) for name in COLUMNS},
        "path": str(shown),
        "label": ID2LABEL[row.label],
        **dict(row.groups),
    }


def _read_fields(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            table: list[dict[str, Any]] = load_pyarrow().parquet.read_table(path).to_pylist()
            return table
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="more fields than the header")
            return [{name: value for name, value in line.items() if name} for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{path} cannot be read", str(error), "give a CSV in UTF-8 or a parquet file") from error


def load_pyarrow() -> Any:
    """The package, which is an extra. Raises: MissingDependencyError: It is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(
            "parquet cannot be read or written", "pyarrow is not installed", "pip install 'deepfake-hf[train]'"
        ) from error
    return pyarrow


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()


def _seconds(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, not a number of seconds") from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is {text}, but seconds are finite and not negative")
    return value


def _raise(name: str, bad: list[str]) -> None:
    if bad:
        more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise DataError(f"{name} has {len(bad)} bad rows", "; ".join(bad[:_SHOWN]) + more, "mend or remove these rows")
