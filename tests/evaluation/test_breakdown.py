"""The scores table taken apart, and what scores are worth in use: hand-worked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.breakdown import Items, by_dataset, by_method, coverage, figures, matrix, slices, worst
from deepfake_hf.evaluation.measure import Wanted, measure
from deepfake_hf.evaluation.scores import Score
from deepfake_hf.evaluation.selective import predictive_value, predictive_values, risk_coverage


def video(name: str, label: int, p_fake: float | None, dataset: str = "A", method: str = "", **more: object) -> Score:
    status = {} if p_fake is not None else {"status": "no_face", "reason": "no face in 12 frames"}
    return Score("video", f"/{name}.mp4", label, p_fake, dataset, method, name, **status, **more)  # type: ignore[arg-type]


def two_sets() -> list[Score]:
    scores = [video(f"a{i}", 0, i / 10) for i in range(5)]  # genuine of A: 0 to 0.4
    scores += [video(f"good{i}", 1, 0.9, method="good") for i in range(3)]
    scores += [video(f"bad{i}", 1, 0.15, method="bad") for i in range(3)]
    scores += [video(f"b{i}", 0, 0.95, "B") for i in range(2)] + [video("bf", 1, 0.5, "B", "good")]
    return scores


def test_methods_are_held_against_the_genuine_of_their_own_set() -> None:
    items = Items.of(two_sets(), 0.5)
    methods = by_method(items)
    assert methods["A / good"]["auc"] == 1.0
    assert methods["A / bad"]["auc"] == pytest.approx(0.4)  # above 2 of 5
    assert methods["B / good"]["auc"] == 0.0
    assert worst(methods) == "B / good"
    sets = by_dataset(items)
    assert (sets["A"]["n_real"], sets["A"]["n_fake"], sets["A"]["auc"]) == (5, 6, pytest.approx(0.7))
    assert sets["A"]["recall"] == 0.5 and sets["A"]["fpr"] == 0.0 and sets["B"]["fpr"] == 1.0


def test_stored_limits_are_each_rows_own() -> None:
    scores = [video("a", 0, 0.7, fpr1=0.8, fpr5=0.6), video("b", 1, 0.7, fpr1=0.5, fpr5=0.4), video("c", 1, 0.3)]
    assert Items.of(scores, "fpr1").called.tolist() == [False, True, False]
    assert Items.of(scores, "fpr5").called.tolist() == [True, True, False]
    made = figures(Items.of(scores[:2], "fpr1"))
    assert (made["fpr_at_stored_fpr1"], made["tpr_at_stored_fpr1"], made["fpr_at_stored_fpr5"]) == (0.0, 1.0, 1.0)


def test_what_was_not_scored_is_counted_and_in_no_other_figure() -> None:
    scores = [*two_sets(), video("lost", 1, None, method="good"), video("gone", 0, None)]
    items = Items.of(scores, 0.5)
    found = coverage(items)
    assert (found["n"], found["n_scored"]) == (16, 14)
    assert found["real"] == {"scored": 7, "no_face": 1}
    assert found["reasons"][0]["examples"][0] == {"path": "/lost.mp4", "reason": "no face in 12 frames"}
    made, before = figures(items), figures(Items.of(two_sets(), 0.5))
    assert made["auc"] == before["auc"] and made["n_unscored"] == 2
    assert made["auc_abstentions_wrong"] < made["auc"]


def test_small_cells_are_hidden() -> None:
    scores = [video(f"r{i}", 0, i / 100, groups={"group_sex": "f" if i < 30 else "m"}) for i in range(40)]
    scores += [video(f"f{i}", 1, 0.5 + i / 100, groups={"group_sex": "f"}) for i in range(25)]
    rows = slices(Items.of(scores, 0.2), "group_sex")["rows"]
    assert rows["f"]["fpr"] == pytest.approx(10 / 30) and rows["f"]["recall"] == 1.0 and rows["f"]["auc"] == 1.0
    assert rows["f"]["fpr_95"][0] > 0.15 and rows["f"]["hidden"] == []
    assert rows["m"] == {"n_real": 10, "n_fake": 0, "hidden": ["real", "fake"]}
    with pytest.raises(UsageError, match="no row has a value"):
        slices(Items.of(scores, 0.2), "age")


def test_matrix() -> None:
    other = [video(f"c{i}", i % 2, (i % 2) * 0.5 + 0.2, "C") for i in range(8)]
    table = matrix({"A": two_sets(), "C": other})
    assert table["datasets"] == ["A", "B", "C"]
    assert table["cells"]["C"]["C"]["auc"] == 1.0 and table["cells"]["C"]["A"] is None
    assert table["cells"]["A"]["A"]["auc"] == pytest.approx(0.7) and table["cells"]["A"]["A"]["n_fake"] == 6


def test_predictive_value_by_hand() -> None:
    # Of 10,000 media 100 are fakes: 90 are found, and 99 of 9,900 genuine ones are called fake.
    assert predictive_value(0.9, 0.01, 0.01) == pytest.approx(90 / (90 + 99))
    assert predictive_value(0.0, 0.0, 0.01) is None
    labels = [0] * 50 + [1] * 50
    row = predictive_values(labels, {"x": [False] * 50 + [True] * 45 + [False] * 5}, 0.01)["x"]
    assert (row["ppv"], row["fpr"], row["tpr"]) == (1.0, 0.0, 0.9)
    assert row["ppv_95"][0] < 0.15  # type: ignore[index]  # no false alarm among 50 is not none at all
    with pytest.raises(UsageError, match="prevalence"):
        predictive_values(labels, {}, 1.5)


def test_risk_and_coverage_by_hand() -> None:
    # By distance from the limit 0: 4 right, -3 wrong, 2 right, -1 right; one without a score.
    found = risk_coverage([1, 1, 1, 0, 0], [4.0, -3.0, 2.0, -1.0, math.nan], [0.0] * 5)
    assert found.coverage.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert found.risk.tolist() == pytest.approx([0.0, 1 / 2, 1 / 3, 1 / 4])
    assert found.area == pytest.approx(np.mean([0, 1 / 2, 1 / 3, 1 / 4]))
    tied = risk_coverage([1, 0], [1.0, 1.0], [0.0, 0.0])
    assert (tied.coverage.tolist(), tied.risk.tolist()) == ([1.0], [0.5])


def test_everything_together() -> None:
    metrics, curves = measure(two_sets(), Wanted(0.5, slices=("dataset",), smallest=2, against={"other": two_sets()}))
    assert metrics["levels"].keys() == {"video"}
    assert metrics["levels"]["video"]["n_fake"] == 7
    assert metrics["threshold"] == "P(fake) ≥ 0.5"
    assert metrics["operating_points"]["points"]["in force"]["tpr"] == pytest.approx(4 / 7)
    assert metrics["against"]["other"]["delong"]["difference"] == 0.0
    assert curves["confusion"]["counts"] == [[5, 2], [3, 4]]
    assert curves["roc"]["at"] == [pytest.approx(2 / 7), pytest.approx(4 / 7)]
    assert sum(row["n"] for row in curves["calibration"]["rows"]) == 14
    with pytest.raises(DataError, match="7 genuine and 0 fake"):
        measure([score for score in two_sets() if score.label == 0], Wanted(0.5))
