"""A stretch that leaps out of its own surroundings is told from a level that drifts or wavers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from deepfake_hf.scoring.aggregation import suspicious_segments
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.scoring.changed_parts import LEAST_RISE, changed_parts
from deepfake_hf.types import Segment, WindowScore

STEP_S = 0.25
FAKE_AT, REAL_BELOW = 0.87, 0.71


def windows_of(margins: Sequence[float]) -> list[WindowScore]:
    return [
        WindowScore(STEP_S * place, STEP_S * (place + 1), "face", 3, margin, sigmoid(margin))
        for place, margin in enumerate(margins)
    ]


def found(margins: Sequence[float]) -> tuple[Segment, ...]:
    windows = windows_of(margins)
    return changed_parts(suspicious_segments(windows, FAKE_AT, REAL_BELOW, 1.0), windows)


def test_two_seconds_that_leap_up_are_a_changed_part() -> None:
    (part,) = found([-2.0] * 8 + [5.0] * 8 + [-2.0] * 8)
    assert (part.start_s, part.end_s, part.track) == (2.0, 4.0, 3)


@pytest.mark.parametrize("at_the_start", [True, False])
def test_at_an_end_of_the_track_one_side_is_enough(at_the_start: bool) -> None:
    margins = [5.0] * 6 + [-1.0] * 12
    assert len(found(margins if at_the_start else margins[::-1])) == 1


def test_a_face_that_is_fake_throughout_has_no_part() -> None:
    assert found([5.0] * 24) == ()


def test_a_rise_that_is_too_small_or_too_short_is_none() -> None:
    low = 2.5 - LEAST_RISE
    assert found([low + 0.3] * 8 + [2.5] * 8 + [low + 0.3] * 8) == ()
    assert len(found([low - 0.3] * 8 + [2.5] * 8 + [low - 0.3] * 8)) == 1
    assert found([-2.0] * 8 + [6.0] * 2 + [-2.0] * 8) == ()


def test_one_side_that_stays_high_is_none() -> None:
    """A level that rises and stays is another scene or camera; the track's own verdict says the rest."""
    margins = [-3.0] * 12 + [2.2] * 6 + [1.8] * 12
    windows = windows_of(margins)
    assert changed_parts([Segment(3.0, 4.5, "face", 3, 0.9)], windows) == ()


def test_a_long_track_is_judged_by_its_own_surroundings() -> None:
    rng = np.random.default_rng(0)
    slow = 1.5 * np.sin(np.linspace(0, 40, 4000)) + 0.8 + rng.normal(0, 0.4, 4000)
    assert found([float(value) for value in slow]) == ()
    slow[2000:2008] = slow[1990] + 5.0
    assert len(found([float(value) for value in slow])) == 1
