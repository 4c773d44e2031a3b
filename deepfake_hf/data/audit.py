"""The audit: does anything leak from one split to another, and can the label be told without looking at the content?"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.data.probes import one_hot, probe_score
from deepfake_hf.data.splits import groups, shared_across_splits
from deepfake_hf.data.traces import Traces, measure, near_duplicates
from deepfake_hf.errors import MediaError
from deepfake_hf.types import MediaKind

_SHOWN: Final = 5
_NO_SPLITS: Final = "fewer than two splits are named"


@dataclass(frozen=True)
class AuditLimits:
    """What is still let through.

    Args:
        shared: People, sources or identical files that stand in more than one split.
        near_duplicates: Share of the pictures that have a near-duplicate in another split.
        duplicate_bits: Bits of 256 in which near-duplicates differ at most. Of 300 DFDC face crops 99 of 100 stay
            within 24 when halved and compressed with JPEG quality 30; the nearest of 1,500 other crops is 36 away.
        auc: Held-out area under the ROC curve of a probe. A probe fails only where its 90 % interval is above 0.5 too.
    """

    shared: int = 0
    near_duplicates: float = 0.01
    duplicate_bits: int = 24
    auc: float = 0.65


class Outcome(StrEnum):
    """How a check ended. A check that could not be made has not passed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """One check: its value against its limit, and what was found in words."""

    name: str
    outcome: Outcome
    value: float | None
    limit: float | None
    detail: str


@dataclass(frozen=True)
class AuditReport:
    """All checks. ``unreadable`` maps each file that could not be measured to the reason."""

    findings: tuple[Finding, ...]
    num_rows: int
    num_measured: int
    unreadable: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(finding.outcome is not Outcome.FAILED for finding in self.findings)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the report as JSON."""
        text = json.dumps({"passed": self.passed, **asdict(self)}, indent=2, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")


def audit(
    rows: Sequence[ManifestRow],
    limits: AuditLimits | None = None,
    sample: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Audit a manifest.

    People, sources and paths are compared over all rows; what needs the files is measured on them or on a sample.

    Args:
        rows: The manifest.
        limits: Defaults to ``AuditLimits()``.
        sample: Measure this many files, drawn at random; None measures all. A sample finds fewer near-duplicates:
            both pictures of a pair must be in it.
        seed: Of the sample and the probes.
        workers: Threads that read files; None takes one for each processor.
        progress: Called with the number of files done and their total.
    """
    limits = limits or AuditLimits()
    first = list({row.path: row for row in rows}.values())
    if sample is not None and sample < len(first):
        chosen = np.random.default_rng(seed).choice(len(first), sample, replace=False)
        first = [first[index] for index in sorted(chosen.tolist())]
    found: list[tuple[ManifestRow, Traces]] = []
    unreadable: dict[str, str] = {}
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for number, (row, traces) in enumerate(zip(first, pool.map(_measure, first), strict=True), 1):
            if isinstance(traces, str):
                unreadable[row.path] = traces
            else:
                found.append((row, traces))
            if progress is not None:
                progress(number, len(first))
    findings = [_shared(rows, name, by, limits) for name, by in _SHARED.items()]
    findings += [_identical(found, limits), _near(found, limits)]
    for kind in MediaKind:
        members = [(row, traces) for row, traces in found if traces.kind is kind]
        if members:
            findings += _probes(kind, members, limits, seed)
    return AuditReport(tuple(findings), len(rows), len(found), unreadable)


_SHARED: Final = {"shared people": "identity", "shared sources": "source", "shared files": "path"}


def _measure(row: ManifestRow) -> Traces | str:
    try:
        return measure(row.path)
    except MediaError as error:
        return str(error)


