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


def training_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """By title: losses; what lies in [0, 1], such as AUC and F1; anything else, each against steps (or epochs)."""
    clock = next(clock for clock in _CLOCKS if any(clock in row for row in rows))
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in _UNDRAWN and all(isinstance(row.get(name, 0.0), (int, float)) for row in rows)
    ]
    kinds: dict[str, list[str]] = {"Loss": [], "Figures on the part set aside": [], "Settings and others": []}
    for name in names:
        inside = all(0 <= row[name] <= 1 for row in rows if name in row)
        setting = "lr" in name or "rate" in name
        place = 0 if "loss" in name else 1 if inside and not setting else 2
        kinds[list(kinds)[place]].append(name)
    return {title: _panel(rows, clock, own) for title, own in kinds.items() if own}


def _panel(rows: Sequence[Mapping[str, Any]], clock: str, names: Sequence[str]) -> Figure:
    figure = new_figure(4.4, 3.3)
    axes = figure.subplots()
    plain_axes(axes, LIGHT, clock, "")
    for place, name in enumerate(names):
        points = [(row[clock], row[name]) for row in rows if name in row and clock in row]
        axes.plot(
            [x for x, _ in points], [y for _, y in points], color=LIGHT.lines[place % 4], linewidth=1.6, label=name,
            marker=_MARKERS[place % 4] if len(points) < 40 else None, markersize=4,
        )  # fmt: skip
    axes.legend(frameon=False, fontsize=9, labelcolor=LIGHT.ink)
    return figure
