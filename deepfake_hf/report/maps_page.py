"""The part of a page that shows heat maps: faces under their maps, a sound under its, and which kinds are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.report.page import Picture, Section, Thumbnails
from deepfake_hf.report.style import LIGHT, new_figure, plain_axes
from deepfake_hf.report.words import sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HALF: Final = 0.5
_N_FFT, _HOP, _RANGE_DB = 512, 160, 70.0


@dataclass(frozen=True)
class FaceMaps:
    """Of one kind, whose ``title`` and ``shows`` are for a lay reader: ``rows`` are frames and faces under their maps,
    a row a track; ``scale`` says what the colours stand for."""

    title: str
    shows: str
    scale: str
    rows: tuple[Thumbnails, ...]


@dataclass(frozen=True)
class SoundMap:
    """``values`` float32 (T,) in [0, 1] over ``waveform`` float32 (num_samples,), which begins at ``start_s``."""

    title: str
    shows: str
    scale: str
    values: NDArray[np.float32]
    waveform: NDArray[np.float32]
    sampling_rate: int
    start_s: float


@dataclass(frozen=True)
class CaseMaps:
    """The maps of one medium; ``off`` are sentences, one for each kind that is not shown."""

    faces: FaceMaps | None
    sound: SoundMap | None
    off: Sequence[str]


def maps_sections(maps: CaseMaps | None, widths_in: tuple[float, float]) -> list[Section]:
    """The maps, for a page of these two widths, and what is off; nothing where no map was asked for."""
    if maps is None:
        return []
    text = ["A map shows what this detector reacts to, not what was done to the file. It never weighs in the verdict."]
    rows: tuple[Thumbnails, ...] = ()
    pictures: tuple[Picture, ...] = ()
    scale = ""
    if maps.faces is not None:
        rows = maps.faces.rows
        if rows:
            scale = maps.faces.scale
            text.append(
                f"Faces: {maps.faces.title}. {maps.faces.shows} Each face's strongest place counts 1, so that a "
                "genuine face would have one too; outside the bright places nothing is proven genuine."
            )
        else:
            text.append("Every face is called real: no map is drawn, since even a genuine face has a strongest place.")
    if maps.sound is not None:
        broad, narrow = (_sound_figure(maps.sound, width) for width in widths_in)
        caption = (
            f"{maps.sound.shows} Above the spectrogram (black to white is {_RANGE_DB:g} dB), below the map "
            f"({maps.sound.scale}); shaded where it lies above {HALF:g}."
        )
        pictures = (Picture("sound-map", broad, f"Sound: {maps.sound.title}", caption, narrow),)
    found = []
    if rows or pictures or maps.faces is not None:
        title = "Where it reacts: heat maps"
        found.append(Section(title, tuple(text), pictures=pictures, thumbnails=rows, scale=scale))
    if maps.off:
        points = tuple(sentence(why) for why in maps.off)
        found.append(Section("Heat maps that are off, and why", points=points))
    return found


def _sound_figure(sound: SoundMap, width_in: float) -> Figure:
    """Spectrogram and map on the same seconds."""
    figure = new_figure(width_in, 3.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    plain_axes(above, LIGHT, "", "kHz", grid=False)
    plain_axes(below, LIGHT, "seconds", "0 to 1")
    end_s = sound.start_s + len(sound.waveform) / sound.sampling_rate
    level = _level_db(sound.waveform)
    nyquist_khz = sound.sampling_rate / 2000
    above.imshow(
        level, aspect="auto", origin="lower", cmap="magma", extent=(sound.start_s, end_s, 0, nyquist_khz),
        vmin=-_RANGE_DB, vmax=0.0, interpolation="none",
    )  # fmt: skip
    edges = np.linspace(sound.start_s, end_s, len(sound.values) + 1)
    below.stairs(sound.values, edges, color=LIGHT.lines[0], linewidth=1.6)
    below.axhline(HALF, color=LIGHT.muted, linewidth=0.8, linestyle="--")
    for begin_s, finish_s in _runs(sound.values >= HALF, edges):
        below.axvspan(begin_s, finish_s, color=LIGHT.fake, alpha=0.25, linewidth=0)
        above.plot([begin_s, finish_s], [nyquist_khz, nyquist_khz], color=LIGHT.fake, linewidth=6, clip_on=False)
    below.set_ylim(0, 1)
    below.set_xlim(sound.start_s, end_s)
    return figure


def _level_db(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """(257, T): level in dB under the loudest, of 32 ms every 10 ms at 16 kHz."""
    padded = np.pad(np.asarray(waveform, np.float64), (0, max(0, _N_FFT - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_N_FFT), axis=1)).T ** 2
    level = 10 * np.log10(np.maximum(power, 1e-12))
    return np.asarray(np.maximum(level - level.max(), -_RANGE_DB))


def _runs(marked: NDArray[np.bool_], edges: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Begin and end of each run of True; ``edges`` has one more entry than ``marked``."""
    turns = np.flatnonzero(np.diff(np.concatenate(([0], marked.astype(int), [0]))))
    return [(float(edges[begin]), float(edges[end])) for begin, end in zip(turns[::2], turns[1::2], strict=True)]