def _shared(rows: Sequence[ManifestRow], name: str, by: str, limits: AuditLimits) -> Finding:
    named = sum(1 for row in rows if row.split and {"identity": row.identity, "source": row.source}.get(by, row.path))
    if len({row.split for row in rows} - {""}) < 2:
        return Finding(name, Outcome.NOT_CHECKED, None, limits.shared, _NO_SPLITS)
    if not named:
        return Finding(name, Outcome.NOT_CHECKED, None, limits.shared, f"no row with a split names its {by}")
    shared = shared_across_splits(rows, by)
    detail = f"{named} of {len(rows)} rows name it; {_some([f'{key} {counts}' for key, counts in shared.items()])}"
    return _finding(name, len(shared), limits.shared, detail)


def _identical(found: list[tuple[ManifestRow, Traces]], limits: AuditLimits) -> Finding:
    copies: dict[str, list[ManifestRow]] = {}
    for row, traces in found:
        copies.setdefault(traces.sha256, []).append(row)
    bad = [
        rows
        for rows in copies.values()
        if len({row.split for row in rows} - {""}) > 1 or len({row.label for row in rows}) > 1
    ]
    detail = _some([" = ".join(row.path for row in rows) for rows in bad])
    return _finding("identical files with another split or label", len(bad), limits.shared, detail)


def _near(found: list[tuple[ManifestRow, Traces]], limits: AuditLimits) -> Finding:
    name = "near-duplicate pictures across splits"
    seen = [(row, traces.picture_hash) for row, traces in found if traces.picture_hash is not None and row.split]
    splits = sorted({row.split for row, _ in seen})
    if len(splits) < 2:
        why = _NO_SPLITS if found else "no file could be measured"
        return Finding(name, Outcome.NOT_CHECKED, None, limits.near_duplicates, why)
    hashes = np.stack([bits for _, bits in seen])
    parts = np.array([splits.index(row.split) for row, _ in seen], np.int64)
    pairs = near_duplicates(hashes, parts, limits.duplicate_bits)
    touched = len({index for pair in pairs for index in pair})
    examples = _some([f"{seen[one][0].path} ~ {seen[other][0].path}" for one, other in pairs])
    detail = f"{touched} of {len(seen)} pictures; {examples}"
    return _finding(name, touched / len(seen), limits.near_duplicates, detail)


def _probes(
    kind: MediaKind, members: list[tuple[ManifestRow, Traces]], limits: AuditLimits, seed: int
) -> list[Finding]:
    rows = [row for row, _ in members]
    labels = np.array([row.label for row in rows], np.int64)
    tied = groups(rows, ("source",))
    tables: dict[str, NDArray[np.float64]] = {}
    for probe in dict.fromkeys(name for _, traces in members for name in traces.numbers):
        names = list(dict.fromkeys(name for _, traces in members for name in traces.numbers.get(probe, {})))
        lines = [[traces.numbers.get(probe, {}).get(name) for name in names] for _, traces in members]
        tables[probe] = np.array(lines, np.float64)  # (N, F), None becomes NaN
    tables["file format"] = one_hot([traces.form for _, traces in members])
    tables["all of these together"] = np.concatenate(list(tables.values()), axis=1)
    tables["data set"] = one_hot([row.dataset for row in rows])
    counts = Counter(row.label for row in rows)
    findings = []
    for probe, values in tables.items():
        name = f"{kind.value}: {probe} tells the label"
        score = probe_score(values, labels, tied, seed)
        if score is None:
            why = f"{counts[0]} genuine and {counts[1]} fake files from {len(set(tied.tolist()))} sources are too few"
            findings.append(Finding(name, Outcome.NOT_CHECKED, None, limits.auc, why))
            continue
        detail = f"AUC {score.auc:.3f} ({score.low:.3f} to {score.high:.3f}), n = {len(rows)}"
        failed = score.auc > limits.auc and score.low > 0.5
        outcome = Outcome.FAILED if failed else Outcome.PASSED
        findings.append(Finding(name, outcome, round(score.auc, 4), limits.auc, detail))
    return findings


def _finding(name: str, value: float, limit: float, detail: str) -> Finding:
    return Finding(name, Outcome.FAILED if value > limit else Outcome.PASSED, round(value, 4), limit, detail)


def _some(items: list[str]) -> str:
    if not items:
        return "none"
    more = f"; and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(items[:_SHOWN]) + more
