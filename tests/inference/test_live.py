"""A running verdict over a stream, with a face finder and a branch that say what they are told to."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.inference.conclude import Concluder
from deepfake_hf.inference.live import RUNNING_S, LiveWatch
from deepfake_hf.inference.session import LiveSession
from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.types import Face, Verdict

FRAME = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)


class Finder:
    """One face that moves to the right by 50 pixels a second; ``side`` is its size."""

    name = "told"

    def __init__(self, side: float = 100.0) -> None:
        self.looks, self.side, self.now_s = 0, side, 0.0

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        self.looks += 1
        left = 20 + 50 * self.now_s
        return [Face(np.array([left, 60, left + self.side, 60 + self.side], np.float32), 0.9)]


class Branch:
    """Margins that are taken from ``says``; ``cost_s`` each."""

    def __init__(self, says: float = -4.0, cost_s: float = 0.0) -> None:
        self.says, self.cost_s = says, cost_s

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        time.sleep(self.cost_s)
        return np.full(len(crops), self.says)


def watch_of(finder: Finder, branch: Branch | None, load: float | None = None) -> LiveWatch:
    null = NullDistribution.fit(np.random.default_rng(0).normal(-2, 1, 400))
    concluder = Concluder({"face": BranchCalibration(null)}, "told")
    return LiveWatch(LiveSession(finder, branch, None, 16_000), concluder, "fpr1", load)


def test_faces_are_looked_for_five_times_a_second_and_tracked_between() -> None:
    finder = Finder()
    watch, analysed, errors = watch_of(finder, Branch()), 0, []
    for index in range(50):  # two seconds at 25 a second
        finder.now_s = index / 25
        [seen] = watch.push_frame(FRAME, finder.now_s)
        analysed += watch.analysed
        errors.append(abs(seen.box_xyxy[0] - (20 + 50 * finder.now_s)))
        assert seen.track == 0
        if analysed < 3:
            assert seen.verdict is None and seen.reason == f"{analysed} of the 3 scores that a reading needs"
        else:
            assert seen.verdict is Verdict.REAL
    assert analysed == finder.looks == 10
    assert max(errors[10:]) < 3  # the speed is known by then: boxes between go along with the face


def test_the_reading_follows_within_two_seconds_while_the_result_keeps_thirty() -> None:
    finder, branch = Finder(), Branch(-4.0)
    watch = watch_of(finder, branch)
    for index in range(100):
        watch.push_frame(FRAME, index / 5)
    branch.says = 6.0
    readings = [watch.push_frame(FRAME, 20 + index / 5)[0].verdict for index in range(11)]
    assert readings[0] is Verdict.REAL and readings[-1] is Verdict.FAKE and RUNNING_S == 2.0
    result = watch.result()
    assert result.branches[0].verdict is Verdict.REAL and len(result.windows) == 111
    # the two seconds leap out of the thirty
    assert result.verdict is Verdict.UNCERTAIN and "from 20.0 to" in result.reason
    for index in range(200):
        watch.push_frame(FRAME, 22.2 + index / 5)
    assert len(watch.result().windows) <= 152  # half a minute and no more


def test_a_slow_machine_analyses_less_often() -> None:
    watch = watch_of(Finder(), Branch(cost_s=0.2), load=0.5)
    watch.push_frame(FRAME, 0.0)
    assert 0.4 <= watch.step_s < 2.0
    watch.push_frame(FRAME, 0.3)
    assert not watch.analysed
    steady = watch_of(Finder(), Branch(cost_s=0.2), load=None)
    steady.push_frame(FRAME, 0.0)
    assert steady.step_s == 0.2


def test_a_face_that_cannot_be_scored_says_why() -> None:
    [seen] = watch_of(Finder(side=14.0), Branch()).push_frame(FRAME, 0.0)
    assert seen.verdict is None and seen.p_fake is None and "px" in seen.reason


def test_frames_may_change_size_and_boxes_stay_inside() -> None:
    finder = Finder()
    watch = watch_of(finder, Branch())
    watch.push_frame(FRAME, 0.0)
    for seen in watch.push_frame(FRAME[:100, :90], 0.1):
        left, top, right, bottom = seen.box_xyxy
        assert 0 <= left <= right <= 90 and 0 <= top <= bottom <= 100


def test_without_a_branch_of_faces_there_are_none() -> None:
    watch = watch_of(Finder(), None)
    assert watch.push_frame(FRAME, 0.0) == () and watch.result().verdict is None


def test_bad_frames_and_times_are_refused() -> None:
    watch = watch_of(Finder(), Branch())
    watch.push_frame(FRAME, 1.0)
    for rgb, pts_s in ((FRAME, 0.9), (FRAME, float("nan")), (FRAME[..., 0], 1.1), (FRAME.astype(np.float32), 1.1)):
        with pytest.raises(UsageError):
            watch.push_frame(rgb, pts_s)
