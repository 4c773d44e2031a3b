"""Figures of a result (matplotlib, no display needed)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf.report.style import DARK, LIGHT, Palette, new_figure, svg_text
from deepfake_hf.scoring.aggregation import per_second
from deepfake_hf.scoring.decision import THRESHOLD_NAMES, band
from deepfake_hf.types import DetectionResult, MediaKind, OperatingBand, WindowScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = Mapping[str, Mapping[str, float]]
_PANEL_NAMES: Final = {"face": "Faces", "speech": "Sound"}
_MARKERS: Final = "osD^vP"
_DASHES: Final = ("-", "--", ":", "-.")
_MAX_ROWS_IN_LEGEND: Final = 6
# Zones differ in hatching and bear their names, lines in marker and dash: colour is never the only difference.


def timeline_figure(
    result: DetectionResult,
    *,
    operating_points: Points | None = None,
    dark: bool = False,
    width_in: float = 8.0,
    by_second: bool = False,
) -> Figure | None:
    """P(fake) of every window against seconds, one panel a branch, with the limits in force as shaded zones.

    Args:
        result: any result.
        operating_points: limits by branch and name (``Detector.operating_points()``). ``result.band`` is the deciding
            branch's; without this table a result with several scored branches is drawn without zones.
        dark: for a dark page.
        width_in: width in inches; text keeps its size, so a phone's figure is a narrow one.
        by_second: draw the line through one score a second, and the windows as pale dots behind it.

    Returns:
        A figure with a transparent ground, or None where the result has no windows (an abstention).
    """
    if not result.windows:
        return None
    palette = DARK if dark else LIGHT
    branches = list(dict.fromkeys(window.branch for window in result.windows))
    still = result.kind is MediaKind.IMAGE
    figure = new_figure(width_in, 0.5 + 2.35 * len(branches))
    panels = figure.subplots(len(branches), 1, sharex=True, squeeze=False)[:, 0]
    for axes, branch in zip(panels, branches, strict=True):
        windows = [window for window in result.windows if window.branch == branch]
        _dress(axes, palette, _PANEL_NAMES.get(branch, branch))
        _zones(axes, _limits(result, branch, len(branches), operating_points), palette)
        _segments(axes, result, branch, palette)
        if by_second and not still:
            _dots(axes, windows, palette)
            windows = list(per_second(windows))
        _lines(axes, windows, palette, still, width_in)
    if still:
        panels[-1].set_xticks([])
        panels[-1].set_xlim(-1, 1)
    else:
        end_s = max(result.duration_s or 0.0, *(window.end_s for window in result.windows), 0.1)
        panels[-1].set_xlim(0, end_s)
        panels[-1].set_xlabel("seconds", color=palette.muted, fontsize=9)
    return figure


def timeline_svg(
    result: DetectionResult, *, operating_points: Points | None = None, dark: bool = False, width_in: float = 8.0
) -> str | None:
    """The same as SVG text with its letters as outlines, so that it needs no font; None where there is no figure."""
    figure = timeline_figure(result, operating_points=operating_points, dark=dark, width_in=width_in)
    if figure is None:
        return None
    return svg_text(figure)


def _limits(
    result: DetectionResult, branch: str, num_branches: int, operating_points: Points | None
) -> OperatingBand | None:
    if result.band is None:
        return None
    if operating_points and branch in operating_points:
        by_name = result.band.name in THRESHOLD_NAMES
        return band(dict(operating_points[branch]), result.band.name if by_name else result.band.fake_at)
    return result.band if num_branches == 1 else None


def _dress(axes: Axes, palette: Palette, title: str) -> None:
    axes.set_facecolor("none")
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=palette.ink, pad=11)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylabel("P(fake)", color=palette.muted, fontsize=9)
    axes.tick_params(colors=palette.muted, labelsize=9, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.grid)


def _zones(axes: Axes, limits: OperatingBand | None, palette: Palette) -> None:
    if limits is None:
        return
    axes.axhspan(limits.fake_at, 1.02, facecolor=palette.fake, alpha=0.16, linewidth=0)
    axes.axhspan(-0.02, limits.real_below, facecolor=palette.real, alpha=0.10, linewidth=0)
    axes.axhline(limits.fake_at, color=palette.fake, linewidth=1.2)
    if limits.real_below < limits.fake_at:
        axes.axhspan(
            limits.real_below, limits.fake_at, facecolor="none", edgecolor=palette.grid, hatch="////", linewidth=0
        )
        axes.axhline(limits.real_below, color=palette.real, linewidth=1.2, linestyle=(0, (4, 3)))
    names = [("fake", limits.fake_at, 1.0, palette.fake), ("real", 0.0, limits.real_below, palette.real)]
    if limits.fake_at - limits.real_below >= 0.12:
        names.append(("uncertain", limits.real_below, limits.fake_at, palette.muted))
    placed: list[float] = []
    for name, low, high, colour in names:
        # Beside the panel and never on the data; a thin zone's name moves aside rather than onto another's.
        at = (low + high) / 2
        while any(abs(at - other) < 0.11 for other in placed):
            at -= 0.02
        placed.append(at)
        axes.annotate(
            name, (1.0, at), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
            va="center", ha="left", fontsize=9, color=colour, annotation_clip=False,
        )  # fmt: skip


def _segments(axes: Axes, result: DetectionResult, branch: str, palette: Palette) -> None:
    for segment in result.segments:
        if segment.branch == branch and segment.end_s > segment.start_s:
            axes.plot(
                [segment.start_s, segment.end_s], [1.05, 1.05], color=palette.fake, linewidth=5,
                solid_capstyle="butt", clip_on=False,
            )  # fmt: skip


def _dots(axes: Axes, windows: list[WindowScore], palette: Palette) -> None:
    for row, track in enumerate(dict.fromkeys(window.track for window in windows)):
        own = [window for window in windows if window.track == track and window.p_fake is not None]
        x = [(window.start_s + window.end_s) / 2 for window in own]
        heights = [window.p_fake for window in own if window.p_fake is not None]
        colour = palette.lines[row % len(palette.lines)]
        axes.plot(x, heights, "o", color=colour, alpha=0.3, markersize=3.6, markeredgewidth=0, label="_dots")


def _lines(axes: Axes, windows: list[WindowScore], palette: Palette, still: bool, width_in: float) -> None:
    tracks = list(dict.fromkeys(window.track for window in windows))
    for row, track in enumerate(tracks):
        own = [window for window in windows if window.track == track and window.p_fake is not None]
        heights = [window.p_fake for window in own if window.p_fake is not None]
        style: dict[str, Any] = {
            "color": palette.lines[row % len(palette.lines)],
            "marker": _MARKERS[row % len(_MARKERS)],
            "linestyle": _DASHES[row // len(palette.lines) % len(_DASHES)],
            "label": "sound" if track is None else f"face {track}",
        }
        if still:
            x = [(row + 1) / (len(tracks) + 1) * 2 - 1] * len(own)
            axes.plot(x, heights, **style | {"linestyle": "none", "markersize": 9})
        else:
            x = [(window.start_s + window.end_s) / 2 for window in own]
            few = len(own) <= 12 * width_in
            axes.plot(x, heights, **style, linewidth=1.5, markersize=4 if few else 0)
    if len(tracks) > 1:
        handles, names = axes.get_legend_handles_labels()
        shown = slice(0, _MAX_ROWS_IN_LEGEND)
        axes.legend(
            handles[shown], names[shown], loc="lower right", bbox_to_anchor=(1.0, 1.06), ncols=3, frameon=False,
            fontsize=9, labelcolor=palette.ink, borderaxespad=0.1, handlelength=1.6, columnspacing=1.0,
        )  # fmt: skip
