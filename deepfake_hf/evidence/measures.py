"""What measures of a medium amount to: where they lie among genuine media, and whether they ever told a fake.

``reference.json`` holds quantiles of genuine media and what each measure did on fakes; ``deepfake-hf evidence-check``
writes it. A measure whose AUC is not clear of 0.5 there is shown as a fact without a strength.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.types import Finding, Strength

REFERENCE: Final = Path(__file__).with_name("reference.json")
LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TAIL: Final = 0.05  # of genuine media lies beyond the limit
WEAK_RATIO: Final = 1.5  # share of fakes beyond the limit over the share of genuine media there
MODERATE_RATIO: Final = 5.0
MIN_ITEMS: Final = 20  # of each class, for any strength
MODERATE_GENUINE: Final = 100  # fewer genuine media say too little of how few lie beyond a limit
_RANK: Final = (None, Strength.WEAK, Strength.MODERATE)
_NO_JUDGE: Final = "That the file is genuine or fake. Nothing here weighs in the verdict."


@dataclass(frozen=True)
class Measure:
    """One number that is taken of a medium: its key in the reference, its name and unit, and decimals shown."""

    name: str
    label: str
    unit: str
    digits: int = 1

    def text(self, value: float) -> str:
        return f"{value:.{self.digits}f} {self.unit}".strip()


@dataclass(frozen=True)
class Reading:
    """A measure's value for one face or the sound; ``bracket`` says which genuine media it is held against."""

    measure: Measure
    value: float
    who: str
    bracket: str = ""


@lru_cache(maxsize=1)
def reference() -> Mapping[str, Any]:
    """What ``reference.json`` says; empty parts where it is not there."""
    try:
        held: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        held = {}
    return {"reference": {}, "curves": {}, "measured": {}, **held}


def standing(reading: Reading) -> float | None:
    """The share of genuine media below the value, 0 to 1; None without a reference. Beyond the outer quantiles it is
    half of what lies outside them."""
    held = reference()["reference"].get(reading.measure.name, {}).get(reading.bracket)
    if held is None or not np.isfinite(reading.value):
        return None
    values = np.asarray(held["values"], np.float64)
    if reading.value < values[0]:
        return LEVELS[0] / 2
    if reading.value > values[-1]:
        return (1 + LEVELS[-1]) / 2
    return float(np.interp(reading.value, values, LEVELS))


def separates(measure: str) -> bool:
    """Whether the measure's AUC was clear of 0.5 and more fakes than genuine media lay beyond its limit."""
    held = reference()["measured"].get(measure)
    return held is not None and strength_of(held) is not None


def _ratio(held: Mapping[str, Any]) -> float:
    return float(held["fakes_beyond"]) / max(float(held["genuine_beyond"]), 1.0 / max(int(held["n_genuine"]), 1))


def strength_of(held: Mapping[str, Any]) -> Strength | None:
    """What lying beyond the limit of a measured row is worth; None where the row does not separate."""
    few = min(held["n_genuine"], held["n_fake"]) < MIN_ITEMS
    if few or held["auc_95"][0] <= 0.5 or _ratio(held) < WEAK_RATIO:
        return None
    strong = _ratio(held) >= MODERATE_RATIO and held["n_genuine"] >= MODERATE_GENUINE
    return Strength.MODERATE if strong else Strength.WEAK


def beyond_limit(reading: Reading) -> bool:
    """Whether the value lies where ``TAIL`` of genuine media and more of the fakes do."""
    held, place = reference()["measured"].get(reading.measure.name), standing(reading)
    if held is None or place is None:
        return False
    return place > 1 - TAIL if held["side"] > 0 else place < TAIL


def _place_text(reading: Reading) -> str:
    place = standing(reading)
    if place is None:
        return "no genuine media to hold it against"
    held = reference()["reference"][reading.measure.name][reading.bracket]
    of = f"of {held['n']:,} genuine" + (f", {reading.bracket}" if reading.bracket else "")
    if place < LEVELS[0]:
        return f"below 99 % {of}"
    if place > LEVELS[-1]:
        return f"above 99 % {of}"
    return f"above {100 * place:.0f} % {of}"


def measured_text(measure: Measure) -> str:
    """What the measure did on fakes, in a sentence."""
    held = reference()["measured"].get(measure.name)
    if held is None:
        return "not measured"
    low, high = held["auc_95"]
    return (
        f"AUC {held['auc']:.2f} ({low:.2f} to {high:.2f}) on {held['fakes']} (n = {held['n_fake']:,}) "
        f"against genuine (n = {held['n_genuine']:,}); {100 * held['fakes_beyond']:.0f} % of those fakes and "
        f"{100 * held['genuine_beyond']:.0f} % of genuine media lie beyond its limit"
    )


def finding_of(
    kind: str,
    title: str,
    readings: Sequence[Reading],
    means: str,
    does_not_mean: str = _NO_JUDGE,
    facts: Sequence[tuple[str, str]] = (),
) -> Finding:
    """One finding from its readings.

    Args:
        kind: Of the finding.
        title: Of the finding.
        readings: At least one.
        means: What such a trace comes from.
        does_not_mean: What nobody may conclude.
        facts: More of them; the readings come before them, what was measured on fakes after them.
    """
    measures = list(dict.fromkeys(reading.measure for reading in readings))
    able = [measure for measure in measures if separates(measure.name)]
    lying = [reading for reading in readings if reading.measure in able and beyond_limit(reading)]
    strength: Strength | None = None
    if lying:
        strength = max(
            (strength_of(reference()["measured"][reading.measure.name]) for reading in lying), key=_RANK.index
        )
        told = [
            f"{reading.who}: {reading.measure.label} {reading.measure.text(reading.value)}, {_place_text(reading)}"
            for reading in lying
        ]
        said = "unusual for genuine media. " + "; ".join(told)
    elif able and any(reading.measure in able and standing(reading) is not None for reading in readings):
        strength = Strength.NEUTRAL
        said = "nothing unusual: " + ", ".join(measure.label for measure in able) + " as in most genuine media"
    elif all(standing(reading) is None for reading in readings):
        said = "shown as a fact: there are no genuine media to hold it against"
    else:
        said = "shown as a fact, not judged: it has told fakes from genuine media hardly or not at all, or on too few"
    shown = [
        (f"{reading.who}, {reading.measure.label}", f"{reading.measure.text(reading.value)} ({_place_text(reading)})")
        for reading in readings
    ]
    measured = [(f"{measure.label}, on fakes", measured_text(measure)) for measure in measures]
    return Finding(kind, title, said, strength, means, does_not_mean, facts=(*shown, *facts, *measured))


def silent(kind: str, title: str, why: str) -> Finding:
    """A finding that abstains."""
    return Finding(kind, title, None, None, "", "", abstained=why)


def genuine_band(
    name: str, bracket: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int] | None:
    """A curve of genuine media: x, 5 % quantile, median and 95 % quantile, each float64 (N,), and how many media."""
    held = reference()["curves"].get(name, {}).get(bracket)
    if held is None:
        return None
    x, low, middle, high = (np.asarray(held[key], np.float64) for key in ("x", "low", "middle", "high"))
    return x, low, middle, high, int(held["n"])
