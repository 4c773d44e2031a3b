"""Where a score lies: on the scale with its limits, and among genuine media."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from deepfake_hf.report.style import LIGHT, new_figure, plain_axes
from deepfake_hf.report.words import score_text
from deepfake_hf.scoring.calibration import margin_of
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.types import OperatingBand

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_P: Final = LIGHT
_SHARES: Final = (0.01, 0.1, 1, 10, 100)


def score_figure(
    p_fake: float, interval: tuple[float, float] | None, band: OperatingBand | None, width_in: float
) -> Figure:
    """P(fake) on the scale from 0 to 1, its interval, and what is called real, uncertain and fake there."""
    figure = new_figure(width_in, 1.45)
    axes = figure.subplots()
    plain_axes(axes, _P, "P(fake)", "", grid=False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 2.1)
    if band is not None:
        axes.axvspan(0, band.real_below, 0, 0.48, facecolor=_P.real, alpha=0.22, linewidth=0)
        axes.axvspan(band.fake_at, 1, 0, 0.48, facecolor=_P.fake, alpha=0.28, linewidth=0)
        names = [("real", 0.0, band.real_below, _P.real), ("fake", band.fake_at, 1.0, _P.fake)]
        if band.real_below < band.fake_at:
            axes.axvspan(
                band.real_below, band.fake_at, 0, 0.48, facecolor="none", edgecolor=_P.grid, hatch="////", linewidth=0
            )
            names.append(("uncertain", band.real_below, band.fake_at, _P.muted))
        for name, low, high, colour in names:
            axes.axvline(low, 0, 0.48, color=colour, linewidth=1) if low else None
            if (high - low) * width_in > 0.09 * len(name):
                axes.text((low + high) / 2, 1.07, name, color=colour, ha="center", va="bottom", fontsize=9.5)
    if interval is not None:
        axes.plot(interval, [0.5, 0.5], color=_P.ink, linewidth=2.5, solid_capstyle="butt")
    axes.plot([p_fake], [0.5], marker="D", markersize=9, color=_P.ink, clip_on=False)
    place = "right" if p_fake > 0.9 else "left" if p_fake < 0.1 else "center"
    axes.text(
        p_fake,
        1.62,
        f"this file {score_text(p_fake)}",
        color=_P.ink,
        ha=place,
        va="bottom",
        fontsize=10,
        fontweight="bold",
    )
    return figure


def rarity_figure(calibration: BranchCalibration, p_fake: float | None, called: str) -> Figure:
    """What share of genuine calibration media reaches each score, with this file's score and the stored limits.

    Args:
        calibration: Of one branch.
        p_fake: The branch's score of this file; None leaves the mark out.
        called: What scores, such as ``faces``.
    """
    null = calibration.null
    scores = np.concatenate((np.linspace(0.002, 0.98, 150), 1 - np.geomspace(0.02, 0.0005, 60)))
    shares = np.array([100 * null.tail(float(margin)) for margin in margin_of(scores)])
    figure = new_figure(4.4, 3.0)
    axes = figure.subplots()
    plain_axes(axes, _P, f"P(fake) of {called}", "genuine media that reach it (%)")
    axes.plot(scores, shares, color=_P.lines[0], linewidth=1.8)
    for tail, name in ((1.0, "fpr1"), (5.0, "fpr5")):
        limit = calibration.operating_points[name]
        axes.plot([limit, limit], [_SHARES[0], tail], color=_P.fake if tail == 1 else _P.real, linestyle=(0, (4, 3)))
        axes.plot([0, limit], [tail, tail], color=_P.grid, linewidth=1)
        axes.text(0.015, tail * 1.1, f"{name}: {limit:.3f}", color=_P.muted, fontsize=9, va="bottom")
    if p_fake is not None:
        share = 100 * null.tail(float(margin_of(p_fake)))
        axes.plot([p_fake], [max(share, _SHARES[0])], marker="D", markersize=8, color=_P.ink, clip_on=False, zorder=5)
        axes.annotate(
            f"this file {score_text(p_fake)}", (p_fake, max(share, _SHARES[0])), xytext=(0.98, 0.93),
            textcoords="axes fraction", ha="right", va="center", color=_P.ink, fontsize=10, fontweight="bold",
            arrowprops={"arrowstyle": "-", "color": _P.muted, "linewidth": 0.8, "shrinkB": 6},
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(_SHARES[0], 130)
    axes.set_yticks(_SHARES, [f"{share:g}" for share in _SHARES])
    axes.minorticks_off()
    axes.set_xlim(0, 1)
    return figure
