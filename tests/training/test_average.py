"""The mean of two models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepfake_hf.errors import UsageError
from deepfake_hf.training.average import average_models
from deepfake_hf.training.model_start import start_model


def saved(folder: Path, preset: str, seed: int) -> Path:
    torch.manual_seed(seed)
    start_model(preset, "random", "test_efficientnet", {"image_size": 64})[0].save_pretrained(folder)
    return folder


def test_tensor_by_tensor(tmp_path: Path) -> None:
    folders = [saved(tmp_path / f"run{i}" / "model", "lite_frame", i) for i in range(2)]
    made = average_models(folders, [0.25, 0.75], tmp_path / "mean")
    first, second, mean = (load_file(folder / "model.safetensors") for folder in (*folders, made))
    for name, tensor in mean.items():
        expected = 0.25 * first[name] + 0.75 * second[name] if tensor.is_floating_point() else second[name]
        assert torch.allclose(tensor, expected, atol=1e-6) and tensor.dtype == second[name].dtype
    assert json.loads((tmp_path / "mean" / "average.json").read_text())["shares"] == [0.25, 0.75]


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    one = saved(tmp_path / "one", "lite_frame", 0)
    other = saved(tmp_path / "other", "efficientnet_auto_att_b4", 0)
    for folders, shares, words in (
        ([one, other], [0.5, 0.5], "tensors differ"),
        ([one, one], [0.5, 0.6], "adding up to 1"),
        ([one], [1.0], "two models or more"),
        ([one, tmp_path], [0.5, 0.5], r"no model\.safetensors"),
    ):
        with pytest.raises(UsageError, match=words):
            average_models(folders, shares, tmp_path / "mean")
