"""Scores of heat maps: the figures, the planted fakes, the judgement and the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.map_check import judge, localisation, summary, trial, with_random_weights
from deepfake_hf.evaluation.map_faces import FaceCheckSize, check_face_maps
from deepfake_hf.evaluation.map_metrics import (
    centre_blob,
    curve_areas,
    mask_iou,
    ordered_masks,
    pointing_hit,
    rank_correlation,
)
from deepfake_hf.evaluation.map_plants import half_blend, rebuilt_stretch, whole_blend
from deepfake_hf.evaluation.map_sounds import SpeechPair, check_sound_maps, truth_of
from deepfake_hf.evaluation.map_table import to_markdown

RATE = 16_000


def face() -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and 68 points in an oval."""
    rows, columns = np.mgrid[:96, :96]
    rgb = np.stack([110 + columns / 2, 90 + rows / 2, 100 + 0 * rows], axis=2).astype(np.uint8)
    rgb = (rgb + np.random.default_rng(0).integers(0, 6, rgb.shape)).astype(np.uint8)
    turn = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    return rgb, np.stack([48 + 30 * np.cos(turn), 52 + 36 * np.sin(turn)], axis=1).astype(np.float32)


def box(top: int, left: int, side: int) -> np.ndarray:
    truth = np.zeros((20, 20), bool)
    truth[top : top + side, left : left + side] = True
    return truth


