"""Quantiles and figures from rows whose answers are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from deepfake_hf.evaluation.evidence_page import to_markdown
from deepfake_hf.evaluation.evidence_samples import DEV, REFERENCE, TEST, Sample
from deepfake_hf.evaluation.evidence_table import add_distances, curves_of, measured_of, reference_of
from deepfake_hf.evidence.frequency import SPECTRA
from deepfake_hf.evidence.measures import LEVELS

SIZE = "faces of 107 to 149 px"


def rows(part: str, label: int, count: int, shift: float, seed: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [
        Sample(part, "crops", label, f"{label}{i}", "DFDC fakes" if label else "", SIZE,
               {"texture": float(rng.normal(shift)), "colour": float(rng.normal())})
        for i in range(count)
    ]  # fmt: skip


ALL = [
    *rows(REFERENCE, 0, 300, 0.0, 1), *rows(DEV, 0, 60, 0.0, 2), *rows(DEV, 1, 60, -1.0, 3),
    *rows(TEST, 0, 120, 0.0, 4), *rows(TEST, 1, 120, -1.0, 5),
]  # fmt: skip


def test_quantiles_are_of_genuine_reference_media_only() -> None:
    held = reference_of(ALL, {"crops": "made up"})["texture"][SIZE]
    own = [sample.values["texture"] for sample in ALL if sample.part == REFERENCE]
    assert held["n"] == 300 and held["source"] == "made up"
    assert held["values"] == pytest.approx(np.quantile(own, LEVELS), abs=1e-4)
    assert reference_of(ALL[:5], {"crops": "too few"}) == {}


def test_the_side_is_chosen_on_dev_and_the_figures_are_of_test() -> None:
    held = measured_of(ALL, reference_of(ALL, {"crops": "made up"}))
    texture = held["texture"]
    test = [sample for sample in ALL if sample.part == TEST]
    expected = roc_auc_score([s.label for s in test], [-s.values["texture"] for s in test])
    assert texture["side"] == -1 and texture["auc"] == pytest.approx(expected, abs=1e-4)
    low, high = texture["auc_95"]
    assert 0.5 < low < texture["auc"] < high and (texture["n_genuine"], texture["n_fake"]) == (120, 120)
    assert texture["genuine_beyond"] < 0.12 and texture["fakes_beyond"] > 0.15
    low, high = held["colour"]["auc_95"]
    assert low < 0.5 < high


def test_spectra_get_their_distance_from_the_median() -> None:
    names = {spectrum.name: len(spectrum.take(np.zeros((224, 224)))[0]) for spectrum in SPECTRA}
    made = [
        Sample("curves", "crops", 0, str(k), "", SIZE, {}, {name: [float(k)] * count for name, count in names.items()})
        for k in range(21)
    ]
    curves = curves_of(made)
    assert curves["block_dct"][SIZE]["n"] == 21 and curves["wavelet"][SIZE]["middle"] == [10.0] * 9
    add_distances(made, curves)
    assert made[10].values["spectrum_distance"] == 0 and made[19].values["wavelet_distance"] == pytest.approx(1.0)


def test_the_page_tells_what_separates_and_what_was_not_measured() -> None:
    reference = reference_of(ALL, {"crops": "made up"})
    page = to_markdown(
        json.loads(json.dumps({"reference": reference, "curves": {}, "measured": measured_of(ALL, reference)}))
    )
    texture = next(line for line in page.splitlines() if line.startswith("| fine texture"))
    colour = next(line for line in page.splitlines() if line.startswith("| difference in colour"))
    assert "| weak |" in texture or "| moderate |" in texture
    assert "120 / 120" in texture and "a fact" in colour and "not measured" in page
