"""The landmark series: ratios by hand, angles of a turned head, blinks in real time, padding and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from transformers import AutoFeatureExtractor

from deepfake_hf.models import PRESETS
from deepfake_hf.processing import LandmarkSeriesFeatureExtractor
from deepfake_hf.processing.feature_extraction_landmarks import (
    _MODEL,
    _RIGID,
    FEATURE_NAMES,
    blink_ends,
    eye_aspect_ratio,
    head_pose,
)

COLUMN = {name: i for i, name in enumerate(FEATURE_NAMES)}


def face(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, size: float = 80.0) -> np.ndarray:
    """Landmarks (68, 2) whose rigid points are the model's, turned: roll about the nose first, then pitch, then yaw."""
    about_z, about_x, about_y = (Rotation.from_rotvec(vector) for vector in ([0, 0, roll], [-pitch, 0, 0], [0, yaw, 0]))
    turn = about_y * about_x * about_z
    points = np.random.default_rng(0).normal(0, 10, (68, 2))
    points[list(_RIGID)] = size * turn.apply(_MODEL)[:, :2]
    return points + [300.0, 200.0]


def open_and_shut(eye_heights: list[float]) -> np.ndarray:
    """Faces (T, 68, 2) with eyes of width 30 pixels and these heights."""
    faces = np.stack([face() for _ in eye_heights])
    for first in (36, 42):
        corner = faces[:, first].copy()
        for place, (x, sign) in enumerate([(0, 0), (10, -0.5), (20, -0.5), (30, 0), (20, 0.5), (10, 0.5)]):
            faces[:, first + place] = corner + [x, 0]
            faces[:, first + place, 1] += sign * np.asarray(eye_heights)
    return faces


def test_eye_aspect_by_hand() -> None:
    eye = np.array([[0, 0], [1, -1], [2, -2], [4, 0], [2, 2], [1, 1]], float)
    assert eye_aspect_ratio(eye) == pytest.approx((2 + 4) / (2 * 4))


@pytest.mark.parametrize("size", [20.0, 300.0])
@pytest.mark.parametrize("yaw", [-0.7, 0.0, 0.4])
@pytest.mark.parametrize("pitch", [-0.4, 0.0, 0.5])
@pytest.mark.parametrize("roll", [-0.6, 0.0, 1.2])
def test_the_pose_of_a_turned_model_is_found(yaw: float, pitch: float, roll: float, size: float) -> None:
    angles, found = head_pose(face(yaw, pitch, roll, size)[None])
    np.testing.assert_allclose(angles[0], [yaw, pitch, roll], atol=1e-9)
    np.testing.assert_allclose(found, [size], rtol=1e-9)


def test_which_way_angles_count() -> None:
    tip, root = 30, 27

    def nose(**turn: float) -> np.ndarray:
        points = face(**turn)
        return points[tip] - points[root]

    straight = nose()
    assert nose(yaw=0.3)[0] > straight[0]  # to the picture's right
    assert nose(pitch=0.3)[1] > straight[1]  # down
    turned = face(roll=0.3)
    assert turned[45, 1] > turned[36, 1]  # clockwise: the eye on the picture's right sinks


def test_ratios_are_of_the_face_and_not_of_the_picture() -> None:
    extractor = LandmarkSeriesFeatureExtractor()
    points = open_and_shut([9.0, 9.0])
    values = extractor.series(points, [0.0, 0.1])
    again = extractor.series(points * 3.0 + [50.0, -20.0], [0.0, 0.1])
    np.testing.assert_allclose(values, again, rtol=1e-5, atol=1e-6)
    assert values[0, COLUMN["left_eye_aspect"]] == pytest.approx(9 / 30)
    _, size = head_pose(points)
    width = np.linalg.norm(points[0, 54] - points[0, 48])
    assert values[0, COLUMN["mouth_width"]] == pytest.approx(width / size[0], rel=1e-5)
    gaps = [np.linalg.norm(points[0, a] - points[0, b]) for a, b in ((61, 67), (62, 66), (63, 65), (60, 64))]
    assert values[0, COLUMN["mouth_aspect"]] == pytest.approx(sum(gaps[:3]) / (3 * gaps[3]), rel=1e-5)
    assert values[0, COLUMN["mouth_opening"]] == pytest.approx(gaps[1] / size[0], rel=1e-5)


