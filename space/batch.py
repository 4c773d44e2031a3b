"""Several files or a zip: what is in it, one row for each file, and the rows as CSV, JSON lines and HTML."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deepfake_hf import DetectionResult
from deepfake_hf.errors import UsageError
from deepfake_hf.report.page import Section, Table, write_page
from deepfake_hf.report.words import STATUS, WORDS, score_text
from space.limits import PageLimits

HEAD = ("File", "Reading", "P(fake)", "90 % interval", "Analysed", "Why")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Row:
    """One file: its result, or in words why there is none."""

    name: str
    result: DetectionResult | None
    failure: str = ""

    @property
    def scored(self) -> bool:
        return self.result is not None and self.result.p_fake is not None

    def cells(self) -> tuple[str, float | None, str, str, str]:
        """Reading, P(fake), interval, coverage and why."""
        if self.result is None:
            return "Failed", None, "", "", self.failure
        result = self.result
        word = WORDS[result.verdict] if result.verdict else STATUS[result.status]
        spread = f"{result.interval[0]:.3f} to {result.interval[1]:.3f}" if result.interval else ""
        score = None if result.p_fake is None else round(result.p_fake, 4)
        coverage = f"{100 * result.coverage:.0f} %" if result.p_fake is not None else ""
        return word, score, spread, coverage, "; ".join([result.reason, *result.warnings])


def unpack(paths: Sequence[str], folder: Path, limits: PageLimits) -> list[tuple[str, str]]:
    """Path and name of every file, those inside zips unpacked into ``folder``.

    Raises:
        UsageError: A zip is broken, encrypted or unpacks to more than the limits allow.
    """
    found: list[tuple[str, str]] = []
    left = int(limits.max_mb * 1e6)
    for path in paths:
        if Path(path).suffix.lower() == ".zip":
            inside, left = _unzip(Path(path), folder, limits, left)
            found += inside
        else:
            found.append((path, Path(path).name))
        if len(found) > limits.max_files:
            raise UsageError(
                f"{len(found)} files", f"a batch may hold {limits.max_files}", "take them in several batches"
            )
    if not found:
        raise UsageError("the batch", "it holds no file", "choose files or a zip of files")
    return found


def _unzip(path: Path, folder: Path, limits: PageLimits, left: int) -> tuple[list[tuple[str, str]], int]:
    found = []
    try:
        with zipfile.ZipFile(path) as packed:
            files = [entry for entry in packed.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
            if len(files) > limits.max_files:
                raise UsageError(
                    path.name, f"it holds {len(files)} files and a batch may hold {limits.max_files}",
                    "split it",
                )  # fmt: skip
            for place, entry in enumerate(files):
                # The name inside never becomes a path of ours: only its end, so that the kind can be seen.
                out = folder / f"{path.stem}-{place}{PurePosixPath(entry.filename).suffix[:8]}"
                with packed.open(entry) as source, out.open("wb") as target:
                    while block := source.read(_BLOCK):
                        left -= len(block)
                        if left < 0:
                            why = f"it unpacks to more than {limits.max_mb:g} MB"
                            raise UsageError(path.name, why, "split it")
                        target.write(block)
                found.append((str(out), entry.filename))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise UsageError(f"{path.name} can't be unpacked", why, "pack it again, without a password") from None
    return found, left


def _hidden(name: str) -> bool:
    parts = [part for part in PurePosixPath(name).parts if part != ".."]
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def write_rows(rows: Sequence[Row], folder: Path) -> tuple[Path, Path, Path]:
    """``results.csv``, ``results.jsonl`` and ``results.html`` in ``folder``."""
    table, lines, page = (folder / f"results.{kind}" for kind in ("csv", "jsonl", "html"))
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "reading", "p_fake", "interval", "analysed", "why"))
        for row in rows:
            # A cell that begins like a formula would be run by spreadsheets.
            cells = [row.name, *("" if cell is None else cell for cell in row.cells())]
            writer.writerow([f"'{cell}" if str(cell)[:1] in "=+-@\t" else cell for cell in cells])
    with lines.open("w", encoding="utf-8") as file:
        for row in rows:
            content = (
                row.result.to_dict() if row.result else {"path": row.name, "status": "failed", "reason": row.failure}
            )
            file.write(json.dumps(content, ensure_ascii=False) + "\n")
    scored = sum(row.scored for row in rows)
    body = tuple(
        (row.name, word, score_text(score) if row.scored else "none", spread, coverage, why)
        for row in rows
        for word, score, spread, coverage, why in [row.cells()]
    )
    write_page(
        page, "Batch of files", (("Files", str(len(rows))), ("Scored", str(scored))),
        (Section("Results", tables=(Table(HEAD, body, words=True),)),),
    )  # fmt: skip
    return table, lines, page
