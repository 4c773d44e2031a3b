"""The parts of a page that show evidence beside the verdict, one a kind: findings, plots, facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from deepfake_hf.report.evidence_figures import plot_figure, sound_figure
from deepfake_hf.report.page import Picture, Section, Table
from deepfake_hf.report.words import sentence
from deepfake_hf.types import DetectionResult, Finding, Plot, SoundPicture

_KINDS: Final = {
    "Evidence: the file": ("provenance", "container", "compression"),
    "Evidence: faces against their surround": ("spatial",),
    "Evidence: movement": ("temporal", "lip_sync"),
    "Evidence: frequency": ("frequency",),
    "Evidence: sound": ("sound",),
}
_OTHERS: Final = "Evidence: more"
_TEXT: Final = {
    "Evidence: the file": "What the file says about its own making.",
    "Evidence: faces against their surround": "Medians over up to 12 frames of each of the four faces seen most.",
    "Evidence: movement": "Up to the first minute of each of the four faces seen most, at most 31 frames a second.",
    "Evidence: frequency": "How fine detail falls off in the faces, beside genuine faces of the same size.",
    "Evidence: sound": "The sound at 16 kHz, beside genuine recordings of read speech.",
}
_NO_WEIGHT: Final = "None of it weighs in the verdict."


def evidence_sections(
    result: DetectionResult,
    findings: Sequence[Finding],
    plots: Sequence[Plot],
    sound: SoundPicture | None,
    widths_in: tuple[float, float],
    drawn: Mapping[str, tuple[Picture, ...]] | None = None,
) -> list[Section]:
    """Sections in order, those without findings left out.

    Args:
        result: Whose suspicious seconds are marked in the sound.
        findings: Of all kinds.
        plots: Each goes with the findings of its kind.
        sound: The mel spectrogram.
        widths_in: Of a picture across the page, and on a phone.
        drawn: By kind, pictures that are ready.
    """
    named = {kind for kinds in _KINDS.values() for kind in kinds}
    groups = [*_KINDS.items(), (_OTHERS, tuple(sorted({item.kind for item in findings} - named)))]
    sections = []
    for title, kinds in groups:
        own = [item for item in findings if item.kind in kinds]
        ready = tuple(picture for kind in kinds for picture in (drawn or {}).get(kind, ()))
        if not own and not ready:
            continue
        pictures = (*(_picture(plot, widths_in) for plot in plots if plot.kind in kinds), *ready)
        if "sound" in kinds and sound is not None:
            pictures = (_spectrogram(result, sound, widths_in), *pictures)
        text = " ".join(filter(None, (_TEXT.get(title), _NO_WEIGHT)))
        sections.append(Section(title, (text,), tables=_tables(own) if own else (), pictures=pictures))
    return sections


def _tables(findings: Sequence[Finding]) -> tuple[Table, ...]:
    rows = []
    for item in findings:
        if item.finding is None:
            rows.append((item.title, f"No answer\n{sentence(item.abstained or '')}", "", ""))
        else:
            strength = f"Strength: {item.strength.value}" if item.strength else "A fact without a strength"
            rows.append((item.title, f"{sentence(item.finding)}\n{strength}", item.means, item.does_not_mean))
    tables = [Table(("Evidence", "Finding", "What it means", "What it does not mean"), tuple(rows), words=True)]
    facts = [
        ("" if place else item.title, f"{name}: {value}")
        for item in findings
        for place, (name, value) in enumerate(item.facts)
    ]
    if facts:
        tables.append(Table(("Evidence", "Value"), tuple(facts), "Facts", words=True))
    return tuple(tables)


def _picture(plot: Plot, widths_in: tuple[float, float]) -> Picture:
    return Picture(plot.name, plot_figure(plot, widths_in[1]), plot.title, plot.caption)


def _spectrogram(result: DetectionResult, sound: SoundPicture, widths_in: tuple[float, float]) -> Picture:
    spans = [
        (segment.start_s, segment.end_s)
        for segment in result.segments
        if segment.track is None and segment.end_s > segment.start_s
    ]
    caption = "Level in 80 mel bands under the loudest (dB), up to 8 kHz. The sound branch found " + (
        "nothing suspicious." if not spans else "the stretches suspicious that the bars along the top mark."
    )
    broad, narrow = (sound_figure(sound, spans, width) for width in widths_in)
    return Picture("mel", broad, "Mel spectrogram", caption, narrow)
