"""The benchmark as one picture on white."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf.evaluation.bench_record import caption, number
from deepfake_hf.report.style import LIGHT, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_P: Final = LIGHT
_OURS, _OTHER, _LIMIT = _P.real, _P.muted, _P.fake
Rows = Sequence[dict[str, Any]]


def write_figure(path: Path, found: dict[str, Any]) -> None:
    """Draw a record.

    Args:
        path: Of the PNG.
        found: As ``bench_record.record`` makes it; parts that were not measured have no panel.
    """
    panels = [panel for panel in _PANELS if panel[1](found["rows"])]
    columns = 2 if len(panels) > 1 else 1
    lines = max(1, -(-len(panels) // columns))
    figure = new_figure(6.4 * columns, 0.9 + 3.5 * lines)
    figure.set_facecolor("white")
    figure.set_layout_engine("constrained", h_pad=0.14, w_pad=0.12)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, (title, pick, draw) in zip(grid.flat, panels, strict=False):
        draw(axes, pick(found["rows"]))
        axes.set_title(title, color=_P.ink, fontsize=12, loc="left", fontweight="bold")
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    words = caption(found).split(", weights ")
    figure.supxlabel("\n".join([words[0], *(f"weights {rest}" for rest in words[1:])]), color=_P.muted, fontsize=8.5)
    figure.savefig(path, dpi=130)


def _group(rows: Rows, group: str, unit: str = "") -> list[dict[str, Any]]:
    return [row for row in rows if row["group"] == group and row["n"] and unit in ("", row["unit"])]


def _whole(rows: Rows) -> list[dict[str, Any]]:
    return [row for row in _group(rows, "whole", "s") if row["name"] != "sound"]


def _stages(rows: Rows) -> list[dict[str, Any]]:
    found = _group(rows, "stages")
    size = found[-1]["name"].rsplit(" ", 1)[1] if found else ""
    return [row for row in found if row["name"].endswith(f" {size}")]


def _runtimes(rows: Rows) -> list[dict[str, Any]]:
    return [row for row in _group(rows, "runtimes") if row["unit"] != "x"]


def _memory(rows: Rows) -> list[dict[str, Any]]:
    return [row for row in _group(rows, "memory", "MB") if "," not in row["name"]]


def _start(rows: Rows) -> list[dict[str, Any]]:
    return _group(rows, "start")


def _scaling(rows: Rows) -> list[dict[str, Any]]:
    return _group(rows, "scaling")


def _bars(axes: Axes, rows: Rows, x: str, limits: dict[str, float] | None = None) -> None:
    """Horizontal bars with their number and a whisker from the least to the greatest value; a tick at a limit."""
    limits = limits or {}
    most = max([row["max"] for row in rows] + list(limits.values()))
    for place, row in enumerate(rows):
        ours = not row["name"].startswith(("naive", "floor")) and "(random)" not in row["name"]
        axes.barh(place, row["median"], height=0.62, color=_OURS if ours else _OTHER, alpha=0.85)
        axes.plot([row["min"], row["max"]], [place, place], color=_P.ink, linewidth=1)
        end = max(row["max"], limits.get(row["name"], 0.0))
        axes.text(end + 0.012 * most, place, number(row["median"]), va="center", color=_P.ink, fontsize=9)
        if row["name"] in limits:
            axes.plot([limits[row["name"]]] * 2, [place - 0.4, place + 0.4], color=_LIMIT, linewidth=2)
    plain_axes(axes, _P, x, "", grid=False)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], color=_P.ink)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * most)


def _draw_whole(axes: Axes, rows: Rows) -> None:
    short = [{**row, "name": row["name"].replace("efficientnet_auto_att_b4", "AutoAttB4")} for row in rows]
    _bars(axes, short, "seconds for a clip of 10 s, less is better")


def _draw_stages(axes: Axes, rows: Rows) -> None:
    short = [{**row, "name": row["name"].rsplit(" ", 1)[0]} for row in rows]
    _bars(axes, short, f"seconds of each stage alone, 10 s of {rows[0]['name'].rsplit(' ', 1)[1]}")


def _draw_runtimes(axes: Axes, rows: Rows) -> None:
    short = [{**row, "name": row["name"].replace("with gate and overlap", "as detected")} for row in rows]
    _bars(axes, short, "milliseconds a face, or a second of sound")


def _draw_start(axes: Axes, rows: Rows) -> None:
    limits = {"import deepfake_hf": 0.2, "deepfake-hf --help": 1.0, "first verdict on a picture": 6.0}
    _bars(axes, rows, "seconds of a new process; orange: the limit", limits)


def _draw_memory(axes: Axes, rows: Rows) -> None:
    places = range(len(rows))
    peaks = [row["median"] for row in rows]
    axes.plot(places, peaks, color=_OURS, marker="o", linewidth=2)
    for place, peak in zip(places, peaks, strict=True):
        axes.annotate(number(peak), (place, peak), (0, 9), textcoords="offset points", ha="center", color=_P.ink)
    axes.axhline(1.3 * peaks[0], color=_LIMIT, linestyle="--", linewidth=1.2)
    axes.text(len(rows) - 1, 1.3 * peaks[0], "1.3 × the shortest", color=_LIMIT, ha="right", va="bottom", fontsize=9)
    plain_axes(axes, _P, "length of the video", "peak memory, MB")
    axes.set_xticks(list(places), [row["name"] for row in rows])
    axes.set_xlim(-0.4, len(rows) - 0.6)
    axes.set_ylim(0, 1.5 * max(peaks))


def _draw_scaling(axes: Axes, rows: Rows) -> None:
    series: dict[str, list[dict[str, Any]]] = {}
    most: list[float] = []
    for row in rows:
        series.setdefault(row["name"].rsplit(" ", 1)[0], []).append(row)
    marks = ("o", "s", "^", "D")
    for place, (name, line) in enumerate(series.items()):
        counts = [int(row["name"].rsplit(" ", 1)[1]) for row in line]
        shares = [line[0]["median"] / row["median"] for row in line]
        most += shares
        label = f"{name.replace(', ', ', by ')} (1 is {number(line[0]['median'])} {line[0]['unit']})"
        colour = _P.lines[place % len(_P.lines)]
        axes.plot(counts, shares, color=colour, marker=marks[place % len(marks)], label=label, linewidth=2)
    plain_axes(axes, _P, "size of the batch, or threads", "times as fast as the first")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_ylim(0, 1.12 * max(most))
    axes.legend(frameon=False, fontsize=9, labelcolor=_P.ink, loc="lower right")


_PANELS: Final = (
    ("End to end", _whole, _draw_whole),
    ("Where the time goes", _stages, _draw_stages),
    ("Runtimes", _runtimes, _draw_runtimes),
    ("Start-up", _start, _draw_start),
    ("Memory against length", _memory, _draw_memory),
    ("Batches and threads", _scaling, _draw_scaling),
)
