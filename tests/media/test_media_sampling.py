"""Properties of the sampling arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_hf.errors import UsageError
from deepfake_hf.media.sampling import (
    AtRate,
    EveryNth,
    Random,
    Sampling,
    Uniform,
    make_picker,
    random_indices,
    uniform_indices,
)

gaps_s = st.lists(st.floats(0.001, 2.0), min_size=0, max_size=120)


def rising(gaps: list[float]) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(gaps)])


def kept(sampling: Sampling, pts_s: np.ndarray) -> list[int]:
    picker = make_picker(sampling, pts_s if isinstance(sampling, (Uniform, Random)) else None)
    return [index for index, time_s in enumerate(pts_s) if picker.keep(index, float(time_s))]


@given(gaps_s, st.integers(1, 64))
def test_uniform_gives_the_wanted_number_from_first_to_last(gaps: list[float], frames: int) -> None:
    pts_s = rising(gaps)
    chosen = uniform_indices(pts_s, frames)
    assert len(chosen) == min(len(pts_s), frames)
    assert (np.diff(chosen) > 0).all()
    if frames >= 2:
        assert chosen[0] == 0
        assert chosen[-1] == len(pts_s) - 1
    assert kept(Uniform(frames), pts_s) == chosen.tolist()


@given(gaps_s, st.integers(1, 64), st.integers(0, 9))
def test_random_gives_one_frame_of_each_part(gaps: list[float], frames: int, seed: int) -> None:
    pts_s = rising(gaps)
    chosen = random_indices(len(pts_s), frames, np.random.default_rng(seed))
    wanted = min(len(pts_s), frames)
    assert len(chosen) == wanted and (np.diff(chosen) > 0).all()
    assert all(len(pts_s) * i // wanted <= index < len(pts_s) * (i + 1) // wanted for i, index in enumerate(chosen))
    assert kept(Random(frames, seed), pts_s) == chosen.tolist()


def test_random_reaches_every_frame() -> None:
    draws = [random_indices(10, 3, np.random.default_rng(seed)) for seed in range(200)]
    assert set(np.concatenate(draws).tolist()) == set(range(10))
    assert len(random_indices(0, 3, np.random.default_rng(0))) == 0


@given(st.integers(2, 400), st.integers(2, 32), st.sampled_from([23.976, 25.0, 29.97, 30.0, 60.0]))
def test_uniform_is_even_on_a_constant_rate(count: int, frames: int, fps: float) -> None:
    pts_s = np.arange(count) / fps
    chosen = uniform_indices(pts_s, frames)
    even = np.linspace(0, count - 1, min(frames, count))
    assert np.abs(chosen - even).max() <= 0.5 + 1e-6


def test_uniform_is_even_in_time_and_not_in_index() -> None:
    pts_s = np.concatenate([np.arange(0, 1, 0.01), np.arange(1, 11, 1.0)])  # 100 quick frames, then ten slow ones
    assert pts_s[uniform_indices(pts_s, 6)] == pytest.approx(np.linspace(0, 10, 6), abs=0.01)


def test_one_uniform_frame_is_the_middle() -> None:
    assert uniform_indices(np.arange(11) / 10, 1).tolist() == [5]
    assert uniform_indices(np.empty(0), 3).tolist() == []


@given(st.integers(1, 200), st.integers(1, 20))
def test_every_nth_counts_frames(count: int, n: int) -> None:
    assert kept(EveryNth(n), np.arange(count) / 25) == list(range(0, count, n))


@given(gaps_s, st.sampled_from([0.5, 1.0, 5.0, 12.5, 30.0]))
def test_at_rate_keeps_the_first_frame_of_each_cell(gaps: list[float], fps: float) -> None:
    pts_s = rising(gaps)
    cells = np.floor((pts_s + 1e-3) * fps).astype(int)
    expected = [index for index in range(len(pts_s)) if index == 0 or cells[index] > cells[index - 1]]
    assert kept(AtRate(fps), pts_s) == expected


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_at_its_own_rate_no_frame_is_lost_to_millisecond_rounding(fps: int) -> None:
    pts_s = np.round(np.arange(300) / fps, 3)
    assert len(kept(AtRate(fps), pts_s)) == 300
    assert len(kept(AtRate(fps / 2), pts_s)) == 150


def test_a_lost_end_is_owed() -> None:
    picker = make_picker(Uniform(3), np.array([0.0, 1.0, 2.0]))
    assert picker.keep(0, 0.0) and picker.keep(1, 1.0)
    assert picker.owed()
    assert picker.keep(2, 2.0) and not picker.owed()


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True])
def test_bad_arguments_are_refused(value: float) -> None:
    for mode in (Uniform, EveryNth, AtRate):
        with pytest.raises(UsageError):
            mode(value)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        Uniform(2.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        make_picker(Uniform(3))