@pytest.mark.parametrize(
    ("aspect", "ends"),
    [
        ([0.3, 0.1, 0.3, 0.1, 0.1, 0.3], [2, 5]),
        ([0.1, 0.3, 0.1, 0.3], [3]),  # shut from the start: not seen to begin
        ([0.3, 0.1], []),  # not seen to end
        ([0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3], []),  # 0.6 s: no blink
        ([0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3], [6]),
        ([0.1], []),
        ([0.3], []),
    ],
)
def test_what_a_blink_is(aspect: list[float], ends: list[int]) -> None:
    assert blink_ends(np.array(aspect), np.arange(len(aspect)) * 0.1, 0.2, 0.5 + 1e-9) == ends


@pytest.mark.parametrize("rate", [10, 25, 60])
def test_blinks_are_counted_in_seconds_not_frames(rate: int) -> None:
    """A blink of 0.2 s every 2 s, at several frame rates: half a blink a second, once the window is full."""
    times = np.arange(20 * rate) / rate
    heights = np.where((times % 2.0 >= 1.0 - 1e-6) & (times % 2.0 < 1.2 - 1e-6), 3.0, 9.0)
    values = LandmarkSeriesFeatureExtractor().series(open_and_shut(heights.tolist()), times)
    assert values[-1, COLUMN["blink_rate"]] == pytest.approx(0.5)
    assert values[times < 1.1, COLUMN["blink_rate"]].max() == 0
    just_after = np.searchsorted(times, 1.25)
    assert values[just_after, COLUMN["blink_rate"]] == pytest.approx(1 / times[just_after])


def test_a_batch_is_padded_behind_and_masked() -> None:
    extractor = LandmarkSeriesFeatureExtractor()
    long, short = open_and_shut([9.0] * 4), open_and_shut([6.0] * 2)
    batch = extractor([long, short], [[0, 0.1, 0.2, 0.3], [0, 0.1]])
    assert batch["landmark_values"].shape == (2, 4, 9) and batch["landmark_values"].dtype == torch.float32
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert not bool(batch["landmark_values"][1, 2:].any())
    alone = extractor(short, [0, 0.1])
    assert torch.equal(batch["landmark_values"][1, :2], alone["landmark_values"][0])


def test_it_is_saved_with_its_constants(tmp_path: Path) -> None:
    LandmarkSeriesFeatureExtractor(blink_threshold=0.25).save_pretrained(tmp_path)
    loaded = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert type(loaded) is LandmarkSeriesFeatureExtractor and loaded.blink_threshold == 0.25
    made = LandmarkSeriesFeatureExtractor(**PRESETS["landmark_gru"].processor)
    assert PRESETS["landmark_gru"].config["feature_size"] == len(FEATURE_NAMES)
    assert made.to_dict() == LandmarkSeriesFeatureExtractor().to_dict()


@pytest.mark.parametrize(
    ("points", "times", "message"),
    [
        (np.zeros((2, 5, 2)), [0, 1], "68, 2"),
        (np.zeros((0, 68, 2)), [], "68, 2"),
        (np.zeros((2, 68, 2)), [0], "pts_s"),
        (np.full((2, 68, 2), np.nan), [0, 1], "no face was found"),
        (np.ones((2, 68, 2)), [1, 1], "does not rise"),
        ([], [], "0 faces"),
        ([np.ones((1, 68, 2))], [], "1 faces and 0"),
    ],
)
def test_refusals(points: object, times: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LandmarkSeriesFeatureExtractor()(points, times)


def test_constants_are_checked() -> None:
    with pytest.raises(TypeError, match="no option sampling_rate"):
        LandmarkSeriesFeatureExtractor(sampling_rate=16_000)
    with pytest.raises(ValueError, match="above zero"):
        LandmarkSeriesFeatureExtractor(blink_threshold=0.0)
