"""Triplets, then the head: what a triplet is, that both phases learn, and that the second leaves all but the head."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from deepfake_hf.cli.train import app
from deepfake_hf.errors import DataError
from deepfake_hf.models import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.training.run import build_stage
from tests.training.making import face_shards, tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("faces"))


def test_a_triplet_is_two_of_a_class_and_one_of_the_other(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path, "stage=triplet", "data.self_blends=0", "data.balance=class")
    stage = build_stage(config)
    labels = [row.label for row in stage.rows]  # type: ignore[attr-defined]
    for _, anchor, positive, negative in (unit for step in range(5) for unit in stage.units(step)):
        assert anchor != positive and labels[anchor] == labels[positive] != labels[negative]
    batch = stage.collate([stage.make(unit) for unit in stage.units(0)])
    assert batch["pixel_values"].shape == (12, 3, 64, 64)
    figures = stage.figures(np.array([0.5, -0.5, 2.0, 3.0]), stage.dev, 0)
    assert figures == {"triplet_accuracy": 0.75, "loss": pytest.approx((0.5 + 1.5) / 4)}
    one_class = face_shards(tmp_path, labels=(0,))
    with pytest.raises(DataError, match="0 fake items"):
        build_stage(tiny(one_class, tmp_path, "stage=triplet", "data.self_blends=0", "data.balance=class"))


def test_the_command_trains_both_phases(data: Path, tmp_path: Path) -> None:
    options = ["face-siamese", "--data", str(data), "--out", str(tmp_path), "--preset", "lite_frame", "--backbone"]
    options += ["test_efficientnet", "--pretrained", "random", "--set", "model.image_size=64", "--workers", "0"]
    small = ["--embedding-steps", "20", "--head-steps", "20", "--triplets", "4", "--batch", "8"]
    small += ["--embedding-learning-rate", "3e-3", "--head-learning-rate", "3e-2"]
    made = CliRunner().invoke(app, [*options, *small])
    assert made.exit_code == 0, made.output
    model = FrameDetectorForImageClassification.from_pretrained(tmp_path / "model")
    assert model.config.weights_origin == "trained" and model.config.backbone == "test_efficientnet"
    assert FaceImageProcessor.from_pretrained(tmp_path / "model").size == {"height": 64, "width": 64}
    first, second = tmp_path / "1-triplet", tmp_path / "2-head"
    triplet = json.loads((first / "metrics.json").read_text())
    assert triplet["triplet_accuracy"] > 0.5 and triplet["triplet_accuracy_95"][0] <= triplet["triplet_accuracy"]
    assert json.loads((tmp_path / "metrics.json").read_text())["auc"] > 0.7 and '"auc"' in made.output
    before, after = (load_file(run / "model" / "model.safetensors") for run in (first, second))
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {"head.weight", "head.bias"}
    again = CliRunner().invoke(app, [*options, *small, "--resume"])
    assert again.exit_code == 0, again.output
    refused = CliRunner().invoke(app, [*options, "--preset", "lite_clip"])
    assert refused.exit_code == 2 and "Such systems have classify" in refused.output
