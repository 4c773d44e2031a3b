"""Colours of figures, and figures as SVG text."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Palette:
    """Colours as ``#rrggbb``. Colour is never the only difference: lines differ in dash, marks in shape."""

    ink: str
    muted: str
    grid: str
    fake: str
    real: str
    lines: tuple[str, ...]


LIGHT: Final = Palette(
    "#1f2430", "#596070", "#dfe2e8", "#c2410c", "#0f766e", ("#2f4b9c", "#a0307a", "#8a6100", "#236b3b")
)
DARK: Final = Palette(
    "#eceef3", "#a7afbe", "#3a4150", "#fb923c", "#2dd4bf", ("#93b4ff", "#f19bd3", "#e5c15a", "#8fd6a4")
)


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure with a transparent ground, without a display."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained", facecolor="none")


def plain_axes(axes: Axes, palette: Palette, x: str, y: str, grid: bool = True) -> None:
    """Axes with two thin lines, names and quiet numbers."""
    axes.set_facecolor("none")
    axes.set_xlabel(x, color=palette.muted, fontsize=10)
    axes.set_ylabel(y, color=palette.muted, fontsize=10)
    axes.tick_params(colors=palette.muted, labelsize=9.5, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.grid)
    if grid:
        axes.grid(color=palette.grid, linewidth=0.6)
        axes.set_axisbelow(True)


def svg_text(figure: Figure) -> str:
    """A figure as SVG with its letters as outlines, so that it needs no font."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "deepfake_hf"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """A figure drawn in ``LIGHT`` for an HTML page that sets the colours itself, so that one drawing serves both modes.

    Args:
        figure: To draw.
        name: A word that sets its ids apart from those of the page's other figures.
        label: What it shows, for those who cannot see it.

    Returns:
        ``<svg …>`` whose colours are ``var(--fig-ink)``, ``--fig-muted``, ``--fig-grid``, ``--fig-fake``,
        ``--fig-real`` and ``--fig-line0`` to ``3``.
    """
    text = svg_text(figure)
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, variable in css_variables(LIGHT).items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    said = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)  # the page says how wide it is; viewBox keeps the shape
    head = head.replace("<svg", f'<svg role="img" aria-label="{said}"', 1)
    return f"{head}>{rest}"


def css_variables(palette: Palette) -> dict[str, str]:
    """By colour the name of its CSS variable."""
    named = {getattr(palette, f.name): f"--fig-{f.name}" for f in fields(palette) if f.name != "lines"}
    return named | {colour: f"--fig-line{place}" for place, colour in enumerate(palette.lines)}
