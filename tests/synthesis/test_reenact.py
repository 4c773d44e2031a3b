"""Expressions taken from one face and given to another."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.expression import expressions_of, mouth_opening, with_motion
from deepfake_hf.synthesis.reenact import Reenactment

PORTRAIT = astronaut_rgb()
EYES_PX = float(np.linalg.norm(LANDMARKS_XY[36] - LANDMARKS_XY[45]))


def _opened(by: float) -> np.ndarray:
    """The portrait's points with the lower lip and the chin moved down, in eye distances."""
    points = LANDMARKS_XY.copy()
    points[[55, 56, 57, 58, 59, 65, 66, 67, *range(5, 12)], 1] += by * EYES_PX
    return points


def _moved(points: np.ndarray, degrees: float = 12.0) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((200.0, 120.0), degrees, 1.4)
    return (points @ matrix[:, :2].T + matrix[:, 2] + (30, -10)).astype(np.float32)


def test_the_head_is_taken_out_of_an_expression() -> None:
    clip = np.stack([_moved(_opened(by), 3 * index) for index, by in enumerate((0.0, 0.0, 0.0, 0.2))])
    found = expressions_of(clip)
    np.testing.assert_allclose(found.shapes[0], found.shapes[2], atol=1e-3)
    motion = found.motion(3)
    assert motion is not None and abs(motion[66, 1] - 0.2) < 0.02 and np.abs(motion[:3]).max() < 0.02
    assert np.abs(found.motion(0)).max() < 1e-3
    gap = np.concatenate([clip, np.full((1, 68, 2), np.nan)]).astype(np.float32)
    assert expressions_of(gap).motion(4) is None and expressions_of(gap).motion(9) is None


def test_motion_opens_the_mouth_where_the_head_is() -> None:
    driver = expressions_of(np.stack([_moved(_opened(by)) for by in (0.0, 0.0, 0.2)]))
    own = expressions_of(LANDMARKS_XY[None])
    goal = with_motion(LANDMARKS_XY, own.resting, driver.motion(2))
    assert abs(mouth_opening(goal) - mouth_opening(LANDMARKS_XY) - 0.2) < 0.03
    np.testing.assert_allclose(goal[27:36], LANDMARKS_XY[27:36], atol=1e-3)  # the nose
    still = with_motion(LANDMARKS_XY, own.resting, driver.motion(0))
    np.testing.assert_allclose(still, LANDMARKS_XY, atol=0.1)
    twice = with_motion(LANDMARKS_XY, own.resting, driver.motion(2), strength=2.0)
    np.testing.assert_allclose(twice - LANDMARKS_XY, 2 * (goal - LANDMARKS_XY), atol=0.1)


def test_no_motion_changes_nothing() -> None:
    own = expressions_of(LANDMARKS_XY[None])
    moved = Reenactment(own)
    rgb, mask = moved.change(PORTRAIT, LANDMARKS_XY, np.zeros((68, 2), np.float32), PORTRAIT, LANDMARKS_XY)
    assert np.abs(rgb.astype(int) - PORTRAIT).max() <= 1 and mask.max() < 0.05


def test_an_opened_mouth_is_filled_with_the_others_and_the_rest_stays() -> None:
    other = PORTRAIT.copy()
    inner = _opened(0.3)[60:68].astype(np.int32)
    cv2.fillPoly(other, [inner], (10, 200, 10))  # a mouth nobody has
    driver = expressions_of(np.stack([LANDMARKS_XY, LANDMARKS_XY, _opened(0.3)]))
    moved = Reenactment(expressions_of(LANDMARKS_XY[None]))
    motion = driver.motion(2)
    assert motion is not None
    rgb, mask = moved.change(PORTRAIT, LANDMARKS_XY, motion, other, _opened(0.3))
    again, _ = moved.change(PORTRAIT, LANDMARKS_XY, motion, other, _opened(0.3))
    np.testing.assert_array_equal(rgb, again)
    np.testing.assert_array_equal(rgb[mask == 0], PORTRAIT[mask == 0])
    x, y = inner.mean(axis=0).astype(int)
    filled = rgb[y, x].astype(int)
    assert filled[1] > filled[0] + 40 and mask[y, x] > 0.9
    eye = LANDMARKS_XY[36:42].mean(axis=0).astype(int)
    assert mask[eye[1], eye[0]] < 0.2 and mask[:40].max() == 0


def test_a_face_cut_by_the_edge_still_works() -> None:
    cut, points = PORTRAIT[:160, 215:], LANDMARKS_XY - np.array([215, 0], np.float32)
    driver = expressions_of(np.stack([LANDMARKS_XY, LANDMARKS_XY, _opened(0.2)]))
    motion = driver.motion(2)
    assert motion is not None
    rgb, mask = Reenactment(expressions_of(points[None])).change(cut, points, motion, PORTRAIT, _opened(0.2))
    assert rgb.shape == cut.shape and mask.max() > 0.9
