"""What a results folder holds, in figures; read part by part, so that memory doesn't grow with it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deepfake_hf.scan.schema import ERRORS, FILES, Row

SHOWN: Final = 50
BINS: Final = 20


@dataclass
class Summary:
    """Counts of a results folder. ``kinds`` counts verdicts and statuses by kind of medium; ``bins`` are 20 equal
    steps of P(fake), each counted by verdict; ``top`` and ``failed`` are the rows that a page shows."""

    files: int = 0
    errors: int = 0
    duplicates: int = 0
    size_bytes: int = 0
    media_s: float = 0.0
    worker_s: float = 0.0
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    bins: dict[str, list[int]] = field(default_factory=dict)
    top: list[Row] = field(default_factory=list)
    failed: list[Row] = field(default_factory=list)

    @property
    def words(self) -> Counter[str]:
        """Verdicts, and statuses of what has none, of all kinds."""
        return sum(self.kinds.values(), Counter())

    def to_dict(self) -> dict[str, Any]:
        """Plain types, without rows."""
        return {
            "files": self.files,
            "errors": self.errors,
            "duplicates": self.duplicates,
            "size_bytes": self.size_bytes,
            "media_s": round(self.media_s, 3),
            "worker_s": round(self.worker_s, 3),
            "verdicts": dict(self.words),
            "kinds": {kind: dict(words) for kind, words in sorted(self.kinds.items())},
            "error_statuses": dict(self.reasons),
        }


def summarise(folder: Path) -> Summary:
    """Read all parts of a results folder once."""
    summary = Summary()
    ranked: list[tuple[float, int, Row]] = []
    columns = ["path", "duplicate_of", "size_bytes", "seconds", "kind", "duration_s", "verdict", "status", "p_fake"]
    for number, row in enumerate(_rows(folder / FILES, [*columns, "reason"])):
        summary.files += 1
        _add(summary, row)
        summary.media_s += row["duration_s"] or 0.0
        word = row["verdict"] or row["status"]
        summary.kinds.setdefault(row["kind"] or "unknown", Counter())[word] += 1
        if row["p_fake"] is not None and row["verdict"]:
            place = min(BINS - 1, int(row["p_fake"] * BINS))
            summary.bins.setdefault(row["verdict"], [0] * BINS)[place] += 1
            if row["duplicate_of"] is None:
                heapq.heappush(ranked, (row["p_fake"], -number, row))
                if len(ranked) > SHOWN:
                    heapq.heappop(ranked)
    for row in _rows(folder / ERRORS, ["path", "duplicate_of", "size_bytes", "seconds", "status", "why", "mend"]):
        summary.errors += 1
        _add(summary, row)
        summary.reasons[row["status"]] += 1
        if len(summary.failed) < SHOWN:
            summary.failed.append(row)
    summary.top = [row for _, _, row in sorted(ranked, key=lambda one: (-one[0], -one[1]))]
    return summary


def _add(summary: Summary, row: Row) -> None:
    summary.duplicates += row["duplicate_of"] is not None
    summary.size_bytes += row["size_bytes"] or 0
    summary.worker_s += row["seconds"] or 0.0


def _rows(table: Path, columns: list[str]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    for part in sorted(table.glob("part-*.parquet")):
        yield from pq.read_table(part, columns=columns, partitioning=None).to_pylist()
