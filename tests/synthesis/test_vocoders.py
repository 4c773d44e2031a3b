"""Copy-synthesis: same length, same seed same sound, no trouble with silence, and close to the original's spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepfake_hf.errors import UsageError
from deepfake_hf.synthesis.vocoders import FAMILIES, GENERATORS, hifigan_mel, resampling_path, vocode

RATE = 16_000


def _vowel(seconds: float = 0.5) -> np.ndarray:
    """A buzz of 120 Hz through two resonances: what the vocoders' pitch trackers take for a voice."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    wave = sum(
        np.sin(2 * np.pi * 120 * k * time_s) / (1 + ((120 * k - 600) / 300) ** 2) for k in range(1, 40)
    ) + 0.01 * np.random.default_rng(0).normal(size=len(time_s))
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_copy_is_seeded_finite_and_as_long(name: str) -> None:
    wave = _vowel()
    made = vocode(name, wave, RATE, seed=3)
    assert made.shape == wave.shape and made.dtype == np.float32
    assert np.isfinite(made).all() and np.abs(made).max() <= 1.0
    assert not np.allclose(made, wave, atol=1e-3)
    assert 0.2 < made.std() / wave.std() < 3.0
    assert np.array_equal(made, vocode(name, wave, RATE, seed=3))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("num_samples", [0, 100, 6_000])
def test_silence_and_scraps_come_back(name: str, num_samples: int) -> None:
    assert np.array_equal(vocode(name, np.zeros(num_samples, np.float32), RATE, 0), np.zeros(num_samples))


def test_the_torch_seed_of_the_caller_is_left_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    vocode("griffin_lim", _vowel(), RATE, 0)
    assert torch.equal(torch.rand(2), expected)


def test_resampling_path_keeps_length_and_the_band_below_the_edge() -> None:
    wave = _vowel()
    back = resampling_path(wave, RATE)
    assert back.shape == wave.shape
    assert np.corrcoef(wave[500:-500], back[500:-500])[0, 1] > 0.999


def test_every_generator_has_a_family_and_unknown_names_are_refused() -> None:
    assert set(FAMILIES) == set(GENERATORS)
    with pytest.raises(UsageError, match="unknown generator"):
        vocode("tape", _vowel(), RATE, 0)


def test_hifigan_mel_has_its_shape_and_floor() -> None:
    mel = hifigan_mel(torch.zeros(22_050))
    assert mel.shape == (80, 22_050 // 256)
    assert torch.allclose(mel, torch.log(torch.full_like(mel, 1e-5)), atol=0.6)
