"""The page of a scan: what was found, what to look at first, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from deepfake_hf.report.page import Card, Picture, Section, Table, write_page
from deepfake_hf.report.style import LIGHT, new_figure, plain_axes
from deepfake_hf.report.words import STATUS, score_text, sentence
from deepfake_hf.scan.summary import BINS, SHOWN, Summary
from deepfake_hf.types import Status, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS: Final = {"video": "Videos", "image": "Pictures", "audio": "Sound files", "unknown": "Unknown"}
_OWN: Final = {
    "timeout": "It took too long",
    "memory": "It took too much memory",
    "crashed": "The worker died over it",
    "failed": "The analysis failed",
    "unfetched": "It could not be fetched",
}
_VERDICTS: Final = (Verdict.FAKE.value, Verdict.UNCERTAIN.value, Verdict.REAL.value)


def write_scan_page(path: Path, summary: Summary, about: Mapping[str, Any]) -> None:
    """Raises: UsageError: The page cannot be written."""
    facts = (
        ("Results", str(path.parent)),
        ("Weights", str(about["weights"])),
        ("Operating point", str(about["operating_point"])),
        ("Frames", f"sampling {about['sampling']}, runtime {about['runtime']}"),
        ("Written", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by deepfake_hf {about['library_version']}"),
    )
    write_page(path, "Scan", facts, scan_sections(summary))


def scan_sections(summary: Summary) -> tuple[Section, ...]:
    """All parts of the page, in order."""
    parts = [_overview(summary), _top(summary), _failed(summary)]
    return tuple(part for part in parts if part is not None)


def word_text(word: str) -> str:
    """A verdict, a status or a scan's own error in words."""
    if word in _OWN:
        return _OWN[word]
    return word.capitalize() if word in _VERDICTS else STATUS[Status(word)]


def _overview(summary: Summary) -> Section:
    words = summary.words
    silent = sum(count for word, count in words.items() if word not in _VERDICTS)
    extra = f"{_number(summary.duplicates)} copies, {_number(summary.errors)} errors"
    cards = [Card("Files", _number(summary.files + summary.errors), extra)]
    cards += [Card(word.capitalize(), _number(words[word]), _share(words[word], summary.files)) for word in _VERDICTS]
    cards.append(Card("No verdict", _number(silent), "no face, no speech, too short, …"))
    others = sorted(word for word in words if word not in _VERDICTS)
    head = ("Kind", "Files", *(word.capitalize() for word in _VERDICTS), *(word_text(word) for word in others))
    rows = [
        (_KINDS.get(kind, kind), *map(_number, (counts.total(), *(counts[w] for w in (*_VERDICTS, *others)))))
        for kind, counts in sorted(summary.kinds.items())
    ]
    tables = (Table(head, tuple(rows), title="By kind"),) if rows else ()
    pictures = (
        (
            Picture(
                "scores",
                _histogram(summary),
                "Scores",
                "How many files, copies included, have which P(fake), stacked by verdict. Where a verdict begins "
                "depends on the branch that decided, so verdicts can share a step.",
            ),
        )
        if summary.bins
        else ()
    )
    text = (
        f"{_amount(summary.size_bytes)} of media, {_length(summary.media_s)} of video and sound; the workers took "
        f"{_length(summary.worker_s)} for it.",
    )
    return Section("What was found", text=text, cards=tuple(cards), tables=tables, pictures=pictures)


def _top(summary: Summary) -> Section | None:
    if not summary.top:
        return None
    rows = tuple(
        (
            f"{Path(row['path']).name}\n{row['path']}",
            str(row["verdict"]).capitalize(),
            score_text(row["p_fake"]),
            _length(row["duration_s"]) if row["duration_s"] else "",
        )
        for row in summary.top
    )
    note = f"The {len(rows)} highest scores, copies left out." if len(rows) == SHOWN else "Copies are left out."
    table = Table(("File", "Verdict", "P(fake)", "Length"), rows, note=note, words=True)
    return Section("Look at these first", tables=(table,))


def _failed(summary: Summary) -> Section | None:
    if not summary.errors:
        return None
    counts = tuple((word_text(word), _number(count)) for word, count in summary.reasons.most_common())
    rows = tuple(
        (
            f"{Path(row['path']).name}\n{row['path']}",
            word_text(row["status"]),
            f"{sentence(row['why'])}\n{sentence(row['mend'])}",
        )
        for row in summary.failed
    )
    more = f"The first {SHOWN}; the parquet parts in errors/ hold all." if summary.errors > SHOWN else ""
    tables = (
        Table(("Reason", "Files"), counts, title="By reason"),
        Table(("File", "Reason", "Why, and how to mend it"), rows, title="Files", note=more, words=True),
    )
    return Section("What went wrong", tables=tables)


def _histogram(summary: Summary) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(6.4, 2.6)
    axes = figure.subplots()
    plain_axes(axes, LIGHT, "P(fake)", "files")
    left = np.arange(BINS) / BINS
    base = np.zeros(BINS)
    looks: dict[str, dict[str, Any]] = {
        "real": {"facecolor": LIGHT.real},
        "uncertain": {"facecolor": "none", "edgecolor": LIGHT.muted, "hatch": "////", "linewidth": 0.8},
        "fake": {"facecolor": LIGHT.fake},
    }
    for word, look in looks.items():
        counts = np.array(summary.bins.get(word, [0] * BINS))
        if counts.any():
            axes.bar(left, counts, 0.88 / BINS, bottom=base, align="edge", label=word, **look)
        base = base + counts
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.legend(frameon=False, labelcolor=LIGHT.muted, fontsize=9.5, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} % of those answered" if of else ""


def _amount(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
