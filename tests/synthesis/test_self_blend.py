"""Self-blending."""

from __future__ import annotations

import numpy as np
import pytest

from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.self_blend import draw_mask, face_mask, self_blend

HEAD = astronaut_rgb()[18:238, 115:335]
POINTS = LANDMARKS_XY - np.array([115, 18], np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_a_blend_is_a_valid_picture_that_differs(seed: int) -> None:
    blend = self_blend(HEAD, POINTS, np.random.default_rng(seed))
    assert blend.rgb.shape == HEAD.shape and blend.rgb.dtype == np.uint8
    assert blend.mask.shape == HEAD.shape[:2] and blend.mask.dtype == np.float32
    assert blend.mask.min() >= 0.0 and 0.2 < blend.mask.max() <= 1.0
    assert np.abs(blend.rgb.astype(int) - HEAD)[blend.mask > 0.2].mean() > 0.2


def test_the_seed_is_the_only_randomness() -> None:
    first, again, other = (self_blend(HEAD, POINTS, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.rgb, again.rgb)
    assert not np.array_equal(first.rgb, other.rgb)


def test_the_input_is_left_alone() -> None:
    before, points = HEAD.copy(), POINTS.copy()
    self_blend(before, points, np.random.default_rng(0))
    np.testing.assert_array_equal(before, HEAD)
    np.testing.assert_array_equal(points, POINTS)


def test_the_mask_lies_on_the_face() -> None:
    for seed in range(8):
        mask = face_mask(POINTS, *HEAD.shape[:2], draw_mask(np.random.default_rng(seed)))
        rows, columns = np.indices(mask.shape)
        centre = np.array([(mask * columns).sum(), (mask * rows).sum()]) / mask.sum()
        left, top = POINTS.min(axis=0)
        right, bottom = POINTS.max(axis=0)
        assert left < centre[0] < right and top - 30 < centre[1] < bottom
