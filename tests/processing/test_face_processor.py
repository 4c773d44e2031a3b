"""The face processor: the arithmetic the weights were trained with, constants that travel, and clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from deepfake_hf.models import PRESETS
from deepfake_hf.processing import ClipVideoProcessor, FaceImageProcessor
from deepfake_hf.processing.image_processing_face import normalised_crop

HALF = (0.5, 0.5, 0.5)


def crop(height: int = 40, width: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_first_trained(rgb: np.ndarray, size: int) -> torch.Tensor:
    """The arithmetic of the first training run, kept here word for word: the weights in the box know no other."""
    if rgb.shape[0] != size or rgb.shape[1] != size:
        shrink = size < rgb.shape[0]
        rgb = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float().div_(127.5).sub_(1.0)


@pytest.mark.parametrize("shape", [(192, 192), (128, 128), (256, 256), (250, 180), (100, 250), (192, 300)])
def test_bit_equal_to_training(shape: tuple[int, int]) -> None:
    rgb = crop(*shape)
    for size in (128, 160, 192):
        expected = as_first_trained(rgb, size)
        assert torch.equal(normalised_crop(rgb, size, size, HALF, HALF), expected)
        processor = FaceImageProcessor(size={"height": size, "width": size})
        assert torch.equal(processor(rgb)["pixel_values"][0], expected)


def test_every_level_is_bit_equal() -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert torch.equal(normalised_crop(levels, 16, 16, HALF, HALF), as_first_trained(levels, 16))


def test_other_constants() -> None:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    rgb = crop(8, 8)
    made = FaceImageProcessor({"height": 8, "width": 8}, mean.tolist(), std.tolist())(rgb)["pixel_values"][0]
    np.testing.assert_allclose(made.numpy().transpose(1, 2, 0), (rgb / 255 - mean) / std, atol=1e-5)


def test_all_kinds_of_input_agree() -> None:
    processor, rgb = FaceImageProcessor({"height": 32, "width": 32}), crop()
    expected = processor(rgb)["pixel_values"]
    assert expected.shape == (1, 3, 32, 32) and expected.dtype == torch.float32 and expected.is_contiguous()
    for picture in (torch.from_numpy(rgb), Image.fromarray(rgb), [rgb], rgb[None], (Image.fromarray(rgb),)):
        assert torch.equal(processor(picture)["pixel_values"], expected)
    two = processor([rgb, crop(20, 60, seed=1)], return_tensors="np")["pixel_values"]
    assert isinstance(two, np.ndarray) and two.shape == (2, 3, 32, 32) and two.dtype == np.float32
    np.testing.assert_array_equal(two[:1], expected.numpy())


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ("face.png", TypeError, "cannot be a str"),
        (crop().astype(np.float32) / 255, TypeError, "float32 may be in"),
        (crop().transpose(2, 0, 1), ValueError, "channels last"),
        (crop()[..., 0], ValueError, "channels last"),
        (np.zeros((0, 5, 3), np.uint8), ValueError, "channels last"),
        ([], ValueError, "no crop"),
        ([None], TypeError, "cannot be a NoneType"),
        (Image.new("I;16", (4, 4)), TypeError, "more than 8 bits"),
    ],
)
def test_wrong_input_is_named(images: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FaceImageProcessor()(images)


def test_constants_travel_and_dead_options_are_refused(tmp_path: Path) -> None:
    made = FaceImageProcessor({"height": 24, "width": 20}, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    made.save_pretrained(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["preprocessor_config.json"]
    again = FaceImageProcessor.from_pretrained(tmp_path)
    assert again.to_dict() == made.to_dict() and torch.equal(
        again(crop())["pixel_values"], made(crop())["pixel_values"]
    )
    for cls in (FaceImageProcessor, ClipVideoProcessor):
        with pytest.raises(TypeError, match="no option do_resize"):
            cls(do_resize=False)
        with pytest.raises(ValueError, match="size is"):
            cls(size={"shortest_edge": 20})
        with pytest.raises(ValueError, match="std above zero"):
            cls(image_std=(0.5, 0.0, 0.5))


@pytest.mark.parametrize("name", sorted(name for name, preset in PRESETS.items() if preset.kind in ("frame", "clip")))
def test_presets_fit_their_processor(name: str) -> None:
    preset = PRESETS[name]
    made = (FaceImageProcessor if preset.kind == "frame" else ClipVideoProcessor)(**preset.processor)
    side = preset.config["image_size"]
    assert made.size == {"height": side, "width": side}
