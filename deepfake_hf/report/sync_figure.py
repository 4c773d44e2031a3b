"""Distance of lips and sound against the offset between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deepfake_hf.report.style import LIGHT, new_figure, plain_axes
from deepfake_hf.types import SyncCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_P: Final = LIGHT
CAPTION: Final = (
    "Mean distance between what the net makes of lips and of sound, in its own unit, for each offset in milliseconds: "
    "right of 0 the sound comes too early, left of 0 too late. The grey band holds 90 % of what the same sound gives "
    "in shuffled order. The net has learned from one speaker; a curve that stays in the band proves nothing."
)


def sync_figure(curve: SyncCurve) -> Figure:
    """The curve with its lowest point, and the band of shuffled sound."""
    figure = new_figure(4.4, 3.0)
    axes = figure.subplots()
    plain_axes(axes, _P, "offset of the sound (ms; positive: too early)", "mean distance (net's own unit)")
    axes.fill_between(
        curve.offsets_ms, curve.shuffled_low, curve.shuffled_high, color=_P.muted, alpha=0.22, linewidth=0,
        label="shuffled sound",
    )  # fmt: skip
    axes.plot(curve.offsets_ms, curve.distances, color=_P.lines[0], linewidth=1.8, label="this file")
    axes.axvline(0, color=_P.muted, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot([curve.best_ms], [curve.distances.min()], marker="D", markersize=7, color=_P.ink, zorder=5)
    axes.margins(x=0.02, y=0.18)
    right = curve.best_ms > 50
    axes.annotate(
        f"{curve.best_ms:+d} ms, p = {curve.p_value:.3f}" if curve.best_ms else f"0 ms, p = {curve.p_value:.3f}",
        (curve.best_ms, curve.distances.min()), xytext=(-8 if right else 8, -10), textcoords="offset points",
        ha="right" if right else "left", va="center", color=_P.ink, fontsize=10, fontweight="bold",
    )  # fmt: skip
    axes.set_xticks(range(-600, 601, 200))
    axes.legend(frameon=False, fontsize=9, labelcolor=_P.ink, loc="upper right")
    return figure
