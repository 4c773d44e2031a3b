"""Perturbed pictures: hand-worked values, purity, seeds, and levels that go ever farther from the original."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from deepfake_hf.errors import UsageError
from deepfake_hf.media.perturb_grid import GROUPS, LADDERS, Kind, Perturbation, choose
from deepfake_hf.media.perturb_picture import (
    add_grey_blocks,
    add_picture_noise,
    blur_picture,
    change_contrast,
    change_saturation,
    pixelate,
    recompress_jpeg,
)

VISUAL = [*GROUPS["picture"], *GROUPS["clip"]]


def scene(height: int = 120, width: int = 144) -> np.ndarray:
    """Colours, edges and fine detail: uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    waves = 40 * np.sin(x / 2.0) * np.sin(y / 3.0)
    rgb = np.stack([90 + x * 0.7 + waves, 200 - y * 0.8 + waves, 60 + (x + y) * 0.5 - waves], -1)
    rgb[30:60, 40:90] = (200, 40, 60)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second).mean())


@pytest.mark.parametrize("name", VISUAL)
def test_ladders_of_pictures(name: str) -> None:
    rgb, ladder = scene(), LADDERS[name]
    kept = rgb.copy()
    steps = [Perturbation(ladder, level) for level in range(1, len(ladder.values) + 1)]
    made = [step.picture(rgb, np.random.default_rng(3)) for step in steps]
    again = [step.picture(rgb, np.random.default_rng(3)) for step in steps]
    assert np.array_equal(rgb, kept)
    for first, second in zip(made, again, strict=True):
        assert first.shape == rgb.shape and first.dtype == np.uint8
        assert np.array_equal(first, second)
    distances = [distance(rgb, changed) for changed in made]
    assert all(near < far for near, far in pairwise(distances)), distances
    assert distances[0] < 25


def test_saturation_by_hand() -> None:
    rgb = np.array([[[200, 100, 50], [120, 120, 120]]], np.uint8)
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50  # BT.601: 124.2
    assert change_saturation(rgb, 0.0).tolist() == [[[124, 124, 124], [120, 120, 120]]]
    expected = [[round(luma + 0.4 * (v - luma)) for v in (200, 100, 50)], [120] * 3]
    assert np.abs(change_saturation(rgb, 0.4).astype(int) - [expected]).max() <= 1
    assert np.abs(change_saturation(rgb, 1.0).astype(int) - rgb).max() <= 1


def test_contrast_by_hand() -> None:
    rgb = np.array([[[200, 100, 3]]], np.uint8)
    assert change_contrast(rgb, 0.35).tolist() == [[[70, 35, 1]]]
    assert change_contrast(rgb, 2.0).tolist() == [[[255, 200, 6]]]


def test_one_grey_block_covers_64_pixels() -> None:
    black = np.zeros((256, 300, 3), np.uint8)
    covered = add_grey_blocks(black, 1, np.random.default_rng(0))
    assert set(np.unique(covered)) == {0, 128}
    rows, columns = np.nonzero(covered[..., 0])
    assert (np.ptp(rows), np.ptp(columns), len(rows)) == (7, 7, 64)
    many = add_grey_blocks(np.zeros((512, 512, 3), np.uint8), 16, np.random.default_rng(0))
    assert 20 * 64 < (many[..., 0] > 0).sum() <= 32 * 64  # twice the side, twice as many; few overlap
    assert (add_grey_blocks(np.zeros((8, 8, 3), np.uint8), 32, np.random.default_rng(0)) == 128).all()


def test_noise_has_the_stated_variance() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = add_picture_noise(grey, 0.001, np.random.default_rng(0)).astype(float)
    luma = noisy @ [0.299, 0.587, 0.114]
    assert luma.std() == pytest.approx(255 * 0.001**0.5 * 255 / 219, rel=0.03)
    assert luma.mean() == pytest.approx(128, abs=0.2)
    assert np.array_equal(add_picture_noise(grey, 0.0, np.random.default_rng(0)), grey)


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    weights = np.exp(-(np.arange(-10, 11) ** 2) / (2 * (21 / 6) ** 2))
    weights /= weights.sum()
    expected = 255 * np.outer(weights, weights)
    assert np.abs(blur_picture(point, 21)[10:31, 10:31, 0] - expected).max() <= 1


def test_pixelation_keeps_flat_pictures_and_loses_checks() -> None:
    flat = np.full((30, 31, 3), 77, np.uint8)
    assert np.array_equal(pixelate(flat, 4), flat)
    checks = np.indices((32, 32)).sum(0) % 2 * 255
    rgb = np.repeat(checks[..., None], 3, -1).astype(np.uint8)
    assert pixelate(rgb, 2).std() < 1  # every 2 x 2 pixels have one mean


def test_jpeg_at_its_best_is_near() -> None:
    grey = np.repeat(scene()[..., 1:2], 3, -1)  # colour is stored at half the size
    assert distance(grey, recompress_jpeg(grey, 100)) < 0.5


def test_what_cannot_be_done_is_refused() -> None:
    rgb = scene()
    rng = np.random.default_rng(0)
    for refused in (
        lambda: change_saturation(rgb, -1),
        lambda: change_contrast(rgb, -1),
        lambda: add_grey_blocks(rgb, -1, rng),
        lambda: add_grey_blocks(rgb[:5], 1, rng),
        lambda: add_picture_noise(rgb, -0.1, rng),
        lambda: blur_picture(rgb, 4),
        lambda: pixelate(rgb, 0),
    ):
        with pytest.raises(UsageError, match="For example"):
            refused()


def test_choosing_steps() -> None:
    assert [step.name for step in choose(["blur", "jpeg"], [2, 6])] == ["blur-9", "jpeg-80", "jpeg-10"]
    assert {step.ladder.name for step in choose(["deeperforensics"])} == {
        "saturation", "contrast", "blocks", "noise", "blur", "pixelation", "h264",
    }  # fmt: skip
    assert {step.ladder.kind for step in choose()} == set(Kind)
    assert LADDERS["jpeg"].values == (100, 80, 60, 40, 20, 10)
    with pytest.raises(UsageError, match="no such perturbation"):
        choose(["blurr"])
    with pytest.raises(UsageError, match="levels"):
        choose(["blur"], [9])
