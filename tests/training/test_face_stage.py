"""Faces on a handful of made-up pictures: what a batch holds, that it learns, from shards and from a manifest."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepfake_hf.data import read_manifest, write_manifest
from deepfake_hf.errors import DataError
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training.face_data import FaceRow, Look, PairOrder, is_set_aside, load_faces, with_landmarks
from deepfake_hf.training.run import build_stage, train
from deepfake_hf.training.stage_faces import default_sizes, score_rows, two_tasks
from tests.training.making import LANDMARKS, crop_manifest, face_shards, picture, tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("faces"))


def test_parts_never_share_a_source(data: Path) -> None:
    parts = {part: {row.source for row in load_faces(data, part)} for part in ("train", "dev", "validation")}
    assert not parts["train"] & parts["dev"] and not (parts["train"] | parts["dev"]) & parts["validation"]
    assert parts["dev"] and all(is_set_aside(source) for source in parts["dev"])
    with pytest.raises(DataError, match="parquet"):
        load_faces(data / "nowhere", "train")


def test_a_batch_holds_pairs_and_blends_of_the_same_faces(data: Path) -> None:
    rows = load_faces(data, "train")
    order = PairOrder(rows, 4, 2, seed=1)
    for step in range(6):
        batch = order(step)
        reals = [i for i, kind, _ in batch if kind == 0 and rows[i].label == 0]
        fakes = [i for i, kind, _ in batch if kind == 0 and rows[i].label == 1]
        blends = [i for i, kind, _ in batch if kind == 1]
        assert {rows[i].source for i in reals} == {rows[i].source for i in fakes}
        assert set(blends) <= set(reals) and all(rows[i].landmarks_xy is not None for i in blends)
    assert PairOrder(rows, 4, 2, seed=1)(5) == order(5) != order(4)
    look = Look(((2, 48), (10, 64)), (0.4,) * 3, (0.3,) * 3, seed=1)
    key = order(0)[-1]
    pixels, label = look.see(rows[key[0]], key)
    assert pixels.shape == (3, 48, 48) and label == 1 and torch.equal(pixels, look.see(rows[key[0]], key)[0])
    assert (look.size_at(1), look.size_at(2), look.size_at(99)) == (48, 64, 64)
    assert default_sizes(192) == ((0.3, 128), (0.65, 160), (1.0, 192))
    with pytest.raises(DataError, match="sources have genuine and fake"):
        PairOrder(rows, 99, 2, seed=1)


def test_a_self_blend_changes_the_face_and_leaves_the_rest() -> None:
    rgb = np.asarray(Image.open(io.BytesIO(picture(3, False))))
    made = self_blend(rgb, LANDMARKS, np.random.default_rng(5))
    again = self_blend(rgb, LANDMARKS, np.random.default_rng(5))
    assert np.array_equal(made.rgb, again.rgb) and made.mask.max() > 0.2 and made.mask[:10, :10].max() < 0.05
    assert made.rgb.shape == rgb.shape and made.rgb.dtype == np.uint8


def test_it_learns(data: Path, tmp_path: Path) -> None:
    folder = train(
        tiny(data, tmp_path, "loop.steps=40", "loop.evaluate_every=40", "data.batch=6", "loop.ema_decay=0.8")
    )
    model = FrameDetectorForImageClassification.from_pretrained(folder)
    processor = FaceImageProcessor.from_pretrained(folder)
    assert processor.size == {"height": 64, "width": 64} and model.config.weights_origin == "trained"
    rows = load_faces(data, "validation")
    margins = score_rows(model, rows, 64, processor)
    labels = np.array([row.label for row in rows])
    assert margins[labels == 1].mean() > margins[labels == 0].mean() + 0.5
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["part"] == "validation" and metrics["n_real"] == metrics["n_fake"] == 4 and metrics["auc"] > 0.9


def test_two_tasks_are_weighed() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # genuine, fake, self-blend
    labels, blends = torch.tensor([0, 1, 1]), torch.tensor([False, False, True])
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    expected = (each[0] + each[1]) / 2 + 0.3 * (each[0] + each[2]) / 2
    assert torch.allclose(two_tasks(logits, labels, blends, 0.3), expected)
    assert torch.allclose(two_tasks(logits[:2], labels[:2], blends[:2], 0.3), each[:2].mean() + 0.3 * 0)


def test_from_a_manifest_by_method_and_with_landmarks_found(tmp_path: Path) -> None:
    manifest = crop_manifest(tmp_path / "crops")
    config = tiny(manifest, tmp_path / "run", "data.source=manifest", "data.balance=method", "loss.blend_weight=0.5")
    stage = build_stage(config)
    keys = stage.units(0)
    labels = [stage.make(key)[1:] for key in keys]
    assert labels.count((0, 0)) == labels.count((1, 0)) == 2 and labels.count((1, 1)) == 2  # (label, self-blend)
    assert (train(config) / "model.safetensors").is_file()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"loss_supervised", "loss_self_blend"} <= set(log[-2])
    row = FaceRow(Path(read_manifest(manifest)[0].path), 0, "s", None)
    found = with_landmarks([row])[0].landmarks_xy
    assert found is not None and found.shape == (68, 2)


def test_data_that_can_not_be_trained_on_are_refused(tmp_path: Path) -> None:
    manifest = crop_manifest(tmp_path / "crops")
    rows = read_manifest(manifest)
    for kept, words in (
        ([row for row in rows if row.split != "validation"], "the part 'validation' .* is empty"),
        ([row for row in rows if row.label == 0 or row.split == "train"], "0 fake items in the part 'validation'"),
    ):
        write_manifest(tmp_path / "other.csv", kept)
        config = tiny(tmp_path / "other.csv", tmp_path / "run", "data.source=manifest", "data.balance=class")
        with pytest.raises(DataError, match=f"(?i){words}"):
            train(config)
    Path(rows[0].path).unlink()
    with pytest.raises(DataError, match=r"1 crops of .* are missing"):
        train(tiny(manifest, tmp_path / "run", "data.source=manifest", "data.balance=class"))
    Path(rows[0].path).write_bytes(b"no picture")
    with pytest.raises(DataError, match="it is no picture"):
        FaceRow(Path(rows[0].path), 0, "s", None).rgb()
