"""Siamese training on a handful of made-up crops: each stage learns, and the second leaves everything but the head."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.train import app
from deepfake_hf.errors import DataError
from deepfake_hf.models import PRESETS, FrameDetectorConfig, FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.training.face_data import FaceRow, is_set_aside
from deepfake_hf.training.siamese import CropTensors, SiameseRecipe, train_embedding, train_head

PROCESSOR = FaceImageProcessor(size={"height": 64, "width": 64})


def crop(seed: int, fake: bool) -> FaceRow:
    """Smooth noise; a fake has stripes."""
    rgb = np.random.default_rng(seed).integers(100, 130, (4, 4, 3), dtype=np.uint8)
    rgb = np.asarray(Image.fromarray(rgb).resize((64, 64), Image.Resampling.BICUBIC)).copy()
    if fake:
        rgb[8:56:4] = 250
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95)
    return FaceRow(buffer.getvalue(), int(fake), f"v{seed}", None)


ROWS = [crop(seed, fake) for seed in range(6) for fake in (False, True)]


def tiny(steps: int) -> tuple[FrameDetectorForImageClassification, CropTensors, SiameseRecipe]:
    torch.manual_seed(0)
    config = FrameDetectorConfig(
        backbone="test_efficientnet", image_size=64, dropout=0.0, attention="auto", attention_stage=2
    )
    recipe = SiameseRecipe(
        data="", out="", embedding_steps=steps, head_steps=steps, triplets=8, batch=12,
        embedding_learning_rate=1e-3, head_learning_rate=2e-2,
    )  # fmt: skip
    return FrameDetectorForImageClassification(config), CropTensors(ROWS, PROCESSOR), recipe


def test_a_triplet_is_two_of_a_class_and_one_of_the_other() -> None:
    crops = CropTensors(ROWS, PROCESSOR)
    asked: list[int] = []
    crops.stack = lambda indices, rng: asked.extend(indices) or torch.zeros(len(indices))  # type: ignore[assignment]
    crops.triplets(20, np.random.default_rng(0))
    for anchor, positive, negative in zip(asked[:20], asked[20:40], asked[40:], strict=True):
        assert anchor != positive and ROWS[anchor].label == ROWS[positive].label != ROWS[negative].label
    with pytest.raises(DataError, match="1 fake crops"):
        CropTensors(ROWS[:3], PROCESSOR)


def test_each_stage_learns_and_the_second_changes_only_the_head() -> None:
    model, crops, recipe = tiny(30)
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    losses = list(train_embedding(model, crops, recipe))
    assert np.mean(losses[-6:]) < 0.6 * np.mean(losses[:6])
    between = {name: value.clone() for name, value in model.state_dict().items()}
    assert {name for name, value in fresh.items() if torch.equal(value, between[name])} == {"head.weight", "head.bias"}
    losses = list(train_head(model, crops, recipe))
    assert np.mean(losses[-6:]) < 0.6 * np.mean(losses[:6])
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, between[name])}
    assert changed == {"head.weight", "head.bias"}


def test_the_command_trains_from_shards_to_a_saved_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS["efficientnet_b4_st"].config, "image_size", 64)
    monkeypatch.setitem(PRESETS["efficientnet_b4_st"].processor, "size", {"height": 64, "width": 64})
    rows = [
        {
            "image": {"bytes": row.jpeg},
            "label": row.label,
            "source_video": row.source,
            "landmarks_xy": None,
            "split": "train",
        }
        for row in ROWS
    ]
    assert [row.source for row in ROWS if is_set_aside(row.source)] == ["v0", "v0"]  # one of each class
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "faces-00-of-01.parquet")
    run = tmp_path / "run"
    options = ["face-siamese", "--data", str(tmp_path), "--out", str(run), "--backbone", "test_efficientnet"]
    small = ["--embedding-steps", "2", "--head-steps", "1", "--triplets", "2", "--batch", "2"]
    made = CliRunner().invoke(app, [*options, "--pretrained", "random", *small])
    assert made.exit_code == 0, made.output
    model = FrameDetectorForImageClassification.from_pretrained(run / "model")
    assert model.config.weights_origin == "trained" and model.config.backbone == "test_efficientnet"
    assert FaceImageProcessor.from_pretrained(run / "model").size == {"height": 64, "width": 64}
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["embedding", "embedding", "head"]
    figures = json.loads((run / "metrics.json").read_text())
    assert figures["n"] == 2 and 0 <= figures["auc"] <= 1 and '"auc"' in made.output
    refused = CliRunner().invoke(app, [*options, "--preset", "lite_clip", "--pretrained", "random"])
    assert refused.exit_code == 2 and "no frame system" in refused.output
