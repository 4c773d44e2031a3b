"""The landmark regressor: shapes, gradients, save and load, and the geometry of its augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

import deepfake_hf.models  # noqa: F401  registers the Auto classes
from deepfake_hf.models.configuration_landmarks import LandmarkRegressorConfig
from deepfake_hf.models.modeling_landmarks import LandmarkRegressor
from deepfake_hf.training.landmarks import FLIP, augment_batch, flip_landmarks, normalised_mean_error


@pytest.fixture(scope="module")
def model() -> LandmarkRegressor:
    torch.manual_seed(0)
    return LandmarkRegressor(LandmarkRegressorConfig()).eval()


def test_shape_size_and_row_by_row(model: LandmarkRegressor) -> None:
    pixels = torch.randn(3, 3, 96, 96)
    with torch.inference_mode():
        points = model(pixels).landmarks_xy
        alone = model(pixels[1:2]).landmarks_xy
    assert points.shape == (3, 68, 2) and points.dtype == torch.float32
    torch.testing.assert_close(points[1:2], alone, atol=1e-5, rtol=0)
    assert sum(parameter.numel() for parameter in model.parameters()) < 900_000


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    model = LandmarkRegressor(LandmarkRegressorConfig()).train()
    model(torch.randn(4, 3, 96, 96), labels=torch.rand(4, 68, 2)).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_save_and_load_are_equal_with_buffers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LandmarkRegressor(LandmarkRegressorConfig())
    model.train()
    model(torch.randn(8, 3, 96, 96))  # moves the running statistics
    model.eval().save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, LandmarkRegressor)
    for (name, first), second in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(first, second), name
    pixels = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        assert torch.equal(model(pixels).landmarks_xy, loaded(pixels).landmarks_xy)
    assert AutoConfig.from_pretrained(tmp_path).image_mean == [0.5, 0.5, 0.5]


def test_half_precision_file_is_small(model: LandmarkRegressor, tmp_path: Path) -> None:
    copy = LandmarkRegressor(model.config)
    copy.half().save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 2_000_000
    assert LandmarkRegressor.from_pretrained(tmp_path, dtype=torch.float32).dtype == torch.float32


def test_it_learns_four_faces() -> None:
    torch.manual_seed(0)
    model = LandmarkRegressor(LandmarkRegressorConfig(widths=(8, 16, 24, 32), depths=(1, 1, 1))).train()
    pixels, points = torch.randn(4, 3, 96, 96), torch.rand(4, 68, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    first = last = 0.0
    for step in range(60):
        loss = model(pixels, labels=points).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        first = last if step == 0 else first
    assert last < 0.15 * first


@pytest.mark.parametrize(("options", "word"), [({"image_size": 90}, "multiple"), ({"widths": (8, 16)}, "widths")])
def test_impossible_configurations(options: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        LandmarkRegressorConfig(**options)


def test_another_picture_size_is_refused(model: LandmarkRegressor) -> None:
    with pytest.raises(ValueError, match="resize"):
        model(torch.randn(1, 3, 64, 64))


def test_flip_is_an_involution_that_swaps_the_eyes() -> None:
    assert sorted(FLIP) == list(range(68))
    assert all(FLIP[FLIP[index]] == index for index in range(68))
    pairs = {0: 16, 8: 8, 17: 26, 21: 22, 30: 30, 31: 35, 36: 45, 39: 42, 37: 44, 41: 46, 48: 54, 51: 51, 60: 64}
    pairs |= {57: 57, 55: 59, 61: 63, 62: 62, 65: 67, 66: 66}
    assert all(FLIP[first] == second for first, second in pairs.items())
    points = torch.rand(2, 68, 2)
    torch.testing.assert_close(flip_landmarks(flip_landmarks(points)), points)


def test_augmentation_moves_points_with_the_picture() -> None:
    """A bright dot under each face's tip of the nose stays under it."""
    pixels, points = torch.zeros(32, 3, 96, 96), torch.full((32, 68, 2), 0.5)
    rows, columns = torch.randint(36, 60, (2, 32))
    for index in range(32):
        pixels[index, :, rows[index] - 1 : rows[index] + 2, columns[index] - 1 : columns[index] + 2] = 1.0
        points[index, 30] = torch.tensor([columns[index] + 0.5, rows[index] + 0.5]) / 96
    pixels, points = augment_batch(pixels, points, torch.Generator().manual_seed(3))
    weight = pixels[:, 0] - pixels[:, 0].amin((1, 2), keepdim=True)
    grid = (torch.arange(96) + 0.5) / 96
    total = weight.sum((1, 2))
    centre = torch.stack([(weight.sum(1) * grid).sum(1), (weight.sum(2) * grid).sum(1)], 1) / total[:, None]
    torch.testing.assert_close(centre, points[:, 30], atol=0.006, rtol=0)


def test_normalised_error_by_hand() -> None:
    true = np.zeros((1, 68, 2), np.float32)
    true[0, 45] = [0.5, 0]
    np.testing.assert_allclose(normalised_mean_error(true + np.float32([0.03, 0.04]), true), [0.1], rtol=1e-5)
