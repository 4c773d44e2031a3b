"""The results folder: parquet parts that are whole or not there, and a journal of what no part holds yet.

Every row goes to ``open/ID.jsonl`` at once. From time to time the journal is sealed: its rows become
``files/part-ID.parquet`` and ``errors/part-ID.parquet``, written under a hidden name and then renamed, and the journal
is removed. Sealing the same journal again writes the same parts, so a kill at any point loses and doubles nothing.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from deepfake_hf.errors import DataError
from deepfake_hf.scan.index import Index
from deepfake_hf.scan.schema import ERRORS, FILES, TABLES, Row, schemas

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_PART: Final = 500
SECONDS_PER_PART: Final = 60.0
_JOURNALS: Final = "open"


class Store:
    """Rows in, parts out. One process at a time.

    Args:
        folder: of the results.
        index: is filled with what the folder holds.
        say: called with a sentence about what was found broken.
        rows_per_part: a journal of so many rows is sealed.
        retry_errors: forget the errors, so that their files are analysed again.

    Raises:
        DataError: The folder cannot be read or written.
    """

    def __init__(
        self,
        folder: Path,
        index: Index,
        say: Callable[[str], None],
        rows_per_part: int = ROWS_PER_PART,
        retry_errors: bool = False,
    ) -> None:
        self.folder, self.index, self._say, self._rows_per_part = folder, index, say, rows_per_part
        self._schemas = schemas()
        self._held: list[tuple[str, Row]] = []
        self._part, self._since = "", 0.0
        self._journal: IO[str] | None = None
        self.counts = {FILES: 0, ERRORS: 0}
        try:
            for name in (*TABLES, _JOURNALS):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._remove_unfinished()
            self._seal_what_was_left()
            for part in (folder / ERRORS).glob("part-*.parquet") if retry_errors else ():
                part.unlink()
            self._read_parts()
        except OSError as error:
            raise DataError(f"{folder} cannot be used", str(error), "name another folder, or make room") from error

    def add(self, table: str, row: Row) -> bool:
        """Keep a row; False, and nothing done, where its path has one already."""
        if self.index.is_done(row["path"]):
            return False
        try:
            if self._journal is None:
                self._part = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
                self._journal = (self.folder / _JOURNALS / f"{self._part}.jsonl").open("w", encoding="utf-8")
                self._since = time.monotonic()
            self._journal.write(json.dumps([table, row]) + "\n")
            self._journal.flush()
        except OSError as error:
            raise DataError(f"{self.folder} cannot be written", str(error), "make room, then run again") from error
        self._held.append((table, row))
        self._note(table, row, self._part)
        if len(self._held) >= self._rows_per_part or time.monotonic() - self._since > SECONDS_PER_PART:
            self.seal()
        return True

    def find(self, sha256: str) -> tuple[str, Row] | None:
        """The table and the row that answer a content."""
        import pyarrow.parquet as pq

        part = self.index.part_of(sha256)
        if part is None:
            return None
        if part == self._part:
            return next((t, r) for t, r in self._held if r["sha256"] == sha256 and r["duplicate_of"] is None)
        for table in TABLES:
            path = self._path(table, part)
            if path.exists():
                rows: list[Row] = pq.read_table(path, filters=[("sha256", "=", sha256)], partitioning=None).to_pylist()
                first = next((row for row in rows if row["duplicate_of"] is None), None)
                if first is not None:
                    return table, first
        return None

    def seal(self) -> None:
        """Make parts of the journal."""
        if self._journal is None:
            return
        self._journal.close()
        try:
            self._write_parts(self._part, self._held)
        except OSError as error:
            raise DataError(f"{self.folder} cannot be written", str(error), "make room, then run again") from error
        self._held, self._part, self._journal = [], "", None

    def _note(self, table: str, row: Row, part: str) -> None:
        self.index.add_done(row["path"], None if row["duplicate_of"] is not None else row["sha256"], part)
        self.counts[table] += 1

    def _path(self, table: str, part: str) -> Path:
        return self.folder / table / f"part-{part}.parquet"

    def _write_parts(self, part: str, rows: list[tuple[str, Row]]) -> None:
        import pyarrow as pa

        for table in TABLES:
            own = [row for name, row in rows if name == table]
            if own:
                _write_whole(self._path(table, part), pa.Table.from_pylist(own, schema=self._schemas[table]))
        (self.folder / _JOURNALS / f"{part}.jsonl").unlink()

    def _remove_unfinished(self) -> None:
        for table in TABLES:
            for path in (self.folder / table).glob(".part-*.tmp"):
                path.unlink()

    def _seal_what_was_left(self) -> None:
        for journal in sorted((self.folder / _JOURNALS).glob("*.jsonl")):
            rows: list[tuple[str, Row]] = []
            for line in journal.read_bytes().split(b"\n")[:-1]:  # what follows the last line break is half a row
                try:
                    table, row = json.loads(line)
                    rows.append((table, row))
                except ValueError:
                    self._say(f"{journal}: a line is damaged; its file is analysed again.")
            self._write_parts(journal.stem, rows)

    def _read_parts(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = ["path", "sha256", "duplicate_of"]
        for table in TABLES:
            for path in sorted((self.folder / table).glob("part-*.parquet")):
                try:
                    content = pq.read_table(path, partitioning=None)  # all columns: a part can be broken anywhere
                except (pa.ArrowException, OSError, ValueError) as error:
                    aside = path.with_name(f"_broken-{path.name}")
                    path.rename(aside)
                    why = str(error).splitlines()[0]
                    self._say(f"{path} is broken ({why}): set aside as {aside.name}; its files are analysed again.")
                    continue
                for row in content.select(columns).to_pylist():
                    self._note(table, row, path.stem.removeprefix("part-"))


def _write_whole(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    hidden = path.with_name(f".{path.stem}.tmp")
    with hidden.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    os.replace(hidden, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json_whole(path: Path, content: dict[str, Any]) -> None:
    """A small JSON file, whole or not at all."""
    hidden = path.with_name(f".{path.name}.tmp")
    hidden.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(hidden, path)
