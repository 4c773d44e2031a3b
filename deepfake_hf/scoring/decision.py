"""Operating points and the band that turns a calibrated score into a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_hf.errors import UsageError
from deepfake_hf.scoring.calibration import NullDistribution, sigmoid
from deepfake_hf.types import OperatingBand, Verdict

THRESHOLD_NAMES = ("fpr1", "fpr5")


@dataclass(frozen=True)
class BranchCalibration:
    """What a branch needs beside its model: the null distribution of genuine media, from which its limits follow.

    ``stretches`` says how far a second of genuine sound stands out (``scoring.stretches``), of a branch that looks for
    such seconds.
    """

    null: NullDistribution
    stretches: NullDistribution | None = None

    @property
    def operating_points(self) -> dict[str, float]:
        """P(fake) that 1 % and 5 % of genuine media reach: ``{"fpr1": …, "fpr5": …}``."""
        return {"fpr1": sigmoid(self.null.margin_at(0.01)), "fpr5": sigmoid(self.null.margin_at(0.05))}

    def to_arrays(self) -> dict[str, np.ndarray]:
        made = _arrays("null", self.null)
        return made if self.stretches is None else made | _arrays("stretches", self.stretches)

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> BranchCalibration:
        return cls(_null(arrays, "null"), _null(arrays, "stretches") if "stretches_margins" in arrays else None)


def _arrays(name: str, null: NullDistribution) -> dict[str, np.ndarray]:
    count = np.array([null.num_samples], np.int64)
    return {f"{name}_margins": null.margins, f"{name}_log_tail": null.log_tail, f"{name}_num_samples": count}


def _null(arrays: dict[str, np.ndarray], name: str) -> NullDistribution:
    count = int(arrays[f"{name}_num_samples"][0])
    return NullDistribution(arrays[f"{name}_margins"], arrays[f"{name}_log_tail"], count)


def parse_threshold(text: str | float | None) -> str | float:
    """Read ``--threshold``: ``fpr1`` (the default), ``fpr5`` or a number in (0, 1).

    Raises:
        UsageError: Anything else.
    """
    if text is None:
        return "fpr1"
    if isinstance(text, str) and text.strip().lower() in THRESHOLD_NAMES:
        return text.strip().lower()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < 1.0:
        raise UsageError(
            f"--threshold {text} cannot be used",
            "it is neither fpr1, fpr5 nor a probability between 0 and 1",
            "write --threshold fpr1, --threshold fpr5 or a number such as --threshold 0.8",
        )
    return value


def band(points: dict[str, float] | None, threshold: str | float) -> OperatingBand | None:
    """The limits in force.

    Args:
        points: ``{"fpr1": …, "fpr5": …}`` of the branch that decides; None where nothing was calibrated.
        threshold: as :func:`parse_threshold` gives it. ``fpr1``: fake at or above the FPR-1 % limit, real below the
            FPR-5 % one, uncertain between. ``fpr5``: fake at or above the FPR-5 % limit, real below it. A number X:
            fake at or above X, real below the lower of X and the FPR-5 % limit.

    Returns:
        None where a limit by name was asked for and there is no such limit. A number is the asker's own limit and
        holds without calibration too: fake at or above it, real below it.
    """
    if points is None:
        return OperatingBand(f"p>={threshold:g}", threshold, threshold) if isinstance(threshold, float) else None
    if threshold == "fpr5":
        return OperatingBand("fpr5", points["fpr5"], points["fpr5"])
    if isinstance(threshold, float):
        return OperatingBand(f"p>={threshold:g}", threshold, min(threshold, points["fpr5"]))
    return OperatingBand("fpr1", points["fpr1"], min(points["fpr1"], points["fpr5"]))


def decide(p_fake: float, limits: OperatingBand | None) -> Verdict:
    """The word for a score; without limits it is always ``uncertain``."""
    if limits is None:
        return Verdict.UNCERTAIN
    if p_fake >= limits.fake_at:
        return Verdict.FAKE
    return Verdict.REAL if p_fake < limits.real_below else Verdict.UNCERTAIN
