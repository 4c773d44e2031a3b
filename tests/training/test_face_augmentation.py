"""Augmentation of faces: seeded, same shape, one draw for a whole clip, defaults as the shipped recipe has them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from deepfake_hf.errors import UsageError
from deepfake_hf.training.face_augmentation import FaceAugmentation, FaceSettings

NOTHING = FaceSettings(**{field.name: 0.0 for field in fields(FaceSettings) if field.name.startswith("p_")})
KINDS = [field.name for field in fields(FaceSettings) if field.name.startswith("p_") and field.name != "p_h264"]


def face(seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[:64, :56]
    smooth = np.stack([80 + 2 * x, 200 - 2 * y, 60 + x + y], -1)
    return np.clip(smooth + np.random.default_rng(seed).normal(0, 12, (64, 56, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone_changes_the_picture_and_is_seeded(kind: str) -> None:
    augment = FaceAugmentation(settings=replace(NOTHING, **{kind: 1.0}))
    made = [augment(face(), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert made[0].shape == face().shape and made[0].dtype == np.uint8
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], face())
    assert kind in ("p_flip", "p_grey") or not np.array_equal(made[0], made[2])


def test_nothing_is_nothing() -> None:
    assert np.array_equal(FaceAugmentation(settings=NOTHING)(face(), np.random.default_rng(0)), face())


def test_rotation_stays_within_15_degrees() -> None:
    line = np.zeros((101, 101, 3), np.uint8)
    line[50, 10:91] = 255
    augment = FaceAugmentation(settings=replace(NOTHING, p_rotate=1.0))
    angles = []
    for seed in range(40):
        rows, columns = np.nonzero(augment(line, np.random.default_rng(seed))[..., 0] > 60)
        angles.append(float(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0]))))
    assert -15.6 < min(angles) < -8 and 8 < max(angles) < 15.6


def test_a_crop_shows_a_part_enlarged() -> None:
    ramp = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (100, 1, 3))
    augment = FaceAugmentation(settings=replace(NOTHING, p_crop=1.0, crop_share=(0.5, 0.5)))
    cropped = augment(ramp, np.random.default_rng(0)).astype(int)
    assert cropped.shape == ramp.shape
    assert cropped[50, -1, 0] - cropped[50, 0, 0] == pytest.approx(50, abs=2)


@pytest.mark.parametrize("settings", [FaceSettings(), FaceSettings.strong(), FaceSettings(p_rotate=1.0, p_crop=1.0)])
def test_every_frame_of_a_clip_gets_the_same_draw(settings: FaceSettings) -> None:
    augment = FaceAugmentation(settings=settings)
    for seed in range(5):
        rng, single = np.random.default_rng(seed), np.random.default_rng(seed)
        clip = augment.clip([face(0), face(1), face(0)], rng)
        assert np.array_equal(clip[0], augment(face(0), single)) and np.array_equal(clip[0], clip[2])
        assert np.array_equal(clip[1], augment(face(1), np.random.default_rng(seed)))
        assert rng.random() == single.random()  # the generator goes on as after one frame


def test_h264_of_clips_and_of_single_pictures() -> None:
    augment = FaceAugmentation(settings=replace(NOTHING, p_h264=1.0, h264_crf=(40, 41)))
    frames = np.stack([face(0), face(1), face(2)])
    coded = np.stack(augment.clip(frames, np.random.default_rng(0)))
    assert coded.shape == frames.shape and 1 < np.abs(coded.astype(int) - frames).mean() < 40
    alone = augment(face(0), np.random.default_rng(0))
    assert np.array_equal(alone, augment.clip([face(0)], np.random.default_rng(0))[0])
    assert 1 < np.abs(alone.astype(int) - face(0)).mean() < 40
    sizes = [face(0), face(1)[:48]]  # such frames make no film
    assert all(map(np.array_equal, augment.clip(sizes, np.random.default_rng(0)), sizes))


def test_kinds_that_are_off_draw_nothing() -> None:
    rng, other = np.random.default_rng(7), np.random.default_rng(7)
    FaceAugmentation()(face(), rng)
    FaceAugmentation(settings=FaceSettings(rotate_deg=(-1.0, 1.0), crop_share=(0.2, 0.3)))(face(), other)
    assert rng.random() == other.random()


def test_strong_is_what_the_switch_gives() -> None:
    assert FaceAugmentation(strong=True).settings == FaceSettings.strong()
    assert FaceAugmentation().settings == FaceSettings()


@pytest.mark.parametrize("wrong", [{"p_flip": 1.5}, {"rotate_deg": (5.0, -5.0)}, {"h264_crf": (20, 60)}])
def test_settings_that_cannot_be(wrong: dict) -> None:
    with pytest.raises(UsageError):
        FaceSettings(**wrong)
