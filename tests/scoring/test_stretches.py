"""Short stretches of a sound: found where they are, seldom in genuine sound of any length, and beside long ones."""

from __future__ import annotations

import numpy as np
import pytest

from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.scoring.stretches import PIECE_S, finest, limit_over, piece_peaks, raised, standing_out
from deepfake_hf.types import Segment, ShortWindow

HOP_S = 0.25


def windows(margins: np.ndarray) -> list[ShortWindow]:
    return [ShortWindow(i * HOP_S, i * HOP_S + 1.0, "speech", None, float(m)) for i, m in enumerate(margins)]


def genuine(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(-4, 2, int(seconds / HOP_S))


def with_fake(margins: np.ndarray, begin_s: float, end_s: float, high: float) -> np.ndarray:
    """Each window rises with the share of it that is fake."""
    starts = np.arange(len(margins)) * HOP_S
    share = np.clip(np.minimum(starts + 1.0, end_s) - np.maximum(starts, begin_s), 0, 1)
    return np.asarray(margins + high * share)


NULL = NullDistribution.fit(np.concatenate([piece_peaks(windows(genuine(600, seed))) for seed in range(100, 104)]))


@pytest.mark.parametrize("seconds", [5, 15, 60, 600])
def test_one_genuine_recording_in_twenty_has_a_stretch_whatever_its_length(seconds: float) -> None:
    found = [bool(standing_out(windows(genuine(seconds, seed)), NULL)) for seed in range(100)]
    assert np.mean(found) < 0.14  # 0.05, and four deviations of 100 draws


@pytest.mark.parametrize("length_s", [1.0, 2.5])
def test_a_fake_is_found_to_half_a_second(length_s: float) -> None:
    right = 0
    for seed in range(20):
        found = standing_out(windows(with_fake(genuine(15, seed), 6.1, 6.1 + length_s, 14)), NULL)
        top = max(found, key=lambda segment: segment.p_fake)
        right += abs(top.start_s - 6.1) <= 0.5 and abs(top.end_s - 6.1 - length_s) <= 0.5
    assert right >= 18


def test_the_limit_rises_with_length_and_nothing_comes_of_nothing() -> None:
    limits = [limit_over(NULL, pieces) for pieces in (1, 3, 12, 120)]
    assert limits == sorted(limits) and limits[-1] > limits[0] + 0.5
    assert standing_out([], NULL) == () and len(piece_peaks([])) == 0
    assert len(piece_peaks(windows(genuine(60, 0)))) == 60 / PIECE_S


def test_short_stretches_take_the_place_of_a_long_one_they_do_not_fill() -> None:
    long, other = Segment(0.0, 5.0, "speech", None, 0.999), Segment(20.0, 23.0, "speech", None, 0.999)
    inside, alone = Segment(2.0, 3.1, "speech", None, 0.99), Segment(10.0, 11.0, "speech", None, 0.99)
    assert finest([long, other], [inside, alone]) == (inside, alone, other)
    filling = Segment(0.5, 4.5, "speech", None, 0.99)
    assert finest([long], [filling]) == (long,)
    assert finest([], [alone]) == (alone,) and finest([long], []) == (long,)


def test_a_calibration_keeps_both_distributions() -> None:
    both = BranchCalibration.from_arrays(BranchCalibration(NULL, NULL).to_arrays())
    assert both.stretches is not None and np.array_equal(both.stretches.margins, NULL.margins)
    assert BranchCalibration.from_arrays(BranchCalibration(NULL).to_arrays()).stretches is None


def test_a_window_that_one_head_knows_stands_out_whatever_the_other_says() -> None:
    pairs = [(0.0, 0.0), (3.0, 4.0), (6.0, -9.0), (-9.0, 6.0), (0.0, 0.0)]
    both = [ShortWindow(i * HOP_S, i * HOP_S + 1, "speech", None, a, short_margin=b) for i, (a, b) in enumerate(pairs)]
    np.testing.assert_allclose(raised(both), [0, 5, 6, 6, 0])
    assert raised([]).shape == (0,)


def test_a_distribution_of_few_recordings_still_has_a_limit_beyond_them() -> None:
    few = NullDistribution.fit(np.random.default_rng(3).normal(2, 1, 50))  # only the last knot is that rare
    assert few.margins[-1] < limit_over(few, 12) < 20
    assert len(standing_out(windows(with_fake(genuine(60, 1), 20, 21, 60)), few)) == 1
