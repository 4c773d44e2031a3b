"""Figures against hand-worked values and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.metrics import roc_auc_score

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.bootstrap import WeightedFigures, intervals
from deepfake_hf.evaluation.metrics import (
    auc_with_abstentions,
    bootstrap_interval,
    equal_error_rate,
    expected_calibration_error,
    share_interval,
    summary,
    tpr_at_fpr,
)


def test_eer_by_hand() -> None:
    # One of four genuine above, one of four fakes below the middle threshold: 25 % each.
    labels = [0, 0, 0, 0, 1, 1, 1, 1]
    scores = [0.1, 0.2, 0.3, 0.7, 0.4, 0.8, 0.9, 0.95]
    assert equal_error_rate(labels, scores) == pytest.approx(0.25)
    assert equal_error_rate([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0.0


def test_tpr_at_fpr_by_hand() -> None:
    labels = [0] * 10 + [1] * 4
    scores = [*np.linspace(0.0, 0.9, 10), 0.95, 0.85, 0.5, 0.1]
    assert tpr_at_fpr(labels, scores, 0.0) == 0.25
    assert tpr_at_fpr(labels, scores, 0.1) == 0.5


def test_ece_by_hand() -> None:
    # All in one bin: mean score 0.9, share of fakes 0.5.
    assert expected_calibration_error([1, 0], [0.9, 0.9]) == pytest.approx(0.4)
    assert expected_calibration_error([1, 0], [1.0, 0.0]) == 0.0
    # Nine fakes to a genuine item, scores of 0.5 in one bin: right for one to one, wrong for the set as it is.
    assert expected_calibration_error([0] + [1] * 9, [0.5] * 10) == pytest.approx(0.4)
    assert expected_calibration_error([0] + [1] * 9, [0.5] * 10, even=True) == pytest.approx(0.0)


def test_interval_holds_the_figure_and_narrows_with_n() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (60, 600):
        labels = np.tile([0, 1], count)
        scores = rng.normal(labels, 1.0)
        low, high = intervals(labels, scores, np.repeat(np.arange(count), 2))["auc"]
        assert low < roc_auc_score(labels, scores) < high
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_summary_counts_at_the_stored_limits() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 200)
    p_fake = 1 / (1 + np.exp(-rng.normal(4.0 * labels - 2.0, 1.5)))
    figures = summary(labels, p_fake, np.arange(400), {"fpr5": 0.7})
    assert figures["n_real"] == figures["n_fake"] == 200
    assert figures["fpr_at_stored_fpr5"] == (p_fake[labels == 0] >= 0.7).mean()
    with pytest.raises(DataError):
        summary([1, 1], [0.5, 0.6], [0, 1], {})


def test_summary_agrees_with_scikit_learn_at_the_limit() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 300)
    p_fake = np.round(1 / (1 + np.exp(-rng.normal(2.0 * labels - 1.0, 1.5))), 2)  # rounded: many ties
    called = p_fake >= 0.6
    figures = summary(labels, p_fake, np.arange(300), {}, called)
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(labels, called))
    assert figures["precision"] == pytest.approx(metrics.precision_score(labels, called))
    assert figures["f1"] == pytest.approx(metrics.f1_score(labels, called))
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(labels, p_fake))
    for name in ("auc", "accuracy", "f1", "ece", "brier"):
        low, high = figures[f"{name}_95"]  # type: ignore[misc]
        assert low <= figures[name] <= high  # type: ignore[operator]


def test_no_call_has_no_precision() -> None:
    figures = summary([0, 1, 0, 1], [0.1, 0.2, 0.1, 0.3], range(4), {}, np.zeros(4, bool))
    assert figures["precision"] is None and figures["precision_95"] is None
    assert figures["recall"] == 0.0 and figures["accuracy"] == 0.5


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        summary([0, 1], [-1.0, 2.0], [0, 1], {})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 80), st.sampled_from([1, 2, 8]))
def test_weighted_figures_agree_with_scikit_learn(seed: int, n: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.append(rng.integers(0, 2, n), [0, 1])
    scores, weights = np.round(rng.random(n + 2), digits), rng.integers(0, 4, n + 2).astype(float)
    weights[-2:] = 1.0
    found = WeightedFigures(labels, scores, scores >= 0.5).of(weights)
    kept = {"sample_weight": weights}
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, scores, **kept))
    assert found["ap"] == pytest.approx(metrics.average_precision_score(labels, scores, **kept))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(labels, scores, **kept))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, scores >= 0.5, **kept))
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, scores >= 0.5, **kept))
    drawn = np.repeat(np.arange(n + 2), weights.astype(int))
    assert found["eer"] == pytest.approx(equal_error_rate(labels[drawn], scores[drawn]))
    assert found["tpr_at_fpr5"] == pytest.approx(tpr_at_fpr(labels[drawn], scores[drawn], 0.05))
    assert found["ece"] == pytest.approx(expected_calibration_error(labels[drawn], scores[drawn]))
    clipped = np.clip(scores, 1e-15, 1 - 1e-15)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, clipped, **kept))


def test_both_bootstraps_draw_the_same_videos() -> None:
    rng = np.random.default_rng(3)
    labels, groups = np.tile([0, 1], 40), np.repeat(np.arange(40), 2)
    p_fake = rng.random(80)

    def brier(classes: np.ndarray, scores: np.ndarray) -> float:
        return float(((scores - classes) ** 2).mean())

    found = intervals(labels, p_fake, groups)["brier"]
    assert found == pytest.approx(bootstrap_interval(labels, p_fake, groups, brier))


def test_abstentions_counted_as_wrong_by_hand() -> None:
    # Scored alone the order is perfect; the unscored genuine one goes above and the unscored fake one below all.
    labels, p_fake = [0, 0, 1, 1], [0.2, np.nan, 0.9, np.nan]
    assert auc_with_abstentions(labels, p_fake) == 0.25


def test_wilson_of_no_event_is_not_zero() -> None:
    low, high = share_interval(0, 20)
    assert low == 0.0 and high == pytest.approx(0.1611, abs=1e-4)  # z² / (n + z²), z = 1.96
    assert share_interval(0, 0) == (0.0, 1.0)
