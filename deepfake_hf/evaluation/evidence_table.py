"""From rows of evidence to quantiles of genuine media and to what each measure does on fakes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from deepfake_hf.evaluation.bootstrap import intervals
from deepfake_hf.evaluation.evidence_samples import DEV, REFERENCE, TEST, Sample
from deepfake_hf.evaluation.metrics import auc
from deepfake_hf.evidence.frequency import SPECTRA, distance_from
from deepfake_hf.evidence.measures import LEVELS, TAIL
from deepfake_hf.evidence.spatial import TITLES
from deepfake_hf.labels import FAKE, REAL

MIN_REFERENCE: Final = 20
MIN_ITEMS: Final = 5  # of a class, for a row
# What decides whether a measure separates: family and how the fakes were made, the first that a measure has.
DECIDING: Final = (
    ("crops", "DFDC fakes"), ("clips", "face swaps"), ("speech", "vocoded speech"), ("recordings", "text to speech"),
)  # fmt: skip
# Set before anything was measured: a forgery trembles, slides, flickers and leaps more. Other sides come from dev.
_SIZED: Final = {m.name for m in TITLES} | {m.name for s in SPECTRA for m in (s.fall, s.distance)}
GIVEN_SIDES: Final = {
    name: 1 for name in ("landmark_jitter", "flow_gap", "flow_flicker", "score_jump", "score_largest_jump")
}


def curves_of(samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, Any]]]:
    """By spectrum and class of size: x, quantiles 0.05, 0.5 and 0.95 of genuine reference crops, and n."""
    held: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for spectrum in SPECTRA:
        x = [round(float(value), 4) for value in spectrum.take(np.zeros((224, 224)))[0]]
        by_size: dict[str, list[list[float]]] = defaultdict(list)
        for sample in samples:
            if spectrum.name in sample.curves:
                by_size[sample.bracket].append(sample.curves[spectrum.name])
        for bracket, curves in sorted(by_size.items()):
            low, middle, high = np.quantile(np.array(curves), (0.05, 0.5, 0.95), axis=0)
            named = {"low": low, "middle": middle, "high": high}
            rounded = {name: [round(float(value), 2) for value in values] for name, values in named.items()}
            held[spectrum.name][bracket] = {"n": len(curves), "x": x, **rounded}
    return dict(held)


def add_distances(samples: Sequence[Sample], curves: Mapping[str, Any]) -> None:
    """Give each row the distance of its spectra from genuine ones."""
    for sample in samples:
        for spectrum in SPECTRA:
            held = curves.get(spectrum.name, {}).get(sample.bracket)
            if held is not None and spectrum.name in sample.curves:
                band = (np.array(held[key]) for key in ("low", "middle", "high"))
                value = distance_from(np.array(sample.curves[spectrum.name]), *band)
                sample.values[spectrum.distance.name] = value


def bracket_for(name: str, sample: Sample) -> str:
    """The class of size that a measure is compared in; what moves and sounds has none."""
    return sample.bracket if name in _SIZED else ""


def reference_of(samples: Sequence[Sample], sources: Mapping[str, str]) -> dict[str, dict[str, dict[str, Any]]]:
    """By measure and class of size: the quantiles ``LEVELS`` of genuine reference media, n and where they are from.

    Args:
        samples: All rows. Of a measure that several families have, the first family of ``sources`` counts.
        sources: By family what its reference media are.
    """
    held: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for family, source in sources.items():
        values: dict[tuple[str, str], list[float]] = defaultdict(list)
        for sample in samples:
            if sample.part == REFERENCE and sample.label == REAL and sample.family == family:
                for name, value in sample.values.items():
                    values[name, bracket_for(name, sample)].append(value)
        taken = set(held)
        for (name, bracket), own in sorted(values.items()):
            if name not in taken and len(own) >= MIN_REFERENCE:
                quantiles = [float(f"{value:.5g}") for value in np.quantile(own, LEVELS)]
                held[name][bracket] = {"n": len(own), "source": source, "values": quantiles}
    return dict(held)


def measured_of(
    samples: Sequence[Sample], reference: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """By measure: its side, the deciding row, and all rows (:func:`row_of`)."""
    held = {}
    for name, tables in reference.items():
        own = [
            s for s in samples if name in s.values and bracket_for(name, s) in tables and np.isfinite(s.values[name])
        ]
        test = [sample for sample in own if sample.part == TEST]
        kinds = sorted({(sample.family, sample.fakes) for sample in test if sample.label == FAKE})
        deciding = next((kind for kind in DECIDING if kind in kinds), None)
        if deciding is None:
            continue
        side = GIVEN_SIDES.get(name) or _side([s for s in own if s.part == DEV and s.family == deciding[0]], name)
        rows = [row_of(name, side, test, kind, tables) for kind in kinds]
        kept = [row for row in rows if row is not None]
        first = next((row for row in kept if (row["family"], row["fakes"]) == deciding), None)
        if first is not None:
            held[name] = {"side": side, **first, "rows": kept}
    return held


def _side(dev: Sequence[Sample], name: str) -> int:
    """1 where fakes lie higher on dev, else -1; 1 where there is no dev."""
    labels = [sample.label for sample in dev]
    if len(set(labels)) < 2:
        return 1
    return 1 if auc(labels, [sample.values[name] for sample in dev]) >= 0.5 else -1


def row_of(
    name: str,
    side: int,
    test: Sequence[Sample],
    kind: tuple[str, str],
    tables: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any] | None:
    """One measure on one kind of fakes: AUC with its 95 % interval by groups, n, and shares beyond the limit.

    Args:
        name: Of the measure.
        side: 1 where fakes should lie higher, -1 lower.
        test: Rows that have the measure.
        kind: Family, and how the fakes were made.
        tables: Quantiles by class of size.
    """
    family, fakes = kind
    rows = [sample for sample in test if sample.family == family and sample.fakes in ("", fakes)]
    labels = np.array([sample.label for sample in rows])
    num = int((labels == REAL).sum()), int((labels == FAKE).sum())
    if min(num) < MIN_ITEMS:
        return None
    scores = side * np.array([sample.values[name] for sample in rows])
    place = LEVELS.index(1 - TAIL if side > 0 else TAIL)
    limits = side * np.array([tables[bracket_for(name, sample)]["values"][place] for sample in rows])
    beyond = scores > limits
    found = intervals(labels, scores, [sample.group for sample in rows])["auc"]
    return {
        "family": family, "fakes": fakes, "auc": round(auc(labels, scores), 4), "auc_95": [round(v, 4) for v in found],
        "n_genuine": num[0], "n_fake": num[1], "groups": len({sample.group for sample in rows}),
        "genuine_beyond": round(float(beyond[labels == REAL].mean()), 4),
        "fakes_beyond": round(float(beyond[labels == FAKE].mean()), 4),
    }  # fmt: skip
