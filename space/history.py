"""Past results in a file on this machine. Nothing is written unless a visitor asks for it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepfake_hf.types import DetectionResult

_TABLE = """CREATE TABLE IF NOT EXISTS results (
  id INTEGER PRIMARY KEY, made_at TEXT NOT NULL, name TEXT NOT NULL, verdict TEXT NOT NULL, p_fake REAL,
  kind TEXT, sha256 TEXT, picture BLOB, result TEXT NOT NULL)"""


@dataclass(frozen=True)
class Entry:
    """One kept result. ``verdict`` is a verdict or a status; ``picture`` a JPEG."""

    id: int
    made_at: str
    name: str
    verdict: str
    p_fake: float | None
    picture: bytes | None
    kind: str | None = None


class History:
    """An SQLite file, opened anew for each use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, result: DetectionResult, picture: bytes | None) -> int:
        """Store one result and, where there is one, a small JPEG of it."""
        row = (
            datetime.now(UTC).isoformat(timespec="seconds"), result.path, str(result.verdict or result.status),
            result.p_fake, str(result.kind) if result.kind else None, result.sha256, picture,
            json.dumps(result.to_dict(), ensure_ascii=False),
        )  # fmt: skip
        with self._open() as base:
            added = base.execute(
                "INSERT INTO results (made_at, name, verdict, p_fake, kind, sha256, picture, result) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            return int(added.lastrowid or 0)

    def search(self, words: str = "", most: int = 200) -> list[Entry]:
        """The latest first; every word must be in the file's name, the verdict, the day or the hash."""
        if not self.path.is_file():
            return []
        query = "SELECT id, made_at, name, verdict, p_fake, picture, kind FROM results"
        wanted = [f"%{word}%" for word in words.split()]
        if wanted:
            query += " WHERE " + " AND ".join(
                "name || ' ' || verdict || ' ' || made_at || ' ' || COALESCE(sha256, '') LIKE ?" for _ in wanted
            )
        with self._open() as base:
            rows = base.execute(f"{query} ORDER BY id DESC LIMIT ?", (*wanted, most)).fetchall()
        return [Entry(*row) for row in rows]

    def result(self, number: int) -> dict[str, Any] | None:
        """The whole result as it was kept."""
        if not self.path.is_file():
            return None
        with self._open() as base:
            row = base.execute("SELECT result FROM results WHERE id = ?", (number,)).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, number: int) -> bool:
        """Whether there was one."""
        with self._open() as base:
            return base.execute("DELETE FROM results WHERE id = ?", (number,)).rowcount > 0

    def count(self) -> int:
        """How many are kept."""
        if not self.path.is_file():
            return 0
        with self._open() as base:
            return int(base.execute("SELECT COUNT(*) FROM results").fetchone()[0])

    def clear(self) -> int:
        """Overwrite all of it, and the file goes too; how many there were."""
        if not self.path.is_file():
            return 0
        with self._open() as base:
            gone = base.execute("DELETE FROM results").rowcount
        self.path.unlink(missing_ok=True)
        return gone

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=10)) as base, base:
            base.execute("PRAGMA secure_delete = ON")
            base.execute(_TABLE)
            yield base
