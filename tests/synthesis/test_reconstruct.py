"""Autoencoders of faces, and faces sent through them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.reconstruct import own_size, reconstruct_face
from deepfake_hf.synthesis.reconstructor import (
    BUILT_IN,
    UPSAMPLINGS,
    Reconstructor,
    ReconstructorConfig,
    built_in_reconstructors,
    find_reconstructor,
    load_reconstructor,
    save_reconstructor,
)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_every_way_keeps_the_shape_and_learns_with_all_of_it(upsampling: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Reconstructor(ReconstructorConfig(upsampling, image_size=32, widths=(4, 6, 8), latent=4))
    pixels = torch.rand(2, 3, 32, 32)
    made = model(pixels)
    assert made.shape == pixels.shape
    made.sum().backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in model.parameters())
    save_reconstructor(model, tmp_path)
    again = load_reconstructor(tmp_path)
    assert again.config == model.config
    torch.testing.assert_close(again(pixels), made, atol=2e-3, rtol=0)


def test_bad_folders_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no face autoencoder"):
        load_reconstructor(tmp_path)
    save_reconstructor(Reconstructor(ReconstructorConfig(widths=(4, 4, 4))), tmp_path)
    (tmp_path / "config.json").write_text('{"widths": [4, 4, 8]}')
    with pytest.raises(BundleError, match="do not fit"):
        load_reconstructor(tmp_path)
    for wrong in ({"upsampling": "magic"}, {"image_size": 100}, {"widths": (4, 4)}):
        with pytest.raises(UsageError):
            ReconstructorConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="transposed"):
        find_reconstructor("nobody")
    assert find_reconstructor(str(tmp_path)) == tmp_path


def test_three_are_in_the_box_small_and_of_three_kinds() -> None:
    names = built_in_reconstructors()
    configs = [load_reconstructor(find_reconstructor(name)).config for name in names]
    assert {config.upsampling for config in configs} == set(UPSAMPLINGS)
    assert [config.adversarial for config in configs].count(True) == 1
    assert all((BUILT_IN / name / "model.safetensors").stat().st_size <= 1 << 20 for name in names)
    assert "DFDC" in (BUILT_IN / "README.md").read_text()


@pytest.mark.parametrize("name", built_in_reconstructors())
def test_a_face_comes_back_alike_but_not_the_same_and_the_rest_untouched(name: str) -> None:
    portrait = astronaut_rgb()
    model = load_reconstructor(find_reconstructor(name))
    rgb, mask = reconstruct_face(portrait, LANDMARKS_XY, model)
    again, _ = reconstruct_face(portrait, LANDMARKS_XY, model)
    np.testing.assert_array_equal(rgb, again)
    np.testing.assert_array_equal(rgb[mask == 0], portrait[mask == 0])
    face = np.abs(rgb.astype(int) - portrait)[mask > 0.9]
    assert mask.max() == 1.0 and 0.5 < face.mean() < 14
    x, y = LANDMARKS_XY[30].astype(int)
    assert mask[y, x] > 0.95 and mask[:30].max() == 0


def test_a_face_cut_by_the_edge_still_works() -> None:
    model = load_reconstructor(find_reconstructor(built_in_reconstructors()[0]))
    rgb, mask = reconstruct_face(astronaut_rgb()[:, 215:], LANDMARKS_XY - np.array([215, 0], np.float32), model)
    assert rgb.shape == (512, 297, 3) and mask.max() > 0.9


def test_a_larger_face_goes_through_at_its_own_size_with_less_blur() -> None:
    model = load_reconstructor(find_reconstructor("transposed"))
    large = np.asarray(cv2.resize(astronaut_rgb(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    assert own_size(LANDMARKS_XY, model) == 128 < own_size(LANDMARKS_XY * 2, model) <= 256
    blurred, mask = reconstruct_face(large, LANDMARKS_XY * 2, model)
    sharp, _ = reconstruct_face(large, LANDMARKS_XY * 2, model, own_size(LANDMARKS_XY * 2, model))
    errors = [np.abs(made.astype(int) - large)[mask > 0.9].mean() for made in (sharp, blurred)]
    assert errors[0] < errors[1]
