"""Figures of evidence: lines over the band of genuine media, and a mel spectrogram with marked seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from deepfake_hf.report.spectrogram import mel
from deepfake_hf.report.style import LIGHT, new_figure, plain_axes
from deepfake_hf.types import Plot, SoundPicture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_P: Final = LIGHT
_DASHES: Final = ("-", "--", ":", "-.")
_TICKS_HZ: Final = (250, 500, 1000, 2000, 4000, 8000)


def plot_figure(plot: Plot, width_in: float) -> Figure:
    """The lines (four at most), the band of genuine media behind them, marked stretches along the top."""
    figure = new_figure(width_in, 3.0 if plot.band is None and not plot.ticks else 3.3)
    axes = figure.subplots()
    plain_axes(axes, _P, plot.x_label, plot.y_label)
    if plot.band is not None:
        x, low, high = plot.band
        axes.fill_between(x, low, high, color=_P.real, alpha=0.18, linewidth=0, label=plot.band_label)
    for row, line in enumerate(plot.lines[: len(_DASHES)]):
        axes.plot(line.x, line.y, _DASHES[row], color=_P.lines[row], linewidth=1.6, label=line.label)
    if plot.band is not None:
        # the coarsest places tower over all others and would flatten what is of interest
        axes.set_xlim(plot.band[0][0], plot.band[0][-1])
    for start, end in plot.spans:
        axes.axvspan(start, end, color=_P.fake, alpha=0.18, linewidth=0)
    if plot.ticks:
        axes.set_xticks([at for at, _ in plot.ticks], [name for _, name in plot.ticks], rotation=45, ha="right")
    if len(plot.lines) > 1 or plot.band is not None:
        axes.legend(frameon=False, fontsize=9, labelcolor=_P.ink, loc="best")
    return figure


def sound_figure(sound: SoundPicture, spans: Sequence[tuple[float, float]], width_in: float) -> Figure:
    """A mel spectrogram.

    Args:
        sound: The strip.
        spans: Suspicious stretches in seconds, marked along the top.
        width_in: Inches.
    """
    figure = new_figure(width_in, 3.0)
    axes = figure.subplots()
    plain_axes(axes, _P, "seconds", "kHz", grid=False)
    bands, columns = sound.level_db.shape
    end_s = sound.start_s + columns * sound.step_s
    picture = axes.imshow(
        sound.level_db, aspect="auto", origin="lower", cmap="magma", extent=(sound.start_s, end_s, 0, bands),
        interpolation="none",
    )  # fmt: skip
    top = mel(sound.top_hz)
    ticks = [hz for hz in _TICKS_HZ if hz <= sound.top_hz]
    axes.set_yticks([bands * mel(hz) / top for hz in ticks], [f"{hz / 1000:g}" for hz in ticks])
    for start, finish in spans:
        axes.plot(
            [start, finish], [bands * 1.035] * 2, color=_P.fake, linewidth=5, solid_capstyle="butt", clip_on=False
        )
        for edge in (start, finish):
            axes.plot([edge, edge], [0, bands], color=_P.fake, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xlim(sound.start_s, end_s)
    axes.set_ylim(0, bands)
    if width_in > 6:
        scale = figure.colorbar(picture, ax=axes, pad=0.01, fraction=0.03)
        scale.set_label("dB", color=_P.muted, fontsize=10)
        scale.ax.tick_params(colors=_P.muted, labelsize=9.5, length=3)
        scale.outline.set_visible(False)
    return figure
