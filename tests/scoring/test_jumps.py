"""Levels of scores: a jump is found to the window, a drift and noise are none, and stretches end where it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_hf.scoring.aggregation import suspicious_segments
from deepfake_hf.scoring.jumps import jumps
from deepfake_hf.types import Segment, WindowScore


def windows(margins: np.ndarray, step_s: float = 0.25, reach_s: float | None = None) -> list[WindowScore]:
    reach_s = reach_s or step_s
    return [WindowScore(i * step_s, i * step_s + reach_s, "face", 0, float(m)) for i, m in enumerate(margins)]


def swapped(base: float, high: float, noise: float, seed: int, step_s: float = 0.25) -> np.ndarray:
    """Eight seconds of which 3.0 to 5.0 s are high."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 8, step_s)
    return np.where((times >= 3) & (times < 5), high, base) + rng.normal(0, noise, len(times))


def strongest(found: tuple[Segment, ...]) -> Segment:
    return max(found, key=lambda segment: segment.p_fake)


# The limits are margins 2.0 and 0.6 here: a base above them is a genuine face that the weights take for suspicious.
@pytest.mark.parametrize("base", [-4.0, 0.0, 1.0, 1.6, 2.6])
@pytest.mark.parametrize("step_s", [0.125, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_two_seconds_are_found_whatever_the_genuine_face_scores(base: float, step_s: float, seed: int) -> None:
    found = suspicious_segments(
        windows(swapped(base, max(4.0, base + 6), 0.6, seed, step_s), step_s), 0.881, 0.646, 1.0
    )
    best = strongest(found)
    assert abs(best.start_s - 3) <= 0.5 and abs(best.end_s - 5) <= 0.5


def test_levels_near_the_limit_without_a_jump_stay_one_stretch() -> None:
    drift = np.linspace(1.0, 4.5, 40) + np.random.default_rng(1).normal(0, 0.7, 40)
    assert jumps(drift) == []
    [segment] = suspicious_segments(windows(drift), 0.881, 0.646, 1.0)
    assert segment.end_s == 10.0


def test_cuts_add_no_suspicious_time() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        margins = np.cumsum(rng.normal(0, 0.8, 60)) + rng.normal(0, 0.5, 60)
        for item in suspicious_segments(windows(margins), 0.881, 0.646, 1.0):
            inside = [w.logit_fake for w in windows(margins) if item.start_s <= w.start_s < item.end_s]
            assert max(inside) >= 2.0 - 1e-3  # each stretch reaches the fake limit itself


def test_places_are_exact_without_noise() -> None:
    row = np.concatenate((np.full(9, -3.0), np.full(8, 4.0), np.full(5, -3.0), np.full(6, 0.5)))
    assert jumps(row) == [9, 17, 22]
    assert jumps(np.full(30, 1.0)) == [] and jumps([]) == [] and jumps([1.0, 9.0, 1.0]) == []
    assert jumps(np.concatenate((np.zeros(20), np.full(20, 0.5)))) == []  # less than counts


def test_a_short_dip_does_not_end_a_stretch() -> None:
    row = np.concatenate((np.full(6, -3.0), np.full(8, 4.0), np.full(3, 1.2), np.full(8, 4.0), np.full(6, 1.2)))
    found = suspicious_segments(windows(row), 0.881, 0.646, 1.0)
    assert [(s.start_s, s.end_s) for s in found] == [(1.5, 6.25)]


def test_one_odd_window_is_no_level() -> None:
    row = np.full(20, -2.0)
    row[11] = 7.0
    assert jumps(row) == []


def test_overlapping_windows_are_not_cut() -> None:
    row = np.concatenate((np.full(6, 1.0), np.full(4, 8.0), np.full(6, 1.0)))
    apart = suspicious_segments(windows(row, 1.25), 0.881, 0.646, 1.5)
    shared = suspicious_segments(windows(row, 1.25, 2.5), 0.881, 0.646, 1.5)
    assert [(s.start_s, s.end_s) for s in apart] == [(7.5, 12.5)]
    assert [(s.start_s, s.end_s) for s in shared] == [(7.5, 21.25)]


@given(st.lists(st.floats(-30, 30), max_size=60))
def test_cuts_are_in_order_and_two_windows_apart(row: list[float]) -> None:
    edges = [0, *jumps(row), len(row)]
    assert all(b - a >= 2 for a, b in pairwise(edges)) or len(edges) == 2


def test_long_rows_are_done_in_good_time() -> None:
    row = np.random.default_rng(0).normal(0, 1, 7200)
    row[3000:3600] += 9
    assert jumps(row) == [3000, 3600]
