"""The benchmark's record: ``bench.json``, the targets that it answers, and its tables."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deepfake_hf.evaluation.bench_timing import Row
from deepfake_hf.hub.bundle import Bundle
from deepfake_hf.inference.versions import machine, versions

SCHEMA_VERSION: Final = 1
# Group, name, sign and limit; what the project set itself on two cores.
TARGETS: Final = (
    ("whole", "times faster than naive, EfficientNet-B4 720p", ">=", 8.0, "x"),
    ("whole", "times faster than naive, EfficientNet-B4 1080p", ">=", 8.0, "x"),
    ("whole", "times real time 1080p", ">", 1.0, "x"),
    ("whole", "times real time, sound", ">=", 30.0, "x"),
    ("runtimes", "face, onnx fp32", "<=", 12.0, "ms a face"),
    ("runtimes", "speech with gate and overlap, torch fp32", "<=", 30.0, "ms a second"),
    ("memory", "60 min to 10 s", "<=", 1.3, "x"),
    ("memory", "60 min", "<", 1500.0, "MB"),
    ("start", "import deepfake_hf", "<", 0.2, "s"),
    ("start", "deepfake-hf --help", "<", 1.0, "s"),
    ("start", "first verdict on a picture", "<", 6.0, "s"),
)
_TITLES: Final = {
    "whole": "End to end",
    "runtimes": "Runtimes",
    "stages": "Stages",
    "start": "Start-up, in a new process",
    "memory": "Peak memory, in a new process",
    "scaling": "Batches and threads",
}


def targets(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each target that was measured: its limit, the median and whether it is met."""
    found = []
    for group, name, sign, limit, unit in TARGETS:
        row = next((row for row in rows if (row.group, row.name) == (group, name)), None)
        if row is None or row.median is None:
            continue
        value = row.median
        met = {">=": value >= limit, ">": value > limit, "<=": value <= limit, "<": value < limit}[sign]
        found.append(
            {"group": group, "name": name, "sign": sign, "limit": limit, "unit": unit, "median": value, "met": met}
        )
    return found


def record(
    rows: Sequence[Row], bundle: Bundle, device: str, settings: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """What ``bench.json`` holds."""
    return {
        "schema_version": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine(device), "cores": len(os.sched_getaffinity(0)), "load": round(os.getloadavg()[0], 2)},
        "commit": commit(),
        "versions": versions(),
        "bundle": {"name": bundle.label, "sha256": bundle.sha256},
        "settings": settings,
        "seconds": round(seconds, 1),
        "rows": [row.to_dict() for row in rows],
        "targets": targets(rows),
    }


def commit() -> str | None:
    """The checkout's commit, with ``+`` where files differ from it; None outside a checkout."""
    home = Path(__file__).resolve().parents[2]
    if not (home / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(home), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no").strip()
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def number(value: float) -> str:
    """Three figures: 0.123, 1.23, 12.3, 123, 1,234."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def caption(found: dict[str, Any]) -> str:
    """When, where and with what, in one line."""
    held = found["machine"]
    return (
        f"{found['date'][:10]}, {held['processor']}, {held['cores']} core{'s' if held['cores'] != 1 else ''} "
        f"({held['threads']} threads, load {held['load']} at the end), {held['device']}, "
        f"commit {found['commit'] or 'unknown'}, deepfake_hf {found['versions']['deepfake_hf']}, "
        f"torch {found['versions']['torch']}, weights {found['bundle']['name']}"
    )


def headline(found: dict[str, Any]) -> str:
    """What made it and each target that it answers, as Markdown."""
    lines = [f"Made by `deepfake-hf bench`: {caption(found)}. Medians of {found['settings']['rounds']} rounds in turn."]
    if found["targets"]:
        lines += ["", "| target | limit | measured | |", "|---|---|---|---|"]
    for row in found["targets"]:
        sign, unit = {">=": "≥", "<=": "≤"}.get(row["sign"], row["sign"]), _unit(row["unit"])
        held = "met" if row["met"] else "missed"
        lines.append(f"| {_name(row)} | {sign} {row['limit']:g}{unit} | {number(row['median'])}{unit} | {held} |")
    return "\n".join(lines) + "\n"


def markdown(found: dict[str, Any]) -> str:
    """The record as Markdown: targets first, then every row that was measured, then what was not and why."""
    lines = [headline(found)]
    for group, title in _TITLES.items():
        rows = [row for row in found["rows"] if row["group"] == group and row["n"]]
        if rows:
            lines += [f"| {title} | median | least to greatest | n |", "|---|---|---|---|"]
            for row in rows:
                spread = f"{number(row['min'])} to {number(row['max'])}" if row["n"] > 1 else "–"
                lines.append(f"| {row['name']} | {number(row['median'])}{_unit(row['unit'])} | {spread} | {row['n']} |")
            lines.append("")
    notes: dict[str, list[str]] = {}
    for row in found["rows"]:
        if row["note"]:
            notes.setdefault(row["note"], []).append(row["name"])
    lines += [f"- {', '.join(names)}: {note}" for note, names in notes.items()]
    return "\n".join(lines).rstrip() + "\n"


def has_place(page: str) -> bool:
    """Whether :func:`fill` would change a page."""
    return any(insert(page, "", name) is not None for name in _MARKS)


def fill(page: str, found: dict[str, Any]) -> str:
    """A page with the record between its marks: all of it where ``<!-- bench -->`` and ``<!-- /bench -->`` stand, the
    targets alone where ``<!-- targets -->`` and ``<!-- /targets -->`` do."""
    for name, table in _MARKS.items():
        filled = insert(page, table(found), name)
        page = page if filled is None else filled
    return page


def insert(page: str, table: str, name: str) -> str | None:
    """A page with what stands between ``<!-- name -->`` and ``<!-- /name -->`` replaced; None where they miss."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        return None
    return f"{page[: page.index(begin)]}{begin}\n{table.rstrip()}\n{page[page.index(end) :]}"


_MARKS: Final = {"bench": markdown, "targets": headline}


def _name(row: dict[str, Any]) -> str:
    return f"peak memory, {row['name']}" if row["group"] == "memory" else str(row["name"])


def _unit(unit: str) -> str:
    return "×" if unit == "x" else f" {unit}"
