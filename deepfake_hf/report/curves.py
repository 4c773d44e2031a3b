"""Pictures of an evaluation: each takes plain lists and gives a figure in the light palette (no display)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from scipy.stats import norm

from deepfake_hf.report.style import LIGHT, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_IN: Final = (4.4, 3.5)
_SHORT_NAME: Final = 24  # letters of a line of a legend
_DASHES: Final = ("-", "--", ":", "-.")
_DET_TICKS: Final = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
Curves = Mapping[str, Mapping[str, Any]]
_P = LIGHT


def confusion_figure(counts: Sequence[Sequence[int]], unscored: Sequence[int]) -> Figure:
    """Args: counts: 2 x 2, rows genuine and fake, columns called real and called fake. unscored: of each row."""
    columns = ["called real", "called fake"] + (["not scored"] if any(unscored) else [])
    table = [[*row, *([left] if any(unscored) else [])] for row, left in zip(counts, unscored, strict=True)]
    figure = new_figure(*SIZE_IN)
    axes = figure.subplots()
    for y, row in enumerate(table):
        for x, count in enumerate(row):
            share = count / max(1, sum(row))
            colour = _P.muted if x == 2 else (_P.lines[0] if x == y else _P.fake)
            axes.fill_between(
                [x - 0.48, x + 0.48], y - 0.46, y + 0.46, facecolor=colour, alpha=0.05 + 0.3 * share, linewidth=0
            )
            axes.text(x, y - 0.08, f"{count}", ha="center", va="center", color=_P.ink, fontsize=15)
            axes.text(x, y + 0.24, f"{100 * share:.1f} %", ha="center", va="center", color=_P.muted, fontsize=9.5)
    plain_axes(axes, _P, "", "", grid=False)
    axes.set_xticks(range(len(columns)), columns, color=_P.ink)
    axes.set_yticks([0, 1], ["genuine", "fake"], color=_P.ink)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_ylim(1.5, -0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def roc_figure(curves: Curves) -> Figure:
    """Hits against false alarms. Args: curves: by name ``x``, ``y`` and, of the first, ``at``: the limit in force."""
    figure, axes = _square("false alarms (share of genuine called fake)", "hits (share of fakes found)")
    axes.plot([0, 1], [0, 1], color=_P.grid, linewidth=1)
    _draw(axes, curves, steps=False)
    _mark(axes, next(iter(curves.values())).get("at"))
    _legend(axes, "lower right")
    return figure


def precision_recall_figure(curves: Curves) -> Figure:
    """Precision against recall; the dotted line is a detector that guesses."""
    figure, axes = _square("recall (share of fakes found)", "precision (right among called fake)")
    share = next(iter(curves.values()))["share_fake"]
    axes.axhline(share, color=_P.muted, linewidth=1, linestyle=(0, (1, 2)))
    axes.text(0.01, share - 0.03, "guessing", color=_P.muted, fontsize=9, va="top")
    _draw(axes, curves, steps=True)
    _legend(axes, "lower left")
    return figure


def det_figure(curves: Curves) -> Figure:
    """Misses against false alarms on normal-deviate axes, where Gaussian scores are straight (Martin et al. 1997)."""
    figure = new_figure(*SIZE_IN)
    axes = figure.subplots()
    plain_axes(axes, _P, "false alarms, %", "misses, %")
    places = norm.ppf(_DET_TICKS)
    names = [f"{100 * tick:g}" for tick in _DET_TICKS]
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    low, high = places[0], places[-1]
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.plot([low, high], [low, high], color=_P.grid, linewidth=1)
    bent = {
        name: {key: [float(min(max(v, low), high)) for v in norm.ppf(curve[key])] for key in ("x", "y")}
        for name, curve in curves.items()
    }
    _draw(axes, bent, steps=False)
    if all(x == low or y == low for curve in bent.values() for x, y in zip(curve["x"], curve["y"], strict=True)):
        text = "no errors to draw:\nsome limit parts the two classes"
        axes.text((low + high) / 2, low + (high - low) / 4, text, color=_P.muted, fontsize=9.5, ha="center")
    at = next(iter(curves.values())).get("at")
    _mark(axes, None if at is None else [float(min(max(v, low), high)) for v in norm.ppf(at)])
    _legend(axes, "upper right")
    return figure


def calibration_figure(curves: Curves) -> Figure:
    """Share of fakes against mean P(fake), with Wilson's 95 % intervals; the dots grow with their number of items.

    More than two curves, or one with a long name, are named beside the axes, not in them.
    """
    figure, axes = _square("P(fake), mean of the bin", "share of fakes in the bin")
    beside = len(curves) > 2 or max(map(len, curves)) > _SHORT_NAME
    axes.plot([0, 1], [0, 1], color=_P.muted, linewidth=1, linestyle=(0, (4, 3)))
    for place, (name, curve) in enumerate(curves.items()):
        rows, colour = curve["rows"], _P.lines[place % len(_P.lines)]
        most = max(row["n"] for row in rows)
        x = [row["p"] for row in rows]
        y = [row["share"] for row in rows]
        errors = [[r["share"] - r["low"] for r in rows], [r["high"] - r["share"] for r in rows]]
        bars = [[max(0.0, value) for value in side] for side in errors]
        axes.errorbar(x, y, bars, fmt="none", ecolor=colour, elinewidth=1.2, alpha=0.55)
        sizes = [14 + 70 * row["n"] / most for row in rows]
        named = "\n".join(wrap(name, _SHORT_NAME))
        axes.scatter(x, y, sizes, color=colour, marker="os^D"[place % 4], label=named, zorder=3)
    if beside:
        figure.set_size_inches(SIZE_IN[0] * 1.5, SIZE_IN[1])
        legend = axes.legend(
            loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9, labelcolor=_P.ink,
            handlelength=1.2, borderaxespad=0, labelspacing=1.4,
        )  # fmt: skip
        for handle in filter(None, legend.legend_handles):
            handle.set(sizes=[40])
    else:
        _legend(axes, "upper left")
    return figure


def histogram_figure(real: Sequence[float], fake: Sequence[float], limits: Sequence[float]) -> Figure:
    """P(fake) of genuine (below the line) and of fake items (above), as shares of their class, with the limits."""
    import numpy as np

    figure = new_figure(*SIZE_IN)
    axes = figure.subplots()
    plain_axes(axes, _P, "P(fake)", "share of the class")
    edges = np.linspace(0, 1, 31)
    tallest = 0.0
    for values, colour, name, sign in ((fake, _P.fake, "fake", 1), (real, _P.real, "genuine", -1)):
        if not len(values):
            continue
        shares = np.histogram(values, edges)[0] / len(values)
        tallest = max(tallest, float(shares.max()))
        label = f"{name}, n = {len(values)}"
        axes.bar(edges[:-1], sign * shares, 1 / 30, align="edge", color=colour, alpha=0.75, linewidth=0, label=label)
    axes.axhline(0, color=_P.muted, linewidth=0.8)
    for limit in limits:
        axes.axvline(limit, color=_P.ink, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlim(0, 1)
    axes.set_ylim(-1.18 * tallest, 1.32 * tallest)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(100 * value):.0f} %")
    _legend(axes, "upper left", columns=2)
    return figure


def risk_coverage_figure(curves: Curves) -> Figure:
    """Share of wrong verdicts when only the surest media are answered; what could not be scored is never answered."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _square("coverage (share of all media answered)", "risk (share of wrong verdicts)")
    top = max((value for curve in curves.values() for value in curve["y"]), default=0.0)
    axes.set_ylim(0, max(0.05, 1.15 * top))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    _draw(axes, curves, steps=True)
    _legend(axes, "upper left")
    return figure


def _square(x: str, y: str) -> tuple[Figure, Axes]:
    figure = new_figure(*SIZE_IN)
    axes = figure.subplots()
    plain_axes(axes, _P, x, y)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    return figure, axes


def _draw(axes: Axes, curves: Curves, steps: bool) -> None:
    for place, (name, curve) in enumerate(curves.items()):
        axes.plot(
            curve["x"], curve["y"], color=_P.lines[place % len(_P.lines)], linestyle=_DASHES[place % len(_DASHES)],
            linewidth=1.8, label=name, drawstyle="steps-post" if steps else "default", clip_on=False,
        )  # fmt: skip


def _mark(axes: Axes, at: Sequence[float] | None) -> None:
    if at is not None:
        axes.plot(
            [at[0]], [at[1]], marker="o", markersize=7, color=_P.fake, linestyle="none", label="limit in force",
            clip_on=False, zorder=4,
        )  # fmt: skip


def _legend(axes: Axes, place: str, columns: int = 1) -> None:
    axes.legend(
        loc=place, frameon=False, fontsize=9, labelcolor=_P.ink, handlelength=1.8, borderaxespad=0.3, ncols=columns,
        columnspacing=1.2,
    )  # fmt: skip
