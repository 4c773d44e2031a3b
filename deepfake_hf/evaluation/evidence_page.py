"""What ``evidence-check`` measured as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deepfake_hf.evidence.band_limit import BANDING, LIMIT, ROLL_OFF
from deepfake_hf.evidence.flow import FLICKER, GAP
from deepfake_hf.evidence.frequency import SPECTRA
from deepfake_hf.evidence.landmark_motion import JITTER
from deepfake_hf.evidence.measures import (
    LEVELS,
    MIN_ITEMS,
    MODERATE_GENUINE,
    MODERATE_RATIO,
    TAIL,
    WEAK_RATIO,
    Measure,
    strength_of,
)
from deepfake_hf.evidence.pauses import MEASURES as PAUSES
from deepfake_hf.evidence.score_jumps import JUMP, LARGEST
from deepfake_hf.evidence.spatial import TITLES
from deepfake_hf.evidence.voice import MEASURES as VOICE

GROUPS: Final[dict[str, tuple[Measure, ...]]] = {
    "Space": tuple(TITLES),
    "Time": (JUMP, LARGEST, JITTER, GAP, FLICKER),
    "Frequency": tuple(measure for spectrum in SPECTRA for measure in (spectrum.fall, spectrum.distance)),
    "Sound": (ROLL_OFF, LIMIT, BANDING, *VOICE, *PAUSES),
}
_INTRO: Final = f"""# Evidence beside the verdict, and what it is worth

The report shows what was taken of a medium beside its verdict, and where each figure lies among genuine media. None of
it can change a verdict. A figure gets a strength only where it told fakes from genuine media here: its AUC's 95 %
interval must lie above 0.5, and the share of fakes beyond its limit must be {WEAK_RATIO:g} times the share of genuine
media there or more (weak; from {MODERATE_RATIO:g} times on {MODERATE_GENUINE} genuine media or more, moderate). All
others are shown as facts without a strength, and so is whatever was measured on fewer than {MIN_ITEMS} of a class.
The limit is the quantile that {100 * TAIL:.0f} % of genuine reference media exceed on the side of the fakes. Made by

```
deepfake-hf synth self-blend CLIPS --until 3 --out BLEND      # and synth swap CLIPS --from OTHERS --until 3
deepfake-hf evidence-check --crops FACES --clips CLIPS --synth BLEND --synth SWAP \\
  --speech CACHE --recordings SPEECH --record --out runs/evidence
```

`runs/evidence/evidence.md` is the tables below; the quantiles themselves are in
`deepfake_hf/evidence/reference.json`, with n and source. The command is run again when the landmarks or the face
weights change.

**Media.** *Crops*: DFDC. Quantiles from genuine crops of `train`, in classes of the face's width; the side of the fakes
from the tenth of `train` set aside; figures on `validation`. *Crops saved twice*: genuine validation crops against
self-blends of them, both saved as JPEG once more. *Clips*: genuine clips of 3 s, written again by the encoder of
the fakes, their self-blends and landmark swaps; quantiles from other clips as they are. Nearly
all clips show GRID's speaker s1, the others five
people of LivePortrait's inputs: intervals draw clips, so they say nothing about other people, and a report on another
person is compared with one speaker's stillness. *Speech*: LibriSpeech stretches of 3 s against their copies by nine
vocoders (intervals draw speakers; copies have the pauses and the rate of the genuine). *Recordings*: whole LibriSpeech
recordings, up to 17 s, and text to speech where the cache has voices (intervals draw speakers and voices).

A row "not measured" means that fakes of its family were not run; its quantiles stand all the same.

**Sides.** What moves was given the side "more" before it was measured; all other sides were chosen on `dev`.
"""
_OUTRO: Final = """
## Blinks

A fact without a strength, always. The range in the report is published (Doughty 2001: 1.4 to 14.4 a minute while
reading, 8.0 to 21.0 at rest, 10.5 to 32.5 in conversation, 95 % intervals; Bentivoglio et al. 1997: means of 4.5, 17
and 26 in 150 subjects). No recording of 20 s or more is at hand, so neither the rate of missed blinks nor that of
false ones is known. The bundle's landmarks follow lids in part only: in eight genuine clips (five of LivePortrait's
inputs, three of GRID; 1,313 frames) the eyes' aspect ratio never fell below 0.76 of its median, while that of a closed
eye is near 0. So a dip to 0.9 of the running median counts as a blink, and small blinks are missed.
"""


def to_markdown(held: Mapping[str, Any], note: str = "") -> str:
    """The page.

    Args:
        held: ``reference``, ``curves`` and ``measured`` as in ``reference.json``.
        note: What there is to know of this run.
    """
    parts = [_INTRO, f"\n**This run.** {note}\n" if note else ""]
    for group, measures in GROUPS.items():
        rows = [line for measure in measures for line in _lines(measure, held["measured"].get(measure.name))]
        parts.append(f"\n## {group}\n\n")
        head = "| measure | fakes are | fakes | AUC (95 %) | n genuine / fake | beyond: genuine / fakes | shown as |"
        parts.append("\n".join([head, "| --- | --- | --- | --- | --- | --- | --- |", *rows]) + "\n")
        refs = [line for measure in measures for line in _quantiles(measure, held["reference"].get(measure.name))]
        levels = " | ".join(f"{100 * level:g} %" for level in LEVELS)
        head = f"| measure | of | n | {levels} |\n| --- | --- | --- |" + " --- |" * len(LEVELS)
        parts.append("\nQuantiles of genuine media:\n\n" + "\n".join([head, *refs]) + "\n")
    return "".join([*parts, _OUTRO])


def _lines(measure: Measure, held: Mapping[str, Any] | None) -> list[str]:
    name = f"{measure.label} ({measure.unit})" if measure.unit else measure.label
    if held is None:
        return [f"| {name} | | | not measured | | | a fact |"]
    lines = []
    for row in sorted(held["rows"], key=lambda one: one["fakes"] != held["fakes"]):
        low, high = row["auc_95"]
        first = row["fakes"] == held["fakes"] and row["family"] == held["family"]
        strength = strength_of(row)
        shown = strength.value if strength else "a fact"
        side = "higher" if held["side"] > 0 else "lower"
        lines.append(
            f"| {name if first else ''} | {side if first else ''} | {row['fakes']}, {row['family']} | "
            f"{row['auc']:.3f} ({low:.3f} to {high:.3f}) | {row['n_genuine']} / {row['n_fake']} | "
            f"{100 * row['genuine_beyond']:.1f} % / {100 * row['fakes_beyond']:.1f} % | {shown if first else ''} |"
        )
    return lines


def _quantiles(measure: Measure, tables: Mapping[str, Any] | None) -> list[str]:
    return [
        f"| {measure.label} | {bracket or 'all'} | {held['n']} | "
        + " | ".join(f"{value:.{measure.digits + 1}f}" for value in held["values"])
        + " |"
        for bracket, held in (tables or {}).items()
    ]
