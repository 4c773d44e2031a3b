"""Sound shifted, swapped and spliced."""

from __future__ import annotations

import numpy as np
import pytest

from deepfake_hf.errors import UsageError
from deepfake_hf.synthesis.sound_fakes import choose_stretch, other_sound, shift_sound, splice, vocode_long
from deepfake_hf.synthesis.vocoders import vocode

RATE = 16_000
RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(3 * RATE)).astype(np.float32)


@pytest.mark.parametrize("shift_s", [0.5, -0.7])
def test_a_shift_moves_all_and_leaves_no_silence(shift_s: float) -> None:
    moved = shift_sound(NOISE, RATE, shift_s)
    shift = round(shift_s * RATE)
    quiet = round(0.02 * RATE)
    there = slice(shift + quiet, None) if shift > 0 else slice(quiet, len(NOISE) + shift - quiet)
    np.testing.assert_array_equal(moved[there], np.roll(NOISE, shift)[there])
    levels = [moved[start : start + 800].std() for start in range(0, len(moved), 800)]
    assert min(levels) > 0.04


@pytest.mark.parametrize("shift_s", [0.0, 3.0, -9.0])
def test_a_shift_that_is_none_or_too_long_is_refused(shift_s: float) -> None:
    with pytest.raises(UsageError, match="lasts"):
        shift_sound(NOISE, RATE, shift_s)


def test_anothers_sound_is_as_long_and_as_loud() -> None:
    other = (0.02 * RNG.standard_normal(RATE)).astype(np.float32)
    made = other_sound(NOISE, other)
    assert len(made) == len(NOISE) and 0.7 < made.std() / NOISE.std() < 1.01
    with pytest.raises(UsageError, match="no samples"):
        other_sound(NOISE, other[:0])


def test_a_stretch_is_chosen_where_there_is_speech() -> None:
    wave = NOISE.copy()
    wave[: 2 * RATE] *= 0.001
    for seed in range(20):
        begin, end = choose_stretch(wave, RATE, 0.5, np.random.default_rng(seed))
        assert end - begin == RATE // 2 and begin > 1.5 * RATE and end <= len(wave)
    with pytest.raises(UsageError, match="shorter stretch"):
        choose_stretch(wave, RATE, 3.5, np.random.default_rng(0))
    with pytest.raises(UsageError, match="silent"):
        choose_stretch(np.zeros(RATE, np.float32), RATE, 0.5, np.random.default_rng(0))


@pytest.mark.parametrize("alike", [True, False])
def test_a_splice_changes_its_stretch_alone_at_its_level(alike: bool) -> None:
    piece = (0.4 * RNG.standard_normal(RATE)).astype(np.float32)
    made = splice(NOISE, piece, RATE, RATE, 0.02, alike)
    np.testing.assert_array_equal(made[:RATE], NOISE[:RATE])
    np.testing.assert_array_equal(made[2 * RATE :], NOISE[2 * RATE :])
    assert abs(made[RATE : 2 * RATE].std() / NOISE.std() - 1) < 0.05
    inside = slice(RATE + 400, 2 * RATE - 400)
    assert np.corrcoef(made[inside], piece[400 : RATE - 400])[0, 1] > 0.999
    same = splice(NOISE, NOISE[RATE : 2 * RATE], RATE, RATE, 0.02, alike=True)
    np.testing.assert_allclose(same, NOISE, atol=1e-6)


def test_long_sound_is_vocoded_in_blocks_without_seams() -> None:
    seconds = np.arange(int(41.5 * 4_000)) / 4_000
    tone = (0.3 * np.sin(2 * np.pi * 200 * seconds)).astype(np.float32)
    made = vocode_long("mel_magnitude", tone, 4_000, seed=1)
    assert made.shape == tone.shape and np.isfinite(made).all()
    short = tone[:8_000]
    np.testing.assert_array_equal(
        vocode_long("mel_magnitude", short, 4_000, 1), vocode("mel_magnitude", short, 4_000, 1)
    )
    levels = np.array([made[start : start + 400].std() for start in range(0, len(made) - 400, 400)])
    assert levels[2:-2].min() > 0.5 * np.median(levels)
