"""Where a value lies among genuine media, and when a finding gets a strength."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepfake_hf.evidence import measures
from deepfake_hf.evidence.measures import LEVELS, Measure, Reading, finding_of, separates, standing
from deepfake_hf.types import Strength

WARMTH = Measure("warmth", "warmth", "K")
GENUINE = np.random.default_rng(0).normal(0, 1, 4000)


def held(**measured: Any) -> dict[str, Any]:
    row = {"side": 1, "auc": 0.7, "auc_95": [0.65, 0.75], "n_genuine": 100, "n_fake": 80, "fakes": "wax",
           "genuine_beyond": 0.05, "fakes_beyond": 0.2}  # fmt: skip
    table = {"n": 4000, "source": "noise", "values": list(np.quantile(GENUINE, LEVELS))}
    return {"reference": {"warmth": {"": table}}, "curves": {}, "measured": {"warmth": row | measured}}


def use(monkeypatch: pytest.MonkeyPatch, **measured: Any) -> None:
    monkeypatch.setattr(measures, "reference", lambda: held(**measured))


def of(value: float) -> Any:
    return finding_of("spatial", "Warmth", [Reading(WARMTH, value, "face 0")], "It is warm.")


def test_standing_is_the_empirical_share(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    for value in (-1.5, -0.3, 0.0, 1.2):
        assert standing(Reading(WARMTH, value, "x")) == pytest.approx(float((value > GENUINE).mean()), abs=0.06)
    assert standing(Reading(WARMTH, -9, "x")) == 0.005 and standing(Reading(WARMTH, 9, "x")) == 0.995
    assert standing(Reading(WARMTH, np.nan, "x")) is None and standing(Reading(WARMTH, 0, "x", "other")) is None


def test_strength_follows_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    assert separates("warmth") and not separates("never measured")
    assert of(0.0).strength is Strength.NEUTRAL and "nothing unusual" in of(0.0).finding
    assert of(2.0).strength is Strength.WEAK and "unusual" in of(2.0).finding
    assert of(-9.0).strength is Strength.NEUTRAL  # far out on the side where fakes are not
    use(monkeypatch, fakes_beyond=0.4)
    assert of(2.0).strength is Strength.MODERATE
    use(monkeypatch, side=-1)
    assert of(-2.0).strength is Strength.WEAK and of(2.0).strength is Strength.NEUTRAL


@pytest.mark.parametrize(
    "measured", [{"auc_95": [0.49, 0.6]}, {"fakes_beyond": 0.06}, {"auc_95": [0.3, 0.45]}, {"n_fake": 19}]
)
def test_what_does_not_separate_has_no_strength(monkeypatch: pytest.MonkeyPatch, measured: dict[str, Any]) -> None:
    use(monkeypatch, **measured)
    for value in (0.0, 9.0, -9.0):
        found = of(value)
        assert found.strength is None and "as a fact" in found.finding
    assert ("warmth, on fakes", found.facts[-1][1]) == found.facts[-1] and "AUC 0.70" in found.facts[-1][1]


def test_the_stored_reference_is_sound() -> None:
    stored = measures.reference()
    assert set(stored["measured"]) <= set(stored["reference"])
    for name, tables in stored["reference"].items():
        for table in tables.values():
            assert table["n"] >= 20 and table["source"], name
            assert len(table["values"]) == len(LEVELS) and (np.diff(table["values"]) >= 0).all(), name
    for row in stored["measured"].values():
        low, high = row["auc_95"]
        assert 0 <= low <= row["auc"] <= high <= 1 and min(row["n_genuine"], row["n_fake"]) >= 5
