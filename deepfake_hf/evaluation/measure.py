"""From a scores table to everything that is said of it: ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.breakdown import (
    SMALL_CELL,
    Items,
    by_dataset,
    by_level,
    by_method,
    coverage,
    limit_of,
    margins,
    matrix,
    slices,
    threshold_text,
    worst,
)
from deepfake_hf.evaluation.comparison import compare
from deepfake_hf.evaluation.curves import all_curves
from deepfake_hf.evaluation.scores import Score, to_videos
from deepfake_hf.evaluation.selective import predictive_values, risk_coverage
from deepfake_hf.evaluation.tdcf import FORM, AsvScores, min_tdcf
from deepfake_hf.scoring.decision import THRESHOLD_NAMES

FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Wanted:
    """What beside the usual figures is asked for.

    Args:
        threshold: ``fpr1`` or ``fpr5``, the limits stored with the weights, or a number.
        slices: Columns to slice by.
        smallest: Items that a slice's share needs.
        prevalence: Share of fakes for the predictive value, in (0, 1).
        against: Another model's scores, by its name.
        models: Scores by what each model was trained on, for the matrix.
        asv: For min t-DCF.
    """

    threshold: str | float = "fpr1"
    slices: tuple[str, ...] = ()
    smallest: int = SMALL_CELL
    prevalence: float = 0.01
    against: Mapping[str, Sequence[Score]] | None = None
    models: Mapping[str, Sequence[Score]] | None = None
    asv: AsvScores | None = None


def measure(scores: Sequence[Score], wanted: Wanted) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and the points of the curves.

    Returns:
        What ``metrics.json`` holds; and by curve its points at video level.

    Raises:
        DataError: Nothing was scored in one of the classes.
    """
    videos = Items.of(to_videos(scores), wanted.threshold)
    found = videos.scored
    if not found.both_classes:
        raise DataError(
            "there is nothing to measure",
            f"of {len(videos.labels)} videos {int((found.labels == 0).sum())} genuine and "
            f"{int((found.labels == 1).sum())} fake ones were scored, and both classes are needed",
            "add media of the missing class, or look at the reasons in the scores table",
        )
    values, limits = margins(videos)
    methods = by_method(videos)
    called = {
        name: found.p_fake >= np.array([limit_of(score, name) for score in found.scores])
        for name in THRESHOLD_NAMES
        if all(getattr(score, name) is not None for score in found.scores)
    }
    if wanted.threshold not in called:
        called = {"in force": found.called, **called}
    metrics: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "threshold": threshold_text(videos.scores, wanted.threshold),
        "weights": sorted({score.weights for score in scores if score.weights}),
        "unit": "video; its key is (dataset, method, video)",
        "intervals": "95 %, bootstrap of 1000 draws of whole videos; shares of slices and operating points: Wilson",
        "levels": by_level(scores, wanted.threshold),
        "coverage": coverage(videos),
        "datasets": by_dataset(videos),
        "methods": methods,
        "worst_method": worst(methods),
        "risk_coverage_area": risk_coverage(videos.labels, values, limits).area,
        "operating_points": {
            "prevalence": wanted.prevalence,
            "points": predictive_values(found.labels, called, wanted.prevalence),
        },
        "slices": [slices(videos, column, wanted.smallest) for column in wanted.slices],
    }
    if wanted.asv is not None:
        value = min_tdcf(found.labels, found.p_fake, wanted.asv)
        metrics["min_tdcf"] = {"value": value, "form": FORM, "level": "video (utterance)"}
    if wanted.against:
        metrics["against"] = {name: compare(scores, other) for name, other in wanted.against.items()}
    if wanted.models:
        metrics["matrix"] = matrix(wanted.models)
    return metrics, all_curves(videos)
