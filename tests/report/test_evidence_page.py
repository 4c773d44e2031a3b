"""Evidence in the page: by kind, with its strength or without one, and its figures."""

from __future__ import annotations

import dataclasses

import numpy as np

from deepfake_hf.report.evidence_figures import plot_figure, sound_figure
from deepfake_hf.report.evidence_page import evidence_sections
from deepfake_hf.types import Finding, Plot, PlotLine, Segment, SoundPicture, Strength
from tests.report.test_detection_page import case, page_of

X = np.linspace(0, 0.5, 9)
PLOT = Plot(
    "spectrum", "frequency", "Spectrum <of> faces", "A caption.", "cycles per pixel", "mean power (dB)",
    (PlotLine("face 0", X, 30 - X), PlotLine("face 1", X, 20 - X)), (X, 10 - X, 40 - X), "90 % of 12 genuine faces",
)  # fmt: skip
SOUND = SoundPicture(np.linspace(-80, 0, 80 * 50).reshape(80, 50).astype(np.float32), 1.0, 0.1, 8000.0)
FINDINGS = (
    Finding("sound", "Voice", "a hoarse <b>voice</b>", None, "m", "n", facts=(("jitter", "2 %"),)),
    Finding("frequency", "Spectrum", "unusual", Strength.WEAK, "m", "n"),
    Finding("spatial", "Light", None, None, "", "", abstained="too little skin"),
    Finding("unheard of", "Else", "something", Strength.NEUTRAL, "m", "n"),
)


def test_each_kind_is_a_section_with_its_own_plots() -> None:
    sections = evidence_sections(case().result, FINDINGS, (PLOT,), SOUND, (10.0, 4.2))
    assert [section.title for section in sections] == [
        "Evidence: faces against their surround", "Evidence: frequency", "Evidence: sound", "Evidence: more",
    ]  # fmt: skip
    assert [[picture.name for picture in section.pictures] for section in sections] == [[], ["spectrum"], ["mel"], []]
    assert all("None of it weighs in the verdict" in section.text[0] for section in sections)
    assert evidence_sections(case().result, (), (PLOT,), SOUND, (10.0, 4.2)) == []


def test_the_page_says_what_has_no_strength_and_escapes() -> None:
    held = case()
    page = page_of(dataclasses.replace(held, findings=FINDINGS, plots=(PLOT,), sound=SOUND))
    for words in ("A fact without a strength", "Strength: weak", "Too little skin", "jitter: 2 %", ">Mel spectrogram<"):
        assert words in page, words
    assert "<b>voice" not in page and "&lt;b&gt;voice" in page and "Spectrum &lt;of&gt; faces" in page
    assert page_of(held).count("<svg") < page.count("<svg")


def test_the_plot_has_axes_units_and_the_genuine_band() -> None:
    axes = plot_figure(PLOT, 4.2).axes[0]
    assert axes.get_xlabel() == "cycles per pixel" and axes.get_ylabel() == "mean power (dB)"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["90 % of 12 genuine faces", "face 0", "face 1"]
    alone = plot_figure(dataclasses.replace(PLOT, lines=PLOT.lines[:1], band=None, ticks=((0.1, "fine"),)), 4.2).axes[0]
    assert alone.get_legend() is None and [label.get_text() for label in alone.get_xticklabels()] == ["fine"]


def test_suspicious_seconds_are_marked_in_the_mel_spectrogram() -> None:
    axes = sound_figure(SOUND, [(2.0, 3.5)], 10.0).axes[0]
    assert axes.get_xlim() == (1.0, 6.0) and axes.get_xlabel() == "seconds" and axes.get_ylabel() == "kHz"
    bars = [line for line in axes.lines if list(line.get_xdata()) == [2.0, 3.5]]
    assert len(bars) == 1 and not sound_figure(SOUND, [], 4.2).axes[0].lines
    result = dataclasses.replace(case().result, segments=(Segment(2.0, 3.5, "speech", None, 0.9),))
    [section] = evidence_sections(result, FINDINGS[:1], (), SOUND, (10.0, 4.2))
    marked = section.pictures[0].figure.axes[0].lines
    assert (
        any(list(line.get_xdata()) == [2.0, 3.5] for line in marked)
        and "bars along the top" in section.pictures[0].caption
    )
