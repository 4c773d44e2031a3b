"""Perturbed sound: hand-worked values, time that stays, seeds, and levels that go ever farther from the original."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from media_making import chirp, sine
from scipy.signal import correlate

from deepfake_hf.errors import UsageError
from deepfake_hf.media.perturb_grid import GROUPS, LADDERS, Perturbation
from deepfake_hf.media.perturb_sound import (
    change_speed,
    coloured_noise,
    cut_length,
    limit_band,
    mix_noise,
    reverberant_tail,
    reverberate,
    room_response,
    trim_silence,
)

RATE = 16_000


def speech_like() -> np.ndarray:
    """Silence, a faint breath, 4.5 s of a swelling sweep with some hiss, a faint breath, silence: float32 (96000,)."""
    sound = np.zeros(6 * RATE, np.float32)
    sound[RATE // 2 : 5 * RATE] = chirp(4.5, RATE)
    hiss = np.random.default_rng(9).normal(0, 0.02, 4 * RATE).astype(np.float32)
    sound[RATE : 5 * RATE] += hiss  # up to 8 kHz, so that there is something above every band limit
    for start, level in ((RATE // 4, 0.0022), (5 * RATE, 0.007)):  # about 42 and 32 dB below the sweep
        sound[start : start + RATE // 4] = np.random.default_rng(8).normal(0, level, RATE // 4)
    return sound


def delay(original: np.ndarray, changed: np.ndarray) -> int:
    """Samples by which the second comes later."""
    length = min(len(original), len(changed))
    return int(np.argmax(correlate(changed[:length], original[:length], method="fft"))) - (length - 1)


@pytest.mark.parametrize("name", GROUPS["sound"])
def test_ladders_of_sound(name: str) -> None:
    sound, ladder = speech_like(), LADDERS[name]
    kept = sound.copy()
    steps = [Perturbation(ladder, level) for level in range(1, len(ladder.values) + 1)]
    made = [step.sound(sound, RATE, np.random.default_rng(3)) for step in steps]
    assert np.array_equal(sound, kept)
    for changed, step in zip(made, steps, strict=True):
        assert changed.dtype == np.float32 and np.isfinite(changed).all() and np.abs(changed).max() <= 1
        assert np.array_equal(changed, step.sound(sound, RATE, np.random.default_rng(3)))
    if ladder.keeps_time:
        assert {len(changed) for changed in made} == {len(sound)}
        assert all(abs(delay(sound, changed)) <= 2 for changed in made)
        farness = [1 - float(np.corrcoef(sound, changed)[0, 1]) for changed in made]
    else:
        farness = [abs(len(changed) - len(sound)) for changed in made]
    assert all(near <= far for near, far in pairwise(farness)), farness
    assert len(made) == 1 or farness[0] < farness[-1]


def test_noise_comes_at_the_stated_ratio() -> None:
    tone = sine(2.0, RATE)
    noise = coloured_noise(len(tone), 0.0, np.random.default_rng(0))
    assert float(np.sqrt(np.mean(noise**2))) == pytest.approx(1.0, abs=1e-4)
    added = mix_noise(tone, noise, 10.0) - tone
    ratio = np.mean(tone.astype(float) ** 2) / np.mean(added.astype(float) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(10.0, abs=0.01)


def test_pink_noise_loses_3_db_an_octave() -> None:
    power = np.abs(np.fft.rfft(coloured_noise(1 << 17, 1.0, np.random.default_rng(0)))) ** 2
    low, high = power[1000:2000].mean(), power[2000:4000].mean()
    assert 10 * np.log10(low / high) == pytest.approx(3.01, abs=0.4)


def test_a_room_begins_with_the_direct_sound() -> None:
    tail = reverberant_tail(RATE // 2, RATE, np.random.default_rng(0))
    response = room_response(tail, 6.0)
    assert response[0] == 1.0 and not response[1:32].any()  # 2 ms of nothing
    assert 10 * np.log10(np.sum(response[1:].astype(float) ** 2)) == pytest.approx(-6.0, abs=0.05)
    early, late = np.mean(tail[400:1200] ** 2), np.mean(tail[4400:5200] ** 2)
    assert 10 * np.log10(early / late) == pytest.approx(60 * 4000 / 8000, abs=2.5)  # 60 dB over its 8000 samples
    click = np.zeros(RATE, np.float32)
    click[100] = 0.5
    wet = reverberate(click, response)
    assert np.argmax(np.abs(wet)) == 100 and not np.abs(wet[:100]).max() > 1e-6
    assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(click**2)), rel=1e-3)


@pytest.mark.parametrize(("hz", "left"), [(1000.0, 1.0), (3400.0, 0.5**0.5), (3700.0, 0.035), (5000.0, 0.0)])
def test_band_limit(hz: float, left: float) -> None:
    tone = sine(1.0, RATE, hz)
    middle = slice(RATE // 4, 3 * RATE // 4)
    passed = np.std(limit_band(tone, RATE, 3400.0)[middle]) / np.std(tone[middle])
    assert passed == pytest.approx(left, abs=0.01)


def test_speed_moves_pitch_and_length() -> None:
    tone = sine(2.0, RATE, 440.0)
    faster = change_speed(tone, 1.1)
    assert len(faster) == pytest.approx(2 * RATE / 1.1, abs=1)
    peak = np.argmax(np.abs(np.fft.rfft(faster))) * RATE / len(faster)
    assert peak == pytest.approx(484.0, abs=1.0)


def test_trimming_takes_the_ends_and_leaves_the_pause() -> None:
    sound = np.zeros(RATE, np.float32)
    sound[3200:4800] = 0.5
    sound[9600:11200] = 0.25  # 6 dB weaker
    assert len(trim_silence(sound, RATE, 30.0)) == 11200 - 3200
    assert len(trim_silence(sound, RATE, 3.0)) == 1600
    silent = np.zeros(500, np.float32)
    assert np.array_equal(trim_silence(silent, RATE, 30.0), silent)


def test_cutting_keeps_the_middle() -> None:
    ramp = np.arange(10, dtype=np.float32)
    assert cut_length(ramp, 1, 4.0).tolist() == [3, 4, 5, 6]
    assert cut_length(ramp, 1, 40.0).tolist() == ramp.tolist()


def test_what_cannot_be_done_is_refused() -> None:
    tone = sine(0.1, RATE)
    with pytest.raises(UsageError, match="limit_hz"):
        limit_band(tone, RATE, 0.0)
    with pytest.raises(UsageError, match="speed"):
        change_speed(tone, 3.0)


def test_loud_noise_does_not_clip() -> None:
    loud = Perturbation(LADDERS["white_noise"], 5).sound(sine(1.0, RATE, level=1.0), RATE, np.random.default_rng(0))
    assert np.abs(loud).max() == 1.0 and (np.abs(loud) > 0.999).sum() == 1
