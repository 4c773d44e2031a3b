"""Crops: framing, borders, alignment."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from deepfake_hf.errors import UsageError
from deepfake_hf.faces import TRAINING_FRAMING, FaceDetector, Framing, align_face, crop_face
from deepfake_hf.faces.alignment import MEAN_LANDMARKS5, similarity_transform
from deepfake_hf.types import Face

Picture = NDArray[np.uint8]


def ramp(height: int = 100, width: int = 200) -> Picture:
    """Red says the column, green the row."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)


def test_framing_arithmetic() -> None:
    box = np.array([100, 50, 140, 100], np.float32)
    np.testing.assert_allclose(Framing(0.1, -0.2, 0.2, 0.4).apply(box), [96, 60, 148, 120])
    square = Framing(0, 0, 0, 0, square=True).apply(box)
    np.testing.assert_allclose(square, [97.5, 52.5, 142.5, 97.5])
    np.testing.assert_array_equal(Framing().apply(box), box)


def test_a_crop_is_the_region() -> None:
    crop = crop_face(ramp(), np.array([20, 10, 60, 50], np.float32), 40, Framing())
    np.testing.assert_array_equal(crop, ramp()[10:50, 20:60])
    assert crop.dtype == np.uint8


def test_the_border_repeats() -> None:
    crop = crop_face(ramp(), np.array([0, 0, 40, 40], np.float32), 80, Framing(0.5, 0.5, 0.5, 0.5))
    assert (crop[:, :20, 0] == 0).all() and (crop[:20, :, 1] == 0).all()
    np.testing.assert_array_equal(crop[20:60, 20:60], ramp()[:40, :40])


def test_a_box_that_is_the_picture_is_not_framed() -> None:
    crop = crop_face(ramp(), np.array([0, 0, 200, 100], np.float32), 100)
    np.testing.assert_allclose(crop[50, :, 0].astype(float), np.arange(0.5, 200, 2), atol=1)


def test_landmarks_lie_where_they_lay_in_training(portrait: Picture, portrait_face: Face) -> None:
    """In crop sides; the mean over people agrees to 0.01, one face may differ by its own proportions."""
    box = TRAINING_FRAMING.apply(portrait_face.box_xyxy)
    assert box[2] - box[0] == pytest.approx(box[3] - box[1])
    assert portrait_face.landmarks5_xy is not None
    places = (portrait_face.landmarks5_xy - box[:2]) / (box[2:] - box[:2])
    assert np.abs(places - MEAN_LANDMARKS5)[[0, 1, 3, 4]].max() < 0.1


@pytest.mark.parametrize(
    "box", [[10, 10, 10, 40], [40, 10, 20, 40], [900, 10, 940, 50], [0, 0, float("nan"), 10], [-90, 0, -10, 50]]
)
def test_impossible_boxes_are_refused(box: list[float]) -> None:
    with pytest.raises(UsageError, match="face box"):
        crop_face(ramp(), np.array(box, np.float32), 32)


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="size"):
        crop_face(ramp(), np.array([0, 0, 9, 9], np.float32), 0)


@given(st.floats(0, 199), st.floats(0, 99), st.floats(0.01, 400), st.floats(0.01, 400))
def test_any_box_in_the_picture_gives_a_crop(x: float, y: float, width: float, height: float) -> None:
    box = np.array([x, y, min(x + width, 200), min(y + height, 100)], np.float32)
    if box[2] > box[0] and box[3] > box[1]:
        assert crop_face(ramp(), box, 24).shape == (24, 24, 3)


@given(st.floats(-3, 3), st.floats(0.2, 4), st.floats(-50, 50), st.floats(-50, 50), st.integers(0, 1000))
def test_similarity_against_scikit_image(angle: float, scale: float, dx: float, dy: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = rng.uniform(0, 100, (5, 2)).astype(np.float32)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    target = (source @ matrix.T + [dx, dy] + rng.normal(0, 1, (5, 2))).astype(np.float32)
    expected = SimilarityTransform.from_estimate(source.astype(float), target.astype(float))
    np.testing.assert_allclose(similarity_transform(source, target), expected.params[:2], atol=1e-3)


@pytest.mark.parametrize("angle", [-25.0, 0.0, 25.0])
def test_alignment_turns_the_face_upright(portrait: Picture, centerface: FaceDetector, angle: float) -> None:
    turn = cv2.getRotationMatrix2D((225, 118), angle, 1.0)
    turned = cv2.warpAffine(portrait, turn, (512, 512)).astype(np.uint8)
    points = centerface.detect(turned)[0].landmarks5_xy
    assert points is not None
    matrix = similarity_transform(points, MEAN_LANDMARKS5 * 112)
    eyes = points[:2] @ matrix[:, :2].T + matrix[:, 2]
    assert abs(eyes[0, 1] - eyes[1, 1]) < 6
    assert align_face(turned, points, 112).shape == (112, 112, 3)


def test_alignment_needs_points_that_differ() -> None:
    with pytest.raises(UsageError, match="Crop it by its box"):
        align_face(ramp(), np.full((5, 2), 7, np.float32), 32)
