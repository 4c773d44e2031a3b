"""What is done and what is to do, in a temporary database on disk, so that memory doesn't grow with the files.

It holds nothing of its own: it is filled from the parts of the results and from the listing at each start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator


class Index:
    """Paths that are done, contents with the part that holds their answer, and paths to do in their order."""

    def __init__(self) -> None:
        # The empty name is SQLite's temporary database: in a cache of some MB, spilled to disk, gone when closed.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE done (path TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("CREATE TABLE content (sha256 TEXT PRIMARY KEY, part TEXT) WITHOUT ROWID")
        self._db.execute("CREATE TABLE todo (place INTEGER PRIMARY KEY, path TEXT UNIQUE)")

    def add_done(self, path: str, sha256: str | None, part: str) -> None:
        """``sha256`` is None for a duplicate, whose first one holds the content, and where nothing could be read."""
        self._db.execute("INSERT OR IGNORE INTO done VALUES (?)", (path,))
        if sha256 is not None:
            self._db.execute("INSERT OR IGNORE INTO content VALUES (?, ?)", (sha256, part))

    def is_done(self, path: str) -> bool:
        return self._db.execute("SELECT 1 FROM done WHERE path = ?", (path,)).fetchone() is not None

    def part_of(self, sha256: str) -> str | None:
        """The part with the answer on a content."""
        found = self._db.execute("SELECT part FROM content WHERE sha256 = ?", (sha256,)).fetchone()
        return found[0] if found else None

    def claim(self, sha256: str, path: str) -> bool:
        """Whether ``path`` is the first one to claim this content, or claims it again."""
        self._db.execute("INSERT OR IGNORE INTO content VALUES (?, ?)", (sha256, path))
        return self.part_of(sha256) == path

    def contents(self) -> Iterator[str]:
        """All contents that have an answer."""
        for (sha256,) in self._db.execute("SELECT sha256 FROM content"):
            yield sha256

    def plan(self, paths: Iterable[str]) -> tuple[int, int]:
        """Put paths to the work that is to do, each once and none that is done; gives (to do, listed)."""
        self._db.execute("CREATE TEMP TABLE listed (path TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")
        for path in paths:
            if self._db.execute("INSERT OR IGNORE INTO listed VALUES (?)", (path,)).rowcount and not self.is_done(path):
                self._db.execute("INSERT INTO todo (path) VALUES (?)", (path,))
        self._db.execute("COMMIT")
        (listed,) = self._db.execute("SELECT count(*) FROM listed").fetchone()
        self._db.execute("DROP TABLE listed")
        (left,) = self._db.execute("SELECT count(*) FROM todo").fetchone()
        return left, listed

    def todo(self) -> Iterator[str]:
        """What is to do, in the order of the listing."""
        place = 0
        while batch := self._db.execute(
            "SELECT place, path FROM todo WHERE place > ? ORDER BY place LIMIT 1000", (place,)
        ).fetchall():
            yield from (path for _, path in batch)
            place = batch[-1][0]

    def close(self) -> None:
        self._db.close()
