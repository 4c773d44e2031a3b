"""Self-blending in larger pictures and through clips: one set of settings, the blend moves with the face."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.mismatch import MismatchSettings, draw_mismatch, mismatch
from deepfake_hf.synthesis.self_blend import blend_with_itself, draw_self_blend, region_about

PORTRAIT = astronaut_rgb()


@pytest.mark.parametrize("seed", range(6))
def test_the_blend_moves_with_the_face(seed: int) -> None:
    settings = draw_self_blend(np.random.default_rng(seed))
    first = blend_with_itself(PORTRAIT, LANDMARKS_XY, settings, region_about(LANDMARKS_XY, 512, 512))
    shifted, points = np.roll(PORTRAIT, (16, 40), axis=(0, 1)), LANDMARKS_XY + np.array([40, 16], np.float32)
    second = blend_with_itself(shifted, points, settings, region_about(points, 512, 512))
    back = np.roll(second.mask, (-16, -40), axis=(0, 1))
    assert np.abs(first.mask - back).mean() < 0.004 and first.mask.max() > 0.2


def test_only_the_masked_part_changes_where_the_face_is_changed() -> None:
    settings = replace(draw_self_blend(np.random.default_rng(1)), changes_inside=True)
    region = region_about(LANDMARKS_XY, 512, 512)
    made = blend_with_itself(PORTRAIT, LANDMARKS_XY, settings, region)
    np.testing.assert_array_equal(made.rgb[made.mask == 0], PORTRAIT[made.mask == 0])
    outside = np.ones((512, 512), bool)
    outside[region] = False
    assert made.mask[outside].max() == 0


def test_the_whole_surround_changes_where_it_is_its_turn() -> None:
    change = MismatchSettings(offset=(9.0, 0.0, 0.0))
    settings = replace(draw_self_blend(np.random.default_rng(1)), changes_inside=False, change=change)
    made = blend_with_itself(PORTRAIT, LANDMARKS_XY, settings, region_about(LANDMARKS_XY, 512, 512))
    corner = made.rgb[-40:, -40:, 0].astype(int) - PORTRAIT[-40:, -40:, 0]
    assert np.median(corner) == 9


@pytest.mark.parametrize("size", [(512, 512), (140, 260), (90, 200), (4, 4)])
def test_regions_lie_in_the_picture_or_are_the_least(size: tuple[int, int]) -> None:
    region = region_about(LANDMARKS_XY, *size)
    assert all((part.stop - part.start >= 8 and part.start >= 0) or min(size) < 8 for part in region)
    if min(size) >= 8:
        assert region[0].stop <= size[0] and region[1].stop <= size[1]


def test_every_kind_of_change_is_drawn_and_does_what_it_says() -> None:
    drawn = [draw_mismatch(np.random.default_rng(seed)) for seed in range(200)]
    kinds = [
        sum(bool(getattr(one, name)) for one in drawn) for name in ("smaller", "sharpen", "bands", "offset", "hue")
    ]
    assert min(kinds) > 10
    crop = PORTRAIT[18:238, 115:335]
    detail = [cv2.Laplacian(mismatch(crop, one, 220), cv2.CV_32F).std() for one in (
        MismatchSettings(smaller=0.4), MismatchSettings(), MismatchSettings(sharpen=0.8),
    )]  # fmt: skip
    assert detail[0] < detail[1] < detail[2]
    weaker, stronger = (mismatch(crop, MismatchSettings(bands=(gain,) * 3), 220).astype(int) for gain in (0.3, 1.7))
    assert weaker.std() < crop.std() < stronger.std()
    assert np.array_equal(mismatch(crop, MismatchSettings(), 220), crop)
