"""Calibration of a bundle: one fake to each genuine item, known and new kinds apart, a page with its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake_hf.errors import DataError
from deepfake_hf.hub.bundle import open_bundle
from deepfake_hf.training import calibration_check as check
from deepfake_hf.training.speech_evaluation import UtteranceScore
from deepfake_hf.training.unseen import makers
from tests.tiny_bundle import write_tiny_bundle
from tests.training.making import face_shards

SEEN = ["DFDC", "self-blend"]


def test_figures_are_those_of_the_probabilities() -> None:
    labels, p = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.1, 0.9, 0.9, 0.9, 0.1])
    found = check.calibrated(labels, p, [*"abcdef"])
    assert (found["n_real"], found["n_fake"]) == (3, 3)
    assert found["ece"] == pytest.approx(1 / 3 - 0.1)  # a third of each bin is the other class
    assert found["mean_p_real"] == pytest.approx(1.1 / 3) and found["mean_p_fake"] == pytest.approx(1.9 / 3)
    assert [(row["n"], round(row["share"], 3)) for row in found["reliability"]["rows"]] == [(3, 0.333), (3, 0.667)]
    low, high = found["ece_95"]
    assert low <= found["ece"] <= high


def test_each_utterance_comes_with_one_fake_generators_in_turn() -> None:
    def score(clip: str, generator: str, version: int) -> UtteranceScore:
        return UtteranceScore(clip, clip, "validation", generator, int(generator != "genuine"), version, 0.0, ())

    names = ["genuine", "world", "hifigan"]
    scores = [score(clip, name, version) for clip in "ab" for name in names for version in (0, 1)]
    chosen = check._in_turn([*scores, score("c", "world", 0)])
    assert [s.label for s in chosen] == [0, 1] * 4 and "c" not in {s.clip for s in chosen}
    pairs = list(zip(chosen[::2], chosen[1::2], strict=True))
    assert all((real.clip, real.version) == (fake.clip, fake.version) for real, fake in pairs)
    assert sorted(fake.generator for _, fake in pairs) == ["hifigan", "hifigan", "world", "world"]


def test_faces_of_a_bundle(tmp_path: Path) -> None:
    bundle = open_bundle(write_tiny_bundle(tmp_path / "tiny").path)
    shards = face_shards(tmp_path, sources=40)
    found = check.write_calibration(bundle, shards, None, SEEN, tmp_path / "page" / "calibration.md", 4)
    assert list(found) == ["face"] and len(found["face"]) == 4
    for title, figures in found["face"].items():
        assert figures["n_real"] == figures["n_fake"] == 4, title
        assert 0 <= figures["ece"] <= 1 and "reliability" not in figures
    page = (tmp_path / "page" / "calibration.md").read_text()
    assert bundle.label in page and page.count("| 4 / 4 |") == 4
    with Image.open(tmp_path / "page" / "calibration_face.png") as picture:
        assert picture.width > 500
    with pytest.raises(DataError, match="every kind"):
        check.write_calibration(bundle, shards, None, list(makers()), tmp_path / "page.md", 4)
