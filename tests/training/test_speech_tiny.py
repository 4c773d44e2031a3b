"""The speech training on synthetic sound: cache, batches, a short run, resume, and the report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from deepfake_hf.errors import DataError
from deepfake_hf.media import write_audio
from deepfake_hf.models import presets
from deepfake_hf.training.config import TrainConfig, make_config
from deepfake_hf.training.recipes import read_recipe
from deepfake_hf.training.run import train
from deepfake_hf.training.speech import report_twins
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


def recipe(cache: Path, out: Path, *settings: str) -> TrainConfig:
    given = ["preset=tiny_audio_for_tests", "data.batch=2", "data.window_s=[0.4, 0.5]", "loop.steps=6", "seed=1"]
    more = ["loop.evaluate_every=3", "loop.precision=fp32", "loop.workers=0", "data.leave_out=griffin_lim", *settings]
    return make_config(
        read_recipe("lite_audio"), {"data": {"path": str(cache)}, "out": str(out)}, settings=[*given, *more]
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
    sampler = TwinSampler(twins, seed=3)
    pair, again = sampler.pair(5, 1), sampler.pair(5, 1)
    assert len(pair) == 2 and all(np.array_equal(a, b) for a, b in zip(pair, again, strict=True))
    assert not np.array_equal(pair[0], sampler.pair(5, 2)[0])
    assert abs(len(pair[0]) - len(sampler.pair(5, 2)[0])) <= RATE  # one length a step, clips may end before it
    with pytest.raises(DataError):
        read_twins(cache, "train", "tape")


def test_a_run_reports_and_resumes_to_the_same_weights(cache: Path, tmp_path: Path) -> None:
    train(recipe(cache, tmp_path / "whole"))
    whole = report_twins(tmp_path / "whole")
    assert set(whole["validation"]["left_out"]) == {"griffin_lim"}
    assert whole["validation"]["clean"]["griffin_lim"]["num_real"] == 2 and whole["steps"] == 6
    assert (tmp_path / "whole" / "scores_validation.csv").is_file()
    train(recipe(cache, tmp_path / "parts", "loop.minutes=0"))
    train(recipe(cache, tmp_path / "parts"), resume=True)
    weights = [load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "parts")]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


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
