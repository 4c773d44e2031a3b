"""Fitting the speech branch on statistics: the table, the weights of its rows, the fit and its report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepfake_hf.errors import DataError
from deepfake_hf.models.layers_speech_statistics import num_statistics
from deepfake_hf.models.modeling_speech_statistics import SpeechStatisticsForAudioClassification
from deepfake_hf.training import speech_fit
from deepfake_hf.training.speech_data import write_wave
from deepfake_hf.training.speech_fit import FitRecipe, fit_each_left_out, fit_model, fit_speech, row_weights
from deepfake_hf.training.speech_table import SpeechTable, family_of, read_table, statistics_of
from deepfake_hf.training.speech_voices import VOICES, sentence
from tests.training.noise_cache import RATE, noise_cache

RECIPE = FitRecipe(inverse_penalty=1.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The noise twins, and three sentences of a voice that hums."""
    folder = noise_cache(tmp_path_factory.mktemp("cache"))
    hum = np.sin(2 * np.pi * 150 * np.arange(2 * RATE) / RATE).astype(np.float32) * 0.3
    rng = np.random.default_rng(1)
    for i in range(3):
        noisy = hum + rng.normal(0, 0.01, len(hum)).astype(np.float32)
        noisy[: RATE // 2] = 0.0  # voices begin with silence
        write_wave(folder / "voices" / f"piper-hum__{i}.npy", noisy)
    return folder


def test_the_table_has_every_training_wave_and_is_made_once(cache: Path) -> None:
    table = read_table(cache, workers=1)
    names, counts = np.unique(table.generator, return_counts=True)
    # two training clips without codec versions; a sentence counts clean and coded
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {
        "genuine": 2, "griffin_lim": 2, "piper-hum": 6, "world": 2,
    }  # fmt: skip
    assert table.coded.sum() == 3 and set(table.family) == {"genuine", "griffin_lim", "piper", "world"}
    (path,) = cache.glob("statistics_*.npz")
    made_ns = path.stat().st_mtime_ns
    again = read_table(cache, workers=1)
    assert path.stat().st_mtime_ns == made_ns and np.array_equal(again.values, table.values)
    assert family_of("hifigan_lj") == "hifigan" and family_of("kokoro-jf_alpha") == "kokoro"


def test_rows_weigh_by_class_and_family() -> None:
    family = np.array(["genuine"] * 10 + ["world"] * 40 + ["stft"] * 7 + ["piper"] * 1)
    weights = row_weights(family)
    share = {name: weights[family == name].sum() / weights.sum() for name in np.unique(family)}
    assert weights.mean() == pytest.approx(1.0) and share["genuine"] == pytest.approx(0.5)
    assert share["world"] == pytest.approx(share["stft"])  # both are full families
    assert share["piper"] == pytest.approx(share["world"] / 7)  # a seventh of what makes a full one


def test_a_fit_learns_reports_and_saves_what_it_scored(cache: Path, tmp_path: Path) -> None:
    metrics = fit_speech(cache, tmp_path, RECIPE, leave_out="griffin_lim")
    assert metrics["validation"]["left_out"]["griffin_lim"]["num_real"] == 2
    assert set(metrics["validation"]["left_out"]) == {"griffin_lim"} and metrics["rows"]["piper"] == 6
    model = SpeechStatisticsForAudioClassification.from_pretrained(tmp_path / "best")
    assert model.config.weights_origin == "trained"
    again = fit_speech(cache, tmp_path / "again", RECIPE, leave_out="griffin_lim")
    assert again["validation"] == metrics["validation"]  # no randomness
    seen = fit_speech(cache, tmp_path / "all", RECIPE)["validation"]["clean"]
    assert seen["world"]["auc"] == 1.0


def test_a_fake_that_lies_on_both_sides_is_found() -> None:
    """Half of the fakes are too smooth and half too rough by one statistic: no line parts them, but sizes do."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (120, num_statistics())).astype(np.float32)
    names = np.repeat(["genuine", "world"], 60)
    values[60:, 7] = np.where(np.arange(60) % 2, 4.0, -4.0)
    table = SpeechTable(values, names, names, np.zeros(120, bool))
    model = fit_model(table, RECIPE)
    with torch.inference_mode():
        seen = model.sides(model.standardise(torch.from_numpy(values)))
        margins = (model.classifier(seen)[:, 1] - model.classifier(seen)[:, 0]).numpy()
    assert model.config.two_sided and margins[60:].min() > margins[:60].max()
    added = model.shares(torch.from_numpy(values)).detach().numpy()
    assert added[60:, 7].mean() - added[:60, 7].mean() > 10 * np.abs(added[60:, 8].mean() - added[:60, 8].mean())
    weak = fit_model(table, FitRecipe(inverse_penalty=1.0, side_weight=1e-6))
    size = num_statistics()
    sizes = weak.classifier.weight.detach()[:, size:].abs().max()
    assert float(sizes) < 1e-4 < float(model.classifier.weight.detach()[1, size + 7])


def test_each_family_and_each_voice_is_left_out(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfake_hf.training.speech_evaluation.LEAVE_OUT", {"world": "world"})
    result = fit_each_left_out(cache, tmp_path, RECIPE)
    assert result == json.loads((tmp_path / "loo.json").read_text())
    assert list(result["eer"]) == ["world"] and result["voices"]["piper"]["num_fake"] == 3
    assert speech_fit.fit_each_left_out(cache, tmp_path, FitRecipe(1.0, voices=False))["voices"] == {}


def test_a_table_of_one_class_is_refused() -> None:
    values = np.stack([statistics_of(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32))] * 3)
    names = np.array(["genuine"] * 3)
    with pytest.raises(DataError, match="fakes are missing"):
        fit_model(SpeechTable(values, names, names, np.zeros(3, bool)), RECIPE)


def test_sentences_depend_on_voice_and_number_alone() -> None:
    assert sentence("piper-joe", 3) == sentence("piper-joe", 3)
    assert len({sentence(voice, 0) for voice in VOICES}) == len(VOICES)
    assert sentence("kokoro-jm_kumo", 1).endswith("。") and sentence("flite-slt", 1)[0].isupper()
