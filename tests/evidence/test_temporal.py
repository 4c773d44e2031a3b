"""Tremble, blinks, motion and score jumps of series that were made with known ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.evidence import measures
from deepfake_hf.evidence.flow import FLICKER, GAP, FaceFlow, face_and_ring
from deepfake_hf.evidence.landmark_motion import LandmarkMotion, count_blinks, tremble
from deepfake_hf.evidence.measures import Reading
from deepfake_hf.evidence.score_jumps import JUMP, LARGEST, jumps, jumps_finding
from deepfake_hf.evidence.temporal import FaceMotions
from deepfake_hf.evidence.walk_faces import STILLS, Followed, followed_tracks, walk_faces
from deepfake_hf.types import MediaKind, WindowScore
from tests.evidence.test_spatial import points
from tests.media.media_making import make_video
from tests.test_contracts import result

Floats = NDArray[np.float64]


def score(at_s: float, logit: float, track: int = 0) -> WindowScore:
    return WindowScore(at_s, at_s + 0.25, "face", track, logit, 0.5, (20.0, 20.0, 60.0, 70.0))


def turned(shape: Floats, angle: float, scale: float, shift: tuple[float, float]) -> Floats:
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return shape @ matrix.T + shift


def test_a_rigid_head_does_not_tremble_and_noise_does_by_its_own_size() -> None:
    shape = points()[[27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45]].astype(np.float64)
    moved = [turned(shape, 0.05 * k, 1 + 0.02 * k, (3.0 * k, -2.0 * k)) for k in range(3)]
    assert tremble(*moved) < 0.05
    rng = np.random.default_rng(0)
    found = [tremble(*(shape + rng.normal(0, 0.5, shape.shape) for _ in range(3))) for _ in range(200)]
    # a point against the mean of two others: variance 1.5; two axes; 4 of 22 freedoms go into the alignment
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(0.5 * np.sqrt(2 * 1.5 * 18 / 22), rel=0.08)


def test_jitter_of_a_shaking_series_is_its_share_of_the_eye_distance() -> None:
    rng, values = np.random.default_rng(0), []
    for noise in (0.0, 0.4, 0.8):
        motion = LandmarkMotion()
        for k in range(60):
            motion.add((points() + rng.normal(0, 1, (68, 2)) * noise + 0.5 * k).astype(np.float32), k / 25)
        found = motion.jitter("face 0")
        assert isinstance(found, Reading)
        values.append(found.value)
    assert values[0] < 0.01 and values[2] == pytest.approx(2 * values[1], rel=0.15)
    slow = LandmarkMotion()
    for k in range(60):
        slow.add(points(), k / 10)
    assert "10 times a second" in str(slow.jitter("face 0"))
    assert "0 times" in str(LandmarkMotion().jitter("face 0"))


def series(blinks: tuple[float, ...], seconds: float = 30.0, rate: float = 25.0) -> tuple[Floats, Floats]:
    times = np.arange(0, seconds, 1 / rate)
    aspect = 0.3 + 0.02 * np.sin(2 * np.pi * times / 11)
    for at in blinks:
        aspect *= 1 - 0.4 * np.exp(-(((times - at) / 0.07) ** 2))
    return aspect, times


@pytest.mark.parametrize("blinks", [(), (3.0,), (2.0, 7.5, 8.4, 15.0, 22.2, 28.0)])
def test_blinks_of_a_made_series_are_counted(blinks: tuple[float, ...]) -> None:
    found = count_blinks(*series(blinks))
    assert len(found) == len(blinks) and np.allclose(found, blinks, atol=0.25)
    assert np.allclose(count_blinks(*series(blinks, rate=60.0)), blinks, atol=0.25)


def test_closed_eyes_and_narrow_eyes_are_no_blinks() -> None:
    aspect, times = series(())
    aspect[(times > 10) & (times < 10.8)] *= 0.5  # closed for 0.8 s
    assert count_blinks(aspect, times) == []
    assert count_blinks(0.4 * series((3.0, 9.0))[0], times) == pytest.approx([3.15, 9.15], abs=0.15)
    assert count_blinks(np.zeros(2), np.zeros(2)) == []


def test_short_clips_abstain_from_blinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "reference", lambda: {"reference": {}, "curves": {}, "measured": {}})
    motions = FaceMotions()
    assert motions.findings() == []
    frame, box = np.zeros((240, 240, 3), np.uint8), np.array([10, 10, 200, 210], np.float32)
    for k in range(5):
        motions.add(frame, box, points(), 0, k / 25)
    jitter, flow, blinks = motions.findings()
    assert "20 s are needed" in str(blinks.abstained) and "pairs of frames" in str(flow.abstained)
    assert "25 are needed" in str(jitter.abstained)


def textured(seed: int = 0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(128, 60, (300, 300, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 3) * 2 - 128, 0, 255).astype(np.uint8)


def slid(face_step: float, head_step: float) -> dict[str, float]:
    """A head that moves to the right, and the face on it at another speed; 25 frames a second."""
    head, face, flow = textured(0), textured(1), FaceFlow()
    landmarks = points() * 0.6 + 70
    inner, _ = face_and_ring(landmarks.astype(np.float32), 300)
    box = np.array([85, 75, 185, 205], np.float32)
    for k in range(30):
        frame = np.roll(head, round(k * head_step), axis=1)
        frame[inner] = np.roll(face, round(k * face_step), axis=1)[inner]
        flow.add(frame, box, landmarks.astype(np.float32), k / 25)
    found = flow.readings("face 0")
    assert not isinstance(found, str)
    return {reading.measure.name: reading.value for reading in found}


def test_a_face_that_moves_with_its_head_has_no_gap_and_one_that_slides_has() -> None:
    together, apart, faster = slid(1, 1), slid(1, 0), slid(2, 0)
    width = float(np.ptp(points()[:17, 0])) * 0.6
    # dense flow smooths over the edge between the two, so that it shows half of the step or more
    assert together[GAP.name] < 0.1 and 0.5 < apart[GAP.name] / (100 / width) < 1.1
    assert faster[GAP.name] > 1.7 * apart[GAP.name]


def test_flicker_is_what_motion_does_not_explain() -> None:
    flow, still, rng = FaceFlow(), textured(), np.random.default_rng(0)
    landmarks = (points() * 0.6 + 70).astype(np.float32)
    inner, _ = face_and_ring(landmarks, 300)
    for k in range(30):
        frame = still.copy()
        frame[inner] = np.clip(frame[inner] + rng.normal(0, 12, (int(inner.sum()), 3)), 0, 255)
        flow.add(frame, np.array([85, 75, 185, 205], np.float32), landmarks, k / 25)
    found = flow.readings("face 0")
    assert not isinstance(found, str) and found[1].measure is FLICKER and found[1].value > 8


def test_score_jumps() -> None:
    windows = [score(0.25 * k, 3.0 * (k % 2)) for k in range(10)] + [score(9.0, -50.0)]
    assert jumps(windows) == (3.0, 3.0, 2.25)  # the last is too far away to be a neighbour
    assert jumps(windows[:4]) is None
    found = jumps_finding([*windows, *(score(0.25 * k, 1.0, 1) for k in range(8))])
    assert found is not None and found.kind == "temporal"
    told = dict(found.facts)
    assert told[f"face 0, {JUMP.label}"].startswith("3.00") and told[f"face 1, {LARGEST.label}"].startswith("0.00")
    assert jumps_finding([]) is None
    short = jumps_finding(windows[:3])
    assert short is not None and short.abstained


def test_boxes_are_followed_between_frames_and_lost_over_gaps() -> None:
    windows = [WindowScore(t, t + 1, "face", 0, 0.0, 0.5, (t * 10, 0, t * 10 + 40, 50)) for t in (0.0, 1.0, 5.0)]
    faces = Followed(windows)
    middle = faces.box_at(0.5)
    assert middle is not None and middle.tolist() == [5, 0, 45, 50]
    assert faces.box_at(3.0) is None and faces.box_at(-0.1) is None and faces.box_at(5.1) is None
    exact = faces.box_at(5.0)
    assert exact is not None and exact[0] == 50
    many = Followed([score(0.1 * k, 0.0) for k in range(300)])
    assert len(many.stills) == STILLS == sum(many.still_at(0.1 * k) for k in range(300))


def test_the_walk_sees_every_frame_once_and_is_the_same_again(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", num_frames=50, size=(240, 240))
    windows = tuple(WindowScore(t, t + 0.2, "face", 7, 0.0, 0.5, (30, 30, 190, 210)) for t in np.arange(0, 2, 0.2))
    held = result(windows=windows, kind=MediaKind.VIDEO, duration_s=2.0)
    seen: list[tuple[int, ...]] = []

    def find(rgb: NDArray[np.uint8], box: NDArray[np.float32], framing: object) -> NDArray[np.float32]:
        seen.append(rgb.shape)
        return points() if rgb.shape[0] == 224 else (points() * (box[2] - box[0]) / 224 + box[:2]).astype(np.float32)

    walk = walk_faces(path, held, find)
    whole, crops = (sum(shape[0] == side for shape in seen) for side in (240, 224))
    assert crops == 10 and 45 <= whole <= 47  # the last box is at 1.8 s
    assert list(followed_tracks(held)) == [7]
    again = walk_faces(path, held, find)
    assert walk.readings(7) == again.readings(7) and len(walk.readings(7)) >= 5
    assert walk_faces(tmp_path / "none.mp4", held, find).readings(7) == []
    assert walk_faces(path, result(windows=(), kind=MediaKind.VIDEO), find).surfaces.findings() == []
