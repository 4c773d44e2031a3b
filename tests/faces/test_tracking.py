"""Tracking: identity through motion, crossing, gaps and sampling; new numbers after a cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.data import coffee

from deepfake_hf.errors import UsageError
from deepfake_hf.faces import FaceTracker, ShotDetector
from deepfake_hf.types import Face


def face(x: float, y: float = 100, side: float = 60) -> Face:
    """A face with its centre at (x, y), and its nose there."""
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, 0.9, np.full((5, 2), (x, y), np.float32))


def numbers(tracker: FaceTracker, pts_s: float, faces: list[Face] | None) -> list[int]:
    return [item.track for item in tracker.update(None, pts_s, faces)]


def test_two_crossing_people_keep_their_numbers() -> None:
    tracker = FaceTracker()
    for step in range(26):
        t = step / 10
        left, right = face(100 + 160 * t), face(500 - 160 * t, 120)
        # while one hides the other, the detector sees one
        seen = [left] if 12 <= step <= 13 else [right, left] if step % 2 else [left, right]
        found = {item.track: item.face for item in tracker.update(None, t, seen)}
        assert set(found) == {0} if len(seen) == 1 else {0, 1}
        assert found[0] is left


def test_a_short_gap_keeps_and_a_long_one_ends_the_number() -> None:
    tracker = FaceTracker(max_gap_s=1.0)
    assert numbers(tracker, 0.0, [face(100)]) == [0]
    for t in (0.2, 0.4, 0.6, 0.8):
        assert numbers(tracker, t, []) == []
    assert numbers(tracker, 0.9, [face(105)]) == [0]
    for t in (1.1, 1.4, 1.8):
        numbers(tracker, t, [])
    assert numbers(tracker, 2.2, [face(105)]) == [1]


@pytest.mark.parametrize("fps", [1, 2, 5, 25])
def test_sampled_frames(fps: int) -> None:
    """A head that sways by its own width in two seconds, one look missed; another that sits still."""
    tracker = FaceTracker()
    for step in range(8 * fps):
        t = step / fps
        swaying = [face(200 + 60 * np.sin(t * np.pi / 2))] if step != 3 else []
        found = tracker.update(None, t, [*swaying, face(500)])
        assert {item.track for item in found} == ({0, 1} if swaying else {1})


def test_boxes_are_carried_on_between_looks() -> None:
    tracker = FaceTracker()
    tracker.update(None, 0.0, [face(100)])
    tracker.update(None, 0.4, [face(140)])
    tracker.update(None, 0.8, [face(180)])
    carried = tracker.update(None, 1.0, None)
    assert len(carried) == 1 and not carried[0].detected and carried[0].track == 0
    moved = carried[0].face.box_xyxy[0] - face(180).box_xyxy[0]
    assert 12 < moved < 21
    assert carried[0].face.landmarks5_xy is not None
    assert carried[0].face.landmarks5_xy[0, 0] == pytest.approx(180 + moved, abs=0.01)
    far = tracker.update(None, 1.7, None)[0].face.box_xyxy
    assert (far[0] + far[2]) / 2 < 180 + 30  # its centre never leaves the last box
    assert tracker.update(None, 4.0, None) == []


def test_a_person_who_left_is_not_carried_on() -> None:
    tracker = FaceTracker()
    tracker.update(None, 0.0, [face(100), face(400)])
    tracker.update(None, 0.2, [face(400)])
    assert numbers(tracker, 0.3, None) == [1]
    assert numbers(tracker, 0.4, [face(400), face(104)]) == [0, 1]


def test_a_detected_face_is_returned_untouched() -> None:
    one = face(33.3)
    item = FaceTracker().update(None, 5.0, [one])[0]
    assert item.face is one and item.detected and item.pts_s == 5.0


def test_a_face_of_another_size_is_another_person() -> None:
    tracker = FaceTracker()
    assert numbers(tracker, 0.0, [face(100, side=40)]) == [0]
    assert numbers(tracker, 0.2, [face(100, side=160)]) == [1]


def test_a_cut_ends_all_numbers(portrait: NDArray[np.uint8]) -> None:
    other = cv2.resize(coffee(), (512, 512)).astype(np.uint8)
    tracker = FaceTracker()
    assert [item.track for item in tracker.update(portrait, 0.0, [face(100)])] == [0]
    assert [item.track for item in tracker.update(portrait, 0.2, [face(100)])] == [0]
    assert [item.track for item in tracker.update(other, 0.4, [face(100)])] == [1]
    assert tracker.update(portrait, 0.6, None) == []  # nothing is carried over a cut


def test_pans_noise_and_light_are_no_cuts(portrait: NDArray[np.uint8]) -> None:
    shots = ShotDetector()
    rng = np.random.default_rng(0)
    for step in range(8):
        view = portrait[:, step * 16 : 384 + step * 16].astype(np.float32)
        view = view * (1 + 0.02 * step) + rng.normal(0, 4, view.shape)
        assert not shots.update(np.clip(view, 0, 255).astype(np.uint8))
    assert shots.update(coffee())


def test_time_never_runs_backwards() -> None:
    tracker = FaceTracker()
    tracker.update(None, 1.0, [])
    tracker.update(None, 1.0, [])
    with pytest.raises(UsageError, match="Sort the frames"):
        tracker.update(None, 0.5, [])


@given(st.lists(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400)), max_size=5), max_size=12))
def test_numbers_are_unique_and_memory_is_bounded(looks: list[list[tuple[int, int]]]) -> None:
    tracker = FaceTracker()
    for step, places in enumerate(looks):
        found = tracker.update(None, step * 0.5, [face(x, y) for x, y in places])
        assert len({item.track for item in found}) == len(found) == len(places)
    for step in range(10):
        tracker.update(None, 100.0 + step, [])
    assert tracker._tracks == []
