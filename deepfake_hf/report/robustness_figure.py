"""Robustness curves: one small panel for each kind of damage, from clean to its strongest level (matplotlib)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deepfake_hf.report.style import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS: Final = 3
_PANEL_IN: Final = (3.3, 2.35)
# name: (label, colour, marker, dash): told apart without colour too
_LINES: Final = {
    "auc": ("AUC", LIGHT.lines[0], "o", "-"),
    "tpr": ("fakes called fake", LIGHT.fake, "s", "--"),
    "fpr": ("genuine called fake", LIGHT.real, "^", "-."),
    "scored": ("could be scored", LIGHT.muted, "", ":"),
}


@dataclass(frozen=True)
class Curve:
    """One panel.

    Args:
        title: Of the panel.
        ticks: (N,) what stands below each point.
        shares: By name of ``auc``, ``fpr``, ``tpr``, ``scored``: (N,) in [0, 1], None where there is none.
        intervals: By name, (N,) of (low, high) or None; drawn as a band.
    """

    title: str
    ticks: tuple[str, ...]
    shares: Mapping[str, tuple[float | None, ...]]
    intervals: Mapping[str, tuple[tuple[float, float] | None, ...]]


def robustness_figure(curves: Sequence[Curve], heading: str = "") -> Figure:
    """Draw the curves.

    Args:
        curves: At least one.
        heading: Above all panels: what was measured, and how many.

    Returns:
        A figure on white.
    """
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    size = (max(6.6, columns * _PANEL_IN[0]), rows * _PANEL_IN[1] + 0.8)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, curve in zip(panels, curves, strict=False):
        _panel(axes, curve)
    for axes in panels[len(curves) :]:
        axes.remove()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=len(names), frameon=False, fontsize=9,
        labelcolor=LIGHT.ink, title=heading or None, title_fontproperties={"size": 10, "weight": "bold"},
    )  # fmt: skip
    return figure


def _panel(axes: Axes, curve: Curve) -> None:
    axes.set_title(curve.title, loc="left", fontsize=9.5, fontweight="bold", color=LIGHT.ink)
    places = list(range(len(curve.ticks)))
    axes.set_xticks(places, curve.ticks)
    axes.set_xlim(-0.3, len(places) - 0.7)
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.grid(axis="y", color=LIGHT.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT.muted, labelsize=8.5, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LIGHT.grid)
    for name, (label, colour, marker, dash) in _LINES.items():
        heights = [float("nan") if share is None else share for share in curve.shares[name]]
        axes.plot(
            places, heights, dash, color=colour, marker=marker, markersize=4, linewidth=1.5, label=label,
            clip_on=False,
        )  # fmt: skip
        known = [(x, pair) for x, pair in zip(places, curve.intervals.get(name, ()), strict=False) if pair is not None]
        if known:
            axes.fill_between(
                [x for x, _ in known], [low for _, (low, _) in known], [high for _, (_, high) in known],
                color=colour, alpha=0.13, linewidth=0,
            )  # fmt: skip
