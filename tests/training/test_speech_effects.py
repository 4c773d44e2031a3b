"""More augmentation of sound: seeded, the same length, global generators left alone, off by default."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from deepfake_hf.errors import UsageError
from deepfake_hf.training.speech_augmentation import SpeechAugmentation
from deepfake_hf.training.speech_effects import (
    AUDIOMENTATIONS,
    audiomentation,
    convolutive_noise,
    random_codec,
    spec_augment,
)

RATE = 16_000


def sound() -> np.ndarray:
    t = np.arange(RATE) / RATE
    swell = 0.3 + 0.2 * np.sin(2 * np.pi * 3 * t)
    return (swell * np.sin(2 * np.pi * 300 * t) + np.random.default_rng(0).normal(0, 0.02, RATE)).astype(np.float32)


@pytest.mark.parametrize("name", AUDIOMENTATIONS)
def test_audiomentations_are_seeded_and_keep_length(name: str) -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    made = [audiomentation(name, sound(), RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert (random.random(), np.random.random()) == expected
    assert made[0].shape == sound().shape and made[0].dtype == np.float32 and np.isfinite(made[2]).all()
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], sound())
    others = [audiomentation(name, sound(), RATE, np.random.default_rng(seed)) for seed in range(2, 8)]
    assert not all(np.array_equal(made[0], other) for other in others)


def test_convolutive_noise_adds_harmonics_and_keeps_the_peak() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)).astype(np.float32)
    made = convolutive_noise(tone, RATE, np.random.default_rng(3))
    power = np.abs(np.fft.rfft(made[1000:-1000] * np.hanning(RATE - 2000))) ** 2
    hertz = np.fft.rfftfreq(RATE - 2000, 1 / RATE)

    def at(hz: float) -> float:
        return float(power[np.abs(hertz - hz) < 10].sum() / power.sum())

    assert at(500) > 0.5 and at(1500) > 1e-4  # the cube of a sine has three times its frequency
    assert at(700) < 1e-6
    assert np.abs(made).max() == pytest.approx(0.5, rel=1e-5) and abs(float(made.mean())) < 1e-3
    lag = np.argmax(np.correlate(made[4000:8000], tone[4000:8000], "same")) - 2000
    assert abs(lag) <= 3
    silent = np.zeros(100, np.float32)
    assert np.array_equal(convolutive_noise(silent, RATE, np.random.default_rng(0)), silent)


def test_random_codec_keeps_length() -> None:
    made = [random_codec(sound(), RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert len(made[0]) == RATE and np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])
    assert np.corrcoef(made[0], sound())[0, 1] > 0.9


def test_spec_augment_masks_time_and_bins_of_each_row() -> None:
    values = torch.ones(3, 100, 40)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    masked = spec_augment(values, np.random.default_rng(0), lengths=[100, 100, 60])
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(values, torch.ones(3, 100, 40)) and masked.shape == values.shape
    assert torch.equal(masked, spec_augment(values, np.random.default_rng(0), lengths=[100, 100, 60]))
    assert not torch.equal(masked[0], masked[1])
    assert bool((masked[2, 60:] == 1).all())  # padding is not touched
    for row in masked:
        assert set(row.unique().tolist()) == {0.0, 1.0}
        hidden_bins, hidden_steps = (row[:60] == 0).all(0), (row == 0).all(1)
        assert hidden_bins.sum() <= 24 and hidden_steps.sum() <= 40
        rest = row[:60][~hidden_steps[:60]][:, ~hidden_bins]
        assert bool((rest == 1).all())  # whole columns and rows, nothing else


def test_new_kinds_come_in_by_settings() -> None:
    plain = SpeechAugmentation.none()
    for settings in ({"p_convolutive": 1.0}, {"p_effect": 1.0}, {"p_codec": 1.0}):
        augment = SpeechAugmentation(*[0.0] * 8, **settings)
        made = [augment(sound(), RATE, np.random.default_rng(seed)) for seed in (1, 1)]
        assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], sound())
        assert len(made[0]) == RATE and made[0].dtype == np.float32
    assert np.array_equal(plain(sound(), RATE, np.random.default_rng(0)), sound())
    rng, other = np.random.default_rng(7), np.random.default_rng(7)
    SpeechAugmentation()(sound(), RATE, rng)
    SpeechAugmentation(effects=("Aliasing",))(sound(), RATE, other)
    assert rng.random() == other.random()  # what is off draws nothing


def test_unknown_effects_are_refused() -> None:
    with pytest.raises(UsageError, match="Reverse"):
        SpeechAugmentation(effects=("Reverse",))
    with pytest.raises(UsageError, match="none"):
        SpeechAugmentation(p_effect=0.5, effects=())
    with pytest.raises(UsageError, match="not offered"):
        audiomentation("Reverse", sound(), RATE, np.random.default_rng(0))
