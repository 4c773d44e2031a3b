"""The figures of a robustness run as Markdown, CSV, JSON and curves."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.robustness import CLEAN, StepFigures
from deepfake_hf.report.robustness_figure import Curve

TABLE: Final = "table.json"


def value_text(row: StepFigures) -> str:
    """For example ``13``, ``0.35``; nothing for clean media."""
    return "" if row.value is None else f"{row.value:g}"


def to_markdown(rows: Sequence[StepFigures]) -> str:
    """A table: one row a step, 95 % intervals in brackets."""
    lines = [
        "| perturbation | value | genuine | fake | scored | AUC | AUC of the same, clean "
        "| genuine called fake | fakes called fake | verdicts flipped |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = CLEAN if row.step == CLEAN else f"{row.title}, {row.unit}"
        cells = [
            name,
            value_text(row) or "–",
            str(row.n_real),
            str(row.n_fake),
            f"{row.scored:.2f}",
            _with(row.auc, row.auc_95),
            "–" if row.auc_clean is None else f"{row.auc_clean:.3f}",
            _with(row.fpr, row.fpr_95),
            _with(row.tpr, row.tpr_95),
            "–" if row.flips is None else f"{_with(row.flips, row.flips_95)} +{row.to_fake} −{row.from_fake}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _with(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def to_csv(rows: Sequence[StepFigures]) -> str:
    """The same with every number in a column of its own: ``auc_low``, ``auc_high`` and so on."""
    file = io.StringIO()
    plain = [_flat(row) for row in rows]
    writer = csv.DictWriter(file, list(plain[0]))
    writer.writeheader()
    writer.writerows(plain)
    return file.getvalue()


def _flat(row: StepFigures) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if field.name.endswith("_95"):
            stem = field.name.removesuffix("_95")
            flat[f"{stem}_low"], flat[f"{stem}_high"] = (None, None) if value is None else value
        elif field.name == "statuses":
            flat["statuses"] = " ".join(f"{name}={count}" for name, count in (value or {}).items())
        else:
            flat[field.name] = value
    return flat


def to_json(rows: Sequence[StepFigures], settings: Mapping[str, Any]) -> str:
    """Settings and rows."""
    plain = {"settings": dict(settings), "rows": [dataclasses.asdict(row) for row in rows]}
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def middle_rows(folder: Path) -> dict[str, Any]:
    """Of the ``table.json`` in the folder of a run: its ``weights``, the clean row, and of each ladder the step in its
    middle, as :class:`~deepfake_hf.evaluation.robustness.StepFigures` in plain numbers.

    Raises:
        DataError: There is no such table.
    """
    try:
        table = json.loads((folder / TABLE).read_text(encoding="utf-8"))
        weights, rows = table["settings"]["weights"], table["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"no robustness table in {folder}", str(error), "run deepfake-hf robustness --out there"
        ) from None
    ladders: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        ladders.setdefault(row["title"], []).append(row)
    return {"weights": weights, "rows": [steps[len(steps) // 2] for steps in ladders.values()]}


def to_curves(rows: Sequence[StepFigures]) -> list[Curve]:
    """One curve a ladder, each beginning with the clean media."""
    clean = next((row for row in rows if row.step == CLEAN), None)
    by_title: dict[tuple[str, str], list[StepFigures]] = {}
    for row in rows:
        if row.step != CLEAN:
            by_title.setdefault((row.title, row.unit), []).append(row)
    curves = []
    for (title, unit), own in by_title.items():
        shown = own if clean is None else [clean, *own]
        curves.append(
            Curve(
                f"{title}, {unit}",
                tuple(value_text(row) or CLEAN for row in shown),
                {
                    "auc": tuple(row.auc for row in shown),
                    "fpr": tuple(row.fpr for row in shown),
                    "tpr": tuple(row.tpr for row in shown),
                    "scored": tuple(row.scored for row in shown),
                },
                {name: tuple(getattr(row, f"{name}_95") for row in shown) for name in ("auc", "fpr", "tpr")},
            )
        )
    return curves
