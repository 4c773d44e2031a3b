"""Two models on the same videos: DeLong's test on the AUC, paired bootstrap on every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.scores import Score, to_videos
from deepfake_hf.evaluation.significance import delong, paired_bootstrap
from deepfake_hf.labels import FAKE, REAL


def compare(scores_a: Sequence[Score], scores_b: Sequence[Score]) -> dict[str, Any]:
    """Compare on the videos that both scored; the key of a video is (dataset, method, video).

    Returns:
        Counts (``n_real``, ``n_fake``, ``only_a``, ``only_b``: scored by one only), ``delong`` and ``bootstrap``.

    Raises:
        DataError: The tables share no scored video, call one differently, or share one class only.
    """
    first = {score.key: score for score in to_videos(scores_a)}
    second = {score.key: score for score in to_videos(scores_b)}
    shared = [key for key in first if key in second]
    both = [key for key in shared if first[key].p_fake is not None and second[key].p_fake is not None]
    if not both:
        raise DataError(
            "the two models cannot be compared",
            "no video was scored by both (a video is told by dataset, method and name)",
            "score the same manifest with both",
        )
    odd = next((key for key in shared if first[key].label != second[key].label), None)
    if odd is not None:
        raise DataError(
            "the two models cannot be compared",
            f"{'/'.join(odd)} is real in one table and fake in the other",
            "mend it",
        )
    labels = [first[key].label for key in both]
    a, b = [float(first[key].p_fake or 0) for key in both], [float(second[key].p_fake or 0) for key in both]
    return {
        "n_real": labels.count(REAL),
        "n_fake": labels.count(FAKE),
        "only_a": sum(score.p_fake is not None for score in first.values()) - len(both),
        "only_b": sum(score.p_fake is not None for score in second.values()) - len(both),
        "delong": asdict(delong(labels, a, b)),
        "bootstrap": paired_bootstrap(labels, a, b, range(len(both))),
    }
