"""Minimum t-DCF in the form of ASVspoof 2019 (legacy): what a detector costs or saves a speaker verification system."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.bootstrap import need_both_classes
from deepfake_hf.labels import FAKE

FORM = "ASVspoof 2019 (legacy): Pspoof 0.05, Ptar 0.9405, Pnon 0.0095, Cmiss_asv 1, Cfa_asv 10, Cmiss_cm 1, Cfa_cm 10"
_P_SPOOF, _P_TARGET, _P_NONTARGET = 0.05, 0.95 * 0.99, 0.95 * 0.01
_MISS_ASV, _FALSE_ASV, _MISS_CM, _FALSE_CM = 1.0, 10.0, 1.0, 10.0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AsvScores:
    """Scores of a speaker verification system, higher = the claimed speaker: (T,), (N,) and (S,)."""

    target: Floats
    nontarget: Floats
    spoof: Floats


def read_asv_scores(path: Path) -> AsvScores:
    """Read the file that ASVspoof 2019 gives out: ``source key score`` a line, key target, nontarget or spoof.

    Raises:
        DataError: The file cannot be read, a line is wrong, or a key is missing.
    """
    found: dict[str, list[float]] = {"target": [], "nontarget": [], "spoof": []}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read", str(error), "give the ASV scores of ASVspoof 2019") from None
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        try:
            found[fields[1]].append(float(fields[2]))
        except (IndexError, KeyError, ValueError):
            raise DataError(
                f"line {number} of {path}", f"{line!r} is not `source key score`", "keys are target, nontarget, spoof"
            ) from None
    missing = [key for key, scores in found.items() if not scores]
    if missing:
        raise DataError(f"{path}", f"it has no line with the key {missing[0]}", "give the whole file")
    return AsvScores(*(np.array(found[key]) for key in ("target", "nontarget", "spoof")))


def min_tdcf(labels: ArrayLike, scores: ArrayLike, asv: AsvScores) -> float:
    """Minimum over thresholds of the normalised tandem detection cost; 1 is a detector that helps nothing.

    Args:
        labels: (N,) REAL (bona fide) or FAKE (spoof).
        scores: (N,), higher = fake.
        asv: of the same trials.

    Raises:
        DataError: A class is missing, or the ASV system makes a negative cost (it rejects too much).

    Source: Kinnunen et al. 2018; ASVspoof 2019 evaluation plan. The ASV threshold is its own EER threshold.
    """
    need_both_classes(labels)
    fake, values = np.asarray(labels) == FAKE, np.asarray(scores, float)
    limit = _eer_threshold(asv)
    miss_asv, false_asv = float((asv.target < limit).mean()), float((asv.nontarget >= limit).mean())
    spoof_rejected = float((asv.spoof < limit).mean())
    c1 = _P_TARGET * (_MISS_CM - _MISS_ASV * miss_asv) - _P_NONTARGET * _FALSE_ASV * false_asv
    c2 = _FALSE_CM * _P_SPOOF * (1 - spoof_rejected)
    if c1 <= 0 or c2 <= 0:
        raise DataError(
            "min t-DCF cannot be computed",
            f"the weights of the ASV system are {c1:.3f} and {c2:.3f}, and both must be above 0",
            "use an ASV system that works better than chance and accepts some spoofs",
        )
    # A detector rejects what is at or over the limit; the last limit rejects nothing.
    limits = np.append(np.unique(values), np.inf)
    real, spoof = np.sort(values[~fake]), np.sort(values[fake])
    misses = 1 - np.searchsorted(real, limits, side="left") / len(real)
    accepted = np.searchsorted(spoof, limits, side="left") / len(spoof)
    return float(np.min(c1 * misses + c2 * accepted) / min(c1, c2))


def _eer_threshold(asv: AsvScores) -> float:
    """The threshold at which misses and false acceptances of the ASV system are nearest; accepts at or over it."""
    limits = np.unique(np.concatenate((asv.target, asv.nontarget)))
    misses = np.searchsorted(np.sort(asv.target), limits, side="left") / len(asv.target)
    accepted = 1 - np.searchsorted(np.sort(asv.nontarget), limits, side="left") / len(asv.nontarget)
    return float(limits[np.argmin(np.abs(misses - accepted))])
