"""The speech training on synthetic sound: cache, batches, a short run, resume, and the report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.errors import DataError
from deepfake_hf.media import write_audio
from deepfake_hf.models import presets
from deepfake_hf.training.speech import SpeechRecipe, train_speech
from deepfake_hf.training.speech_augmentation import SpeechAugmentation
from deepfake_hf.training.speech_batches import TwinSampler, read_twins
from deepfake_hf.training.speech_data import (
    FAST_GENERATORS,
    SpeechClip,
    fit_length,
    make_speech_cache,
    read_wave,
)
from deepfake_hf.training.speech_evaluation import windows_of
from deepfake_hf.types import AudioTrack
from tests.training.noise_cache import RATE, noise_cache

RECIPE = SpeechRecipe(
    preset="tiny_audio_for_tests", steps=6, groups=2, window_s=(0.4, 0.5), validate_every=3, seed=1, bf16=False
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    row = dataclasses.replace(
        presets.PRESETS["lite_audio"],
        config={
            "widths": [4, 8], "time_strides": [2, 2], "bin_strides": [4, 4], "convs_per_block": [1, 1],
            "hidden_size": 8, "encoder_heads": 2,
        },
    )  # fmt: skip
    monkeypatch.setitem(presets.PRESETS, "tiny_audio_for_tests", row)
    return noise_cache(tmp_path)


def test_batches_are_balanced_repeatable_and_without_the_left_out(cache: Path) -> None:
    twins = read_twins(cache, "train", "world")
    assert all("world" not in item.waves for item in twins)
    sampler = TwinSampler(twins, seed=3, groups=3)
    waves, labels = sampler.batch(5)
    again, _ = sampler.batch(5)
    assert labels.tolist() == [0, 1] * 3 and len(waves) == 6
    assert all(np.array_equal(a, b) for a, b in zip(waves, again, strict=True))
    with pytest.raises(DataError):
        read_twins(cache, "train", "tape")


def test_a_run_learns_reports_and_resumes_to_the_same_weights(cache: Path, tmp_path: Path) -> None:
    whole = train_speech(cache, tmp_path / "whole", RECIPE, "griffin_lim")
    assert set(whole["validation"]["left_out"]) == {"griffin_lim"}
    assert whole["validation"]["clean"]["griffin_lim"]["num_real"] == 2
    assert (tmp_path / "whole" / "best" / "model.safetensors").is_file()
    assert (tmp_path / "whole" / "scores_validation.csv").is_file()
    # minutes=0 stops at the first step; the second call goes on from there with the same schedule
    train_speech(cache, tmp_path / "parts", dataclasses.replace(RECIPE, minutes=0.0), "griffin_lim")
    train_speech(cache, tmp_path / "parts", RECIPE, "griffin_lim")
    histories = [json.loads((tmp_path / run / "progress.json").read_text())["history"] for run in ("whole", "parts")]
    assert histories[1][-1]["step"] == 6
    assert histories[0][-1]["dev"] == histories[1][-1]["dev"]


def test_augmentation_is_seeded_finite_and_none_is_none() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    everything = SpeechAugmentation(*[1.0] * 8)
    made = [everything(wave, RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(made[0], made[1]) and np.isfinite(made[2]).all()
    assert not np.array_equal(made[0][:100], made[2][:100])
    assert np.array_equal(SpeechAugmentation.none()(wave, RATE, np.random.default_rng(0)), wave)
    silent = everything(np.zeros(4_000, np.float32), RATE, np.random.default_rng(0))
    assert np.isfinite(silent).all()


def test_the_cache_is_finished_not_made_twice(tmp_path: Path) -> None:
    speech_dir, cache = tmp_path / "speech", tmp_path / "cache"
    cache.mkdir()
    rng = np.random.default_rng(0)
    speech_dir.mkdir()
    write_audio(speech_dir / "c0.wav", AudioTrack(rng.normal(0, 0.1, 3 * RATE).astype(np.float32), RATE, 0.0), "wav")
    clip = SpeechClip("c0-0", "c0.wav", "test", "s0", "train", 0, RATE, (0, RATE))
    (cache / "clips.json").write_text(json.dumps([dataclasses.asdict(clip)]))
    make_speech_cache(speech_dir, cache, neural=False)
    files = sorted((cache / "wave").iterdir())
    assert len(files) == 2 * (1 + len(FAST_GENERATORS))
    assert all(len(read_wave(file)) == RATE for file in files)
    made_ns = [file.stat().st_mtime_ns for file in files]
    files[0].unlink()
    make_speech_cache(speech_dir, cache, neural=False)
    assert [file.stat().st_mtime_ns for file in files[1:]] == made_ns[1:]
    assert files[0].is_file()


def test_windows_cover_everything() -> None:
    assert windows_of(10, 20, 5) == [(0, 10)]
    assert windows_of(25, 10, 6) == [(0, 10), (6, 16), (12, 22), (15, 25)]
    assert len(fit_length(np.ones(5, np.float32), 8)) == 8
