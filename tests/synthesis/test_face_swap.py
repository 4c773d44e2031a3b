"""The landmark face swap, on scikit-image's portrait and transformations of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepfake_hf.errors import UsageError
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.face_swap import swap_face

MATRIX = np.array([[0.9, -0.1, 40.0], [0.1, 0.9, 20.0]])


def _moved() -> tuple[np.ndarray, np.ndarray]:
    rgb = cv2.warpAffine(astronaut_rgb(), MATRIX, (512, 512), flags=cv2.INTER_CUBIC)
    return rgb, (LANDMARKS_XY @ MATRIX[:, :2].T + MATRIX[:, 2]).astype(np.float32)


@pytest.mark.parametrize("blend", ["feather", "seamless"])
def test_a_face_swapped_with_its_own_moved_copy_is_nearly_itself(blend: str) -> None:
    target = astronaut_rgb()
    rgb, mask = swap_face(target, LANDMARKS_XY, *_moved(), blend=blend)  # type: ignore[arg-type]
    assert rgb.dtype == np.uint8 and rgb.shape == target.shape
    assert mask.dtype == np.float32 and mask.max() == 1.0 and mask.min() == 0.0
    difference = np.abs(rgb.astype(int) - target)[mask > 0.5]
    assert difference.mean() < 6
    np.testing.assert_array_equal(rgb[mask == 0], target[mask == 0])


def test_another_colour_is_taken_on_and_shape_is_the_sources() -> None:
    target, points = _moved()
    blue = astronaut_rgb() // 2
    blue[..., 2] = np.minimum(255, blue[..., 2].astype(int) + 90)
    kept, mask = swap_face(target, points, blue, LANDMARKS_XY, colour=0.0)
    taken, _ = swap_face(target, points, blue, LANDMARKS_XY)
    face = mask > 0.9
    goal = target[face].mean(axis=0)
    assert np.abs(taken[face].mean(axis=0) - goal).max() < 8 < np.abs(kept[face].mean(axis=0) - goal).max()


def test_the_same_input_gives_the_same_output_and_a_small_step_a_small_change() -> None:
    target, (source, points) = astronaut_rgb(), _moved()
    first, _ = swap_face(target, LANDMARKS_XY, source, points)
    again, _ = swap_face(target, LANDMARKS_XY, source, points)
    np.testing.assert_array_equal(first, again)
    nudged, _ = swap_face(target, LANDMARKS_XY + np.float32(0.1), source, points)
    assert np.abs(nudged.astype(int) - first).mean() < 0.3


def test_a_face_cut_by_the_edge_still_works() -> None:
    target = astronaut_rgb()[:, 215:]
    points = LANDMARKS_XY - np.array([215, 0], np.float32)
    for blend in ("feather", "seamless"):
        rgb, mask = swap_face(target, points, *_moved(), blend=blend)  # type: ignore[arg-type]
        assert rgb.shape == target.shape and mask.max() > 0.9


@pytest.mark.parametrize(
    "points", [LANDMARKS_XY[:5], np.full((68, 2), np.nan), LANDMARKS_XY * 0.05], ids=["five", "nan", "tiny"]
)
def test_unusable_landmarks_are_refused_by_name(points: np.ndarray) -> None:
    with pytest.raises(UsageError, match="source's"):
        swap_face(astronaut_rgb(), LANDMARKS_XY, astronaut_rgb(), points.astype(np.float32))


def test_unknown_blend() -> None:
    with pytest.raises(UsageError, match="feather"):
        swap_face(astronaut_rgb(), LANDMARKS_XY, astronaut_rgb(), LANDMARKS_XY, blend="magic")  # type: ignore[arg-type]