def test_pointing_and_overlap_of_a_perfect_a_wrong_and_a_flat_map() -> None:
    truth = box(2, 3, 5)
    perfect, wrong, flat = truth.astype(np.float32), (~truth).astype(np.float32), np.ones((20, 20), np.float32)
    assert pointing_hit(perfect, truth) and mask_iou(perfect, truth) == 1
    assert not pointing_hit(wrong, truth) and mask_iou(wrong, truth) == 0
    assert not pointing_hit(flat, truth) and mask_iou(flat, truth) == 0
    with pytest.raises(UsageError, match="one shape"):
        mask_iou(perfect[:5], truth)
    with pytest.raises(UsageError, match="something changed"):
        pointing_hit(perfect, np.zeros_like(truth))


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_overlap_is_the_jaccard_index_of_as_many_places(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, truth = rng.permutation(400).reshape(20, 20).astype(np.float32), rng.random((20, 20)) < 0.3
    chosen = values > np.sort(values, axis=None)[-int(truth.sum()) - 1]
    assert mask_iou(values, truth) == pytest.approx(jaccard_score(truth.ravel(), chosen.ravel()))


def test_the_blob_is_strongest_in_the_middle() -> None:
    values = centre_blob((21, 31))
    assert np.unravel_index(values.argmax(), values.shape) == (10, 15) and values.shape == (21, 31)
    assert centre_blob((7,)).argmax() == 3


def test_masks_grow_from_the_strongest_place() -> None:
    masks = ordered_masks(np.array([0.1, 0.9, 0.5, 0.2], np.float32), 4)
    assert [mask.tolist() for mask in masks[:2]] == [[False, True, False, False], [False, True, True, False]]
    assert [int(mask.sum()) for mask in masks] == [1, 2, 3, 4]


def test_curves_tell_a_good_map_from_a_bad_one() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    truth = box(2, 3, 8)
    rgb[truth] = 200
    without = np.zeros_like(rgb)

    def score(pictures: list[np.ndarray]) -> np.ndarray:
        return np.array([picture.mean() / 4 - 4 for picture in pictures])

    good, bad = (curve_areas(rgb, without, values.astype(np.float32), score) for values in (truth, ~truth))
    assert good[0] < bad[0] and good[1] > bad[1]


def test_correlation_of_ranks() -> None:
    values = np.random.default_rng(0).random((10, 10)).astype(np.float32)
    assert rank_correlation(values, values**3) == pytest.approx(1) and rank_correlation(values, -values) < -0.99
    assert rank_correlation(values, np.zeros_like(values)) == 0


def test_a_half_blend_changes_one_side_and_leaves_the_other() -> None:
    rgb, points = face()
    for seed in range(6):
        plant = half_blend(rgb, points, np.random.default_rng(seed))
        change = np.abs(plant.rgb.astype(int) - rgb).sum(2)
        share = plant.changed.mean()
        assert 0.03 < share < 0.5 and plant.rgb.dtype == np.uint8
        assert change[plant.changed].mean() > 2 * change[~plant.changed].mean()
    again = half_blend(rgb, points, np.random.default_rng(5))
    np.testing.assert_array_equal(again.rgb, plant.rgb)
    assert whole_blend(rgb, points, np.random.default_rng(0)).changed.any()


def test_a_rebuilt_stretch_lies_where_it_says() -> None:
    rng = np.random.default_rng(0)
    genuine, twin = (rng.normal(0, 0.1, 3 * RATE).astype(np.float32) for _ in range(2))
    for band in (False, True):
        plant = rebuilt_stretch(genuine, twin, "world", RATE, np.random.default_rng(1), band)
        inside = slice(round(plant.begin_s * RATE), round(plant.end_s * RATE))
        change = np.abs(plant.waveform - genuine)
        assert plant.end_s - plant.begin_s == pytest.approx(1) and change[inside].mean() > 0.01
        change[max(inside.start - 800, 0) : inside.stop + 800] = 0
        assert change.max() < 1e-3
    assert (plant.low_hz, plant.high_hz) != (0, RATE / 2)
    spectrum = np.abs(np.fft.rfft(plant.waveform - genuine)) ** 2
    hz = np.fft.rfftfreq(len(genuine), 1 / RATE)
    assert spectrum[(hz >= plant.low_hz) & (hz <= plant.high_hz)].sum() > 0.9 * spectrum.sum()
    truth = truth_of(plant, (20, 60))
    assert truth.any() and truth.any(0).sum() == truth_of(plant, (60,)).sum() == 20


def test_only_a_kind_that_points_beats_the_blob_and_hangs_on_the_weights_is_on() -> None:
    truths = [box(1, 1, 6), box(12, 12, 6), box(1, 12, 6), box(12, 1, 6)] * 6
    good = [trial(i, 1.0, truth.astype(np.float32), truth) for i, truth in enumerate(truths)]
    bad = [trial(i, 1.0, (~truth).astype(np.float32), truth) for i, truth in enumerate(truths)]
    assert judge(localisation(good), 0.1)[0]
    assert not judge(localisation(bad), 0.1)[0]
    assert "hardly changes" in judge(localisation(good), 0.9)[1]
    assert judge(None, None) == (False, "none of the planted fakes was scored fake, so it could not be measured")
    missed = [trial(i, -1.0, (~truth).astype(np.float32), truth) for i, truth in enumerate(truths)]
    both = summary([*good, *missed], 0.1)
    assert both["passed"] and both["scored_fake"]["n"] == 24 and both["all"]["pointing"] == 0.5


class RedBranch:
    """Calls red faces fake; has a torch model only so that its weights can be drawn again."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.model: Any = torch.nn.Linear(3, 1)

    def score(self, crops: Any) -> np.ndarray:
        weight = self.model.weight.detach().numpy()[0]
        return np.array([float(rgb.mean((0, 1)) @ weight) for rgb in crops])


def test_random_weights_leave_the_branch_as_it_was() -> None:
    branch = RedBranch()
    before = branch.model.weight.detach().clone()
    other = with_random_weights(branch, 3)
    assert torch.equal(branch.model.weight, before) and not torch.equal(other.model.weight, before)
    assert torch.equal(with_random_weights(branch, 3, only=lambda name: name == "head").model.weight, before)


def test_the_check_of_faces_runs_on_any_branch_and_makes_a_page() -> None:
    rgb, points = face()
    told: list[tuple[int, int]] = []
    size = FaceCheckSize(faces=3, slow=2, curves=1, random=1)
    found = check_face_maps(RedBranch(), [(rgb, points)] * 4, size, 0, lambda *now: told.append(now))
    assert set(found["kinds"]) == {"occlusion"} and found["kinds"]["occlusion"]["all"]["n"] == 2
    assert told[-1] == (2, 2)
    page = to_markdown({"kinds": {"occlusion": {"weights": "w", "split": "dev", **found["kinds"]["occlusion"]}}})
    assert "## Maps of a sound" in page and "(`grad_cam`) is off: not measured." in page
    with pytest.raises(DataError, match="no genuine face"):
        check_face_maps(RedBranch(), [])


class NoiseBranch:
    sampling_rate = RATE

    def score(self, windows: Any) -> np.ndarray:
        return np.array([20 * float(np.abs(np.diff(window)).mean()) - 2 for window in windows])


def test_the_check_of_sounds_passes_a_branch_that_hears_the_stretch() -> None:
    genuine = (0.1 * np.sin(np.arange(3 * RATE) * 0.05)).astype(np.float32)
    twin = np.random.default_rng(0).normal(0, 0.07, len(genuine)).astype(np.float32)
    found = check_sound_maps(NoiseBranch(), [SpeechPair(genuine, twin, "noise")] * 8)["kinds"]
    assert set(found) == {"short_windows", "leave_out"}
    assert found["short_windows"]["all"]["pointing"] == 1 and found["short_windows"]["random_correlation"] is None
    page = to_markdown({"kinds": {name: {"weights": "w", "split": "dev", **one} for name, one in found.items()}})
    assert "| `short_windows` | 8 | 1.000 |" in page and "Weights `w`, split `dev`." in page
    with pytest.raises(DataError, match="no speech"):
        check_sound_maps(NoiseBranch(), [])
