"""DeLong's test against its definition worked out item by item, and the paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.comparison import compare
from deepfake_hf.evaluation.scores import Score
from deepfake_hf.evaluation.significance import delong, paired_bootstrap

Floats = NDArray[np.float64]


def by_definition(labels: Floats, a: Floats, b: Floats) -> tuple[float, float]:
    """Difference and its variance from the structural components, one pair of items at a time (DeLong et al. 1988)."""
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    v10, v01, areas = [], [], []
    for scores in (a, b):
        wins = [[float(scores[i] > scores[j]) + 0.5 * float(scores[i] == scores[j]) for j in reals] for i in fakes]
        v10.append([float(np.mean(row)) for row in wins])
        v01.append([float(np.mean([row[j] for row in wins])) for j in range(len(reals))])
        areas.append(float(np.mean(v10[-1])))

    def covariance(rows: list[list[float]], r: int, s: int) -> float:
        terms = [(x - areas[r]) * (y - areas[s]) for x, y in zip(rows[r], rows[s], strict=True)]
        return sum(terms) / (len(terms) - 1)

    s10 = covariance(v10, 0, 0) + covariance(v10, 1, 1) - 2 * covariance(v10, 0, 1)
    s01 = covariance(v01, 0, 0) + covariance(v01, 1, 1) - 2 * covariance(v01, 0, 1)
    return areas[0] - areas[1], s10 / len(fakes) + s01 / len(reals)


@pytest.mark.parametrize("digits", [1, 6])
def test_delong_agrees_with_its_definition(digits: int) -> None:
    rng = np.random.default_rng(digits)
    labels = np.append(rng.integers(0, 2, 60), [0, 0, 1, 1])
    shared = rng.normal(labels, 1.0)
    a, b = np.round(shared + rng.normal(0, 0.5, 64), digits), np.round(shared + rng.normal(0, 1.5, 64), digits)
    found = delong(labels, a, b)
    difference, variance = by_definition(labels, a, b)
    assert found.auc_a == pytest.approx(roc_auc_score(labels, a))
    assert found.auc_b == pytest.approx(roc_auc_score(labels, b))
    assert found.difference == pytest.approx(difference)
    assert found.standard_error == pytest.approx(np.sqrt(variance))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(difference) / np.sqrt(variance)))


def test_delong_by_hand() -> None:
    # Fakes 3, 1 over genuine 2, 0: A wins 3 of 4 pairs. B is perfect, so its components do not vary.
    # A's components: fakes 1 and 1/2, genuine 1/2 and 1: each variance 1/8, so 1/8/2 + 1/8/2 = 1/8.
    found = delong([1, 1, 0, 0], [3.0, 1.0, 2.0, 0.0], [3.0, 3.0, 0.0, 0.0])
    assert (found.auc_a, found.auc_b) == (0.75, 1.0)
    assert found.standard_error == pytest.approx(np.sqrt(1 / 8))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(0.25 / np.sqrt(1 / 8)))


def test_a_model_against_itself_differs_in_nothing() -> None:
    labels, scores = [0, 0, 1, 1], [0.1, 0.7, 0.4, 0.9]
    assert delong(labels, scores, scores).p_value == 1.0
    row = paired_bootstrap(labels * 5, scores * 5, scores * 5, range(20))["auc"]
    assert row["difference"] == row["low"] == row["high"] == 0.0 and row["p"] == 1.0


def test_paired_bootstrap_finds_the_better_model() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 150)
    good = 1 / (1 + np.exp(-rng.normal(3.0 * labels - 1.5, 1.0)))
    table = paired_bootstrap(labels, good, rng.random(300), range(300))
    assert table["auc"]["low"] > 0.2 and table["auc"]["p"] < 0.01
    assert table["eer"]["high"] < 0 and table["brier"]["high"] < 0
    assert table["auc"]["a"] == pytest.approx(roc_auc_score(labels, good))


def test_too_few_items_are_refused() -> None:
    with pytest.raises(DataError, match="2 of each"):
        delong([0, 1, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])


def test_models_are_compared_on_videos_that_both_scored() -> None:
    def table(missing: int) -> list[Score]:
        return [
            Score("video", f"{i}.mp4", i % 2, None if i == missing else (i % 2 + 1) / 3 + i / 1000, video=str(i))
            for i in range(12)
        ]

    found = compare(table(3), table(4))
    assert (found["n_real"], found["n_fake"], found["only_a"], found["only_b"]) == (5, 5, 1, 1)
    assert found["delong"]["difference"] == 0.0
    with pytest.raises(DataError, match="no video was scored by both"):
        compare(table(3), [Score("video", "x.mp4", 1, 0.5, video="x")])
