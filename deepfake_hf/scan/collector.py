"""From outcomes to rows: who analyses a content, and what the others with the same content get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from deepfake_hf.scan.analyse import Outcome
from deepfake_hf.scan.schema import ERRORS, Row, duplicate
from deepfake_hf.scan.store import Store


@dataclass
class Progress:
    """How far a run is, in files. ``before`` were done by earlier runs; ``words`` counts verdicts and statuses."""

    total: int = 0
    before: int = 0
    done: int = 0
    duplicates: int = 0
    words: dict[str, int] = field(default_factory=dict)


class Collector:
    """Takes outcomes from an engine and writes rows; a content is analysed once.

    Args:
        store: where to.
        progress: is kept up to date.
        tell: called with it after every row.
    """

    def __init__(self, store: Store, progress: Progress, tell: Callable[[Progress], None]) -> None:
        self._store, self._progress, self._tell = store, progress, tell
        self._claimed: dict[str, str] = {}
        self._waiting: dict[str, list[Outcome]] = {}

    def claim(self, sha256: str, path: str) -> bool:
        """Whether ``path`` is to be analysed: its content has no answer, and nobody else is at it."""
        if self._store.index.part_of(sha256) is not None:
            return False
        return self._claimed.setdefault(sha256, path) == path

    def accept(self, outcome: Outcome) -> None:
        """Write an outcome's row, and those of files that waited for it."""
        sha256 = outcome["sha256"]
        if outcome["row"] is None:
            found = self._store.find(sha256)
            if found is None:
                self._waiting.setdefault(sha256, []).append(outcome)
            else:
                self._write(found[0], duplicate(found[1], outcome["path"]))
            return
        self._write(outcome["table"], outcome["row"])
        self._claimed.pop(sha256, None)
        for other in self._waiting.pop(sha256, []):
            self._write(outcome["table"], duplicate(outcome["row"], other["path"]))

    def _write(self, table: str, row: Row) -> None:
        if not self._store.add(table, row):
            return
        self._progress.done += 1
        self._progress.duplicates += row["duplicate_of"] is not None
        word = "error" if table == ERRORS else str(row["verdict"] or row["status"])
        self._progress.words[word] = self._progress.words.get(word, 0) + 1
        self._tell(self._progress)
