"""Figures against hand-worked values and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.metrics import (
    auc,
    bootstrap_interval,
    equal_error_rate,
    expected_calibration_error,
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


def test_interval_holds_the_figure_and_narrows_with_n() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (60, 600):
        labels = np.tile([0, 1], count)
        scores = rng.normal(labels, 1.0)
        low, high = bootstrap_interval(labels, scores, np.repeat(np.arange(count), 2), auc)
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
