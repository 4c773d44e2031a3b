"""Curves of a training run, from the lines of its ``log.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf.errors import DataError
from deepfake_hf.report.style import LIGHT, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CLOCKS: Final = ("step", "epoch")
_UNDRAWN: Final = ("seconds", "size", *_CLOCKS)
_MARKERS: Final = "os^D"


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of ``run/log.jsonl`` that count steps or epochs.

    Raises:
        DataError: The file is not there, is no JSON lines, or counts nothing.
    """
    path = run / "log.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read", str(error), "name the folder of a training run") from None
    kept = [row for row in rows if isinstance(row, dict) and any(clock in row for clock in _CLOCKS)]
    if not kept:
        raise DataError(f"{path} has no curve", "no line says step or epoch", "name the folder of a training run")
    return kept


def training_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Losses in one panel; what lies in [0, 1], such as AUC and F1, in another; anything else in a third."""
    clock = next(clock for clock in _CLOCKS if any(clock in row for row in rows))
    numbers = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in _UNDRAWN and all(isinstance(row.get(name, 0.0), (int, float)) for row in rows)
    ]
    panels: dict[str, list[str]] = {"loss": [], "share": [], "other": []}
    for name in numbers:
        values = [float(row[name]) for row in rows if name in row]
        inside = all(0 <= value <= 1 for value in values)
        tiny = "lr" in name or "rate" in name
        panels["loss" if "loss" in name else "share" if inside and not tiny else "other"].append(name)
    shown = {title: names for title, names in panels.items() if names}
    figure = new_figure(4.4 * max(1, len(shown)), 3.3)
    axes_row = figure.subplots(1, max(1, len(shown)), squeeze=False)[0]
    for axes, (title, names) in zip(axes_row, shown.items(), strict=False):
        plain_axes(axes, LIGHT, clock, {"loss": "loss", "share": "on the part set aside", "other": "value"}[title])
        for place, name in enumerate(names):
            points = [(row[clock], row[name]) for row in rows if name in row and clock in row]
            axes.plot(
                [x for x, _ in points], [y for _, y in points], color=LIGHT.lines[place % 4], linewidth=1.6, label=name,
                marker=_MARKERS[place % 4] if len(points) < 40 else None, markersize=4,
            )  # fmt: skip
        axes.legend(frameon=False, fontsize=9, labelcolor=LIGHT.ink)
    return figure
