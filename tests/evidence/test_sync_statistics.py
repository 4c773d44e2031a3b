"""Offset, confidence and p-value on embeddings made here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from deepfake_hf.errors import UsageError
from deepfake_hf.evidence.sync_statistics import (
    BLOCK_FRAMES,
    LEAST_PAIRS,
    distance_table,
    pairs_per_offset,
    shuffled,
    sync_curve,
)
from deepfake_hf.models.modeling_syncnet import offset_and_confidence


def smooth(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """(count, 6), as windows of five frames are: each like its neighbours."""
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2) ** 2)
    return np.stack([np.convolve(rng.normal(size=count + 16), kernel, "valid") for _ in range(6)], axis=1)


def table_of(looks: NDArray[np.float64], sounds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(looks[:, None] - sounds[None], axis=2))


@pytest.mark.parametrize("lag", [-10, 0, 7, 15])
def test_a_known_lag_is_found(lag: int) -> None:
    rng = np.random.default_rng(3)
    looks = smooth(rng, 80)
    sounds = np.roll(looks, -lag, axis=0) + 0.3 * rng.normal(size=looks.shape)  # sound j belongs to look j + lag
    curve = sync_curve(table_of(looks, sounds), shuffles=199)
    assert curve.best_ms == 40 * lag and curve.p_value <= 0.015 and curve.confidence > 0.5
    assert curve.distances.min() < curve.shuffled_low.min() and (curve.shuffled_low < curve.shuffled_high).all()


def test_with_all_windows_it_is_the_model_s_own_offset_and_confidence() -> None:
    rng = np.random.default_rng(4)
    looks, sounds = smooth(rng, 80), smooth(rng, 80)
    match = offset_and_confidence(torch.tensor(looks), torch.tensor(sounds))
    curve = sync_curve(table_of(looks, sounds), shuffles=9)
    np.testing.assert_allclose(curve.distances, match.distances, rtol=1e-5)
    assert curve.best_ms == 40 * match.offset_frames and curve.confidence == pytest.approx(match.confidence, abs=1e-5)


def test_p_values_of_independent_sound_are_uniform() -> None:
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        found.append(sync_curve(table_of(smooth(rng, 80), smooth(rng, 80)), shuffles=99).p_value)
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.1


def test_without_the_slow_part_independent_sound_is_rarely_in_sync() -> None:
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found.append(sync_curve(distance_table(smooth(rng, 80), smooth(rng, 80)), shuffles=99).p_value)
    assert np.mean(np.array(found) <= 0.05) <= 0.11 and 0.38 < np.mean(found) < 0.58


def test_the_same_seed_gives_the_same_p() -> None:
    rng = np.random.default_rng(5)
    table = table_of(smooth(rng, 80), smooth(rng, 80))
    first, again = (sync_curve(table, shuffles=99) for _ in range(2))
    other = sync_curve(table, shuffles=99, seed=1)
    assert first.p_value == again.p_value and np.array_equal(first.shuffled_low, again.shuffled_low)
    assert not np.array_equal(first.shuffled_low, other.shuffled_low)


def test_what_both_do_slowly_is_no_sync() -> None:
    rng = np.random.default_rng(6)
    looks, sounds = smooth(rng, 80), smooth(rng, 80)
    drift = np.linspace(-5, 5, 80)[:, None] ** 2  # both rise and fall together over the clip
    plain, drifting = distance_table(looks, sounds), distance_table(looks + drift, sounds + drift)
    inner = slice(5, 75)  # at the ends the mean has one side only
    assert np.abs(plain - drifting)[inner, inner].max() < 0.3 < np.abs(table_of(drift, drift)).max()


def test_what_is_done_together_quickly_stays() -> None:
    rng = np.random.default_rng(7)
    looks = smooth(rng, 80)
    curve = sync_curve(distance_table(looks, np.roll(looks, -5, axis=0)), shuffles=99)
    assert curve.best_ms == 200 and curve.p_value == 0.01


def test_missing_looks_and_sounds_are_left_out() -> None:
    looks = np.random.default_rng(8).normal(size=(80, 4))
    sounds = looks.copy()
    looks[30], sounds[40] = np.nan, np.nan
    table = distance_table(looks, sounds)
    assert np.isnan(table[30]).all() and np.isnan(table[:, 40]).all() and np.isfinite(np.delete(table[0], 40)).all()
    counts = pairs_per_offset(table)
    assert counts[15] == 78 and counts[15 + 10] == 70 - 2  # at +10 sound 20 lacks look 30, and look 50 sound 40
    assert sync_curve(table, 9).best_ms == 0 and np.isfinite(sync_curve(table, 9).distances).all()


def test_shuffling_keeps_every_window_and_most_neighbours() -> None:
    columns = np.arange(5, 65)
    made = shuffled(columns, np.random.default_rng(1))
    assert sorted(made) == list(columns) and not np.array_equal(made, columns)
    assert np.mean(np.diff(made) == 1) > 1 - 2 / BLOCK_FRAMES


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(UsageError, match="fewer than 10 pairs"):
        sync_curve(np.ones((LEAST_PAIRS + 14, LEAST_PAIRS + 14)))
