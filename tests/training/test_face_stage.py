"""Faces on a handful of made-up pictures: what a batch holds, that it learns, from shards and from a manifest."""

from __future__ import annotations

import io
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepfake_hf.data import read_manifest, write_manifest
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training import stage_faces
from deepfake_hf.training.face_augmentation import FaceSettings
from deepfake_hf.training.face_data import (
    REBUILT,
    SELF_BLENDED,
    STORED,
    FaceRow,
    Look,
    PairOrder,
    is_set_aside,
    load_faces,
    with_landmarks,
)
from deepfake_hf.training.run import build_stage, train
from deepfake_hf.training.stage_faces import default_sizes, score_rows, two_tasks
from tests.training.making import LANDMARKS, crop_manifest, face_shards, picture, tiny

OFF = {field.name: 0.0 for field in fields(FaceSettings) if field.name.startswith("p_")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("faces"))


def test_parts_never_share_a_source(data: Path) -> None:
    parts = {part: {row.source for row in load_faces(data, part)} for part in ("train", "dev", "validation")}
    assert not parts["train"] & parts["dev"] and not (parts["train"] | parts["dev"]) & parts["validation"]
    assert parts["dev"] and all(is_set_aside(source) for source in parts["dev"])
    with pytest.raises(DataError, match="parquet"):
        load_faces(data / "nowhere", "train")


def test_a_batch_holds_pairs_and_fakes_of_the_same_faces(data: Path, tmp_path: Path) -> None:
    mix = ("data.batch=4", "data.self_blends=2", "data.rebuilds=1", "data.rebuilders=[nearest]")
    stage, again = (build_stage(tiny(data, tmp_path, *mix)) for _ in range(2))
    rows = stage.rows  # type: ignore[attr-defined]
    for step in range(6):
        keys = stage.units(step)
        reals = [i for i, kind, _ in keys if kind == STORED and rows[i].label == 0]
        fakes = [i for i, kind, _ in keys if kind == STORED and rows[i].label == 1]
        blends, rebuilt = ([i for i, kind, _ in keys if kind == made] for made in (SELF_BLENDED, REBUILT))
        assert len(blends) == 2 and len(rebuilt) == 1 and len(reals) == len(fakes) == 4
        assert {rows[i].source for i in reals} == {rows[i].source for i in fakes}
        assert {*blends, *rebuilt} <= set(reals)
    assert again.units(5) == stage.units(5) != stage.units(4)
    by_epochs = build_stage(tiny(data, tmp_path, *mix, "loop.steps=null", "loop.epochs=3"))
    assert stage.steps == 4 and by_epochs.steps == 3 * by_epochs.steps_per_epoch
    with pytest.raises(DataError, match="sources have genuine and fake"):
        PairOrder(rows, 99, seed=1)
    with pytest.raises(UsageError, match="neither a folder nor one of the autoencoders"):
        build_stage(tiny(data, tmp_path, "data.rebuilds=1", "data.rebuilders=[mirror]"))
    with pytest.raises(UsageError, match="a probability is in"):
        build_stage(tiny(data, tmp_path, "data.augment.p_rotate=2"))
    turned = build_stage(tiny(data, tmp_path, *mix, "data.augment={p_rotate: 1, rotate_deg: [10, 15]}"))
    key = stage.units(0)[0]
    assert not torch.equal(stage.make(key)[0], turned.make(key)[0])


def test_a_batch_of_genuine_crops_makes_all_its_fakes(data: Path, tmp_path: Path) -> None:
    mix = ("data.balance=genuine", "data.batch=5", "data.self_blends=3", "data.rebuilds=2")
    stage = build_stage(tiny(data, tmp_path, *mix))
    rows = stage.rows  # type: ignore[attr-defined]
    assert len(rows) > 20 and {row.label for row in rows} == {0}
    assert {kind for _, kind, _ in stage.units(1)} == {STORED, SELF_BLENDED, REBUILT} and len(stage.units(1)) == 10
    with pytest.raises(UsageError, match="no fakes would be made"):
        build_stage(tiny(data, tmp_path, "data.balance=genuine", "data.self_blends=0"))


def test_fakes_can_be_deformed_and_changed(data: Path) -> None:
    row = next(row for row in load_faces(data, "train") if row.label == 0 and row.landmarks_xy is not None)
    plain = Look(((10, 64),), (0.4,) * 3, (0.3,) * 3, seed=1, augment=OFF, rebuilders=("transposed",))
    for kind, change in ((SELF_BLENDED, {"blend_elastic": 1.0}), (REBUILT, {"rebuild_changed": 1.0})):
        before, after = (look.see(row, (0, kind, 1))[0] for look in (plain, replace(plain, **change)))
        assert not torch.equal(before, after) and torch.equal(after, replace(plain, **change).see(row, (0, kind, 1))[0])


@pytest.mark.parametrize("kind", [STORED, SELF_BLENDED, REBUILT])
def test_an_item_is_made_from_its_key_alone(data: Path, kind: int) -> None:
    rows = [row for row in load_faces(data, "train") if row.label == 0 and row.landmarks_xy is not None]
    look = Look(((2, 48), (10, 64)), (0.4,) * 3, (0.3,) * 3, seed=1, rebuilders=("transposed", "nearest"))
    pixels, label = look.see(rows[0], (0, kind, 1))
    assert pixels.shape == (3, 48, 48) and label == int(kind != STORED)
    assert torch.equal(pixels, look.see(rows[0], (0, kind, 1))[0])
    assert not torch.equal(pixels, look.see(rows[0], (0, (kind + 1) % 3, 1))[0])


@pytest.mark.parametrize("kind", [STORED, SELF_BLENDED, REBUILT])
def test_reduced_sources_lose_the_blocks_of_stored_pictures(data: Path, kind: int) -> None:
    row = next(row for row in load_faces(data, "train") if row.label == 0 and row.landmarks_xy is not None)
    plain = Look(((10, 224),), (0.0,) * 3, (1.0,) * 3, seed=1, augment=OFF, rebuilders=("transposed",))
    pixels = [replace(plain, source_scale=scale).see(row, (0, kind, 1))[0] for scale in (None, (0.5, 0.6), (0.5, 0.6))]
    fine = [float((made[:, 1:] - made[:, :-1]).abs().mean()) for made in pixels]
    assert pixels[1].shape == (3, 224, 224) and torch.equal(pixels[1], pixels[2]) and fine[1] < fine[0]


def test_sides_rise_in_steps() -> None:
    look = Look(((2, 48), (10, 64)), (0.4,) * 3, (0.3,) * 3, seed=1)
    assert (look.size_at(1), look.size_at(2), look.size_at(99)) == (48, 64, 64)
    assert default_sizes(192) == ((0.3, 128), (0.65, 160), (1.0, 192))


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


def test_teachers_have_their_say(data: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    source = build_stage(tiny(data, tmp_path, "seed=5"))
    source.model.save_pretrained(teacher)
    source.save_processor(teacher)
    taught = ("data.batch=3", f"loss.teachers=[{teacher},{teacher}]", "loss.teacher_weight=0.25", "loop.precision=fp32")
    taught = (*taught, "loss.teacher_units=[[1, 0], [2, -0.5]]", "loss.teacher_softness=0.5")
    plain, stage = build_stage(tiny(data, tmp_path, "data.batch=3")), build_stage(tiny(data, tmp_path, *taught))
    batch = stage.collate([stage.make(key) for key in stage.units(0)])
    stage.model.eval()
    alone, _ = plain.loss(stage.model, batch)
    both, parts = stage.loss(stage.model, batch)
    with torch.no_grad():
        said, own = (model.eval()(batch["pixel_values"]).logits for model in (source.model, stage.model))
    margin, p = said[:, 1] - said[:, 0], torch.sigmoid(own[:, 1] - own[:, 0])
    goal = torch.sigmoid(0.5 * torch.log(torch.exp(2 * margin) + torch.exp(2 * (2 * margin - 0.5))))
    told = -(goal * p.log() + (1 - goal) * (1 - p).log()).mean()
    assert parts["loss_teachers"] == pytest.approx(float(told), abs=1e-5)
    assert float(both) == pytest.approx(0.75 * float(alone) + 0.25 * float(told), abs=1e-5)
    with pytest.raises(UsageError, match="a scale and an offset"):
        tiny(data, tmp_path, *taught, "loss.teacher_units=[[1, 0]]")


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


def test_landmarks_are_found_once_and_by_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def finder(rows: list[FaceRow]) -> list[FaceRow]:
        asked.append(len(rows))
        return [replace(row, landmarks_xy=LANDMARKS) if row.label == 0 else row for row in rows]

    monkeypatch.setattr(stage_faces, "with_landmarks", finder)
    manifest = crop_manifest(tmp_path / "crops")
    stage = build_stage(tiny(manifest, tmp_path, "data.source=manifest", "data.balance=class"))
    assert isinstance(stage, stage_faces.FaceStage)
    stage.score(stage.model, stage.dev.items, 0)
    assert not asked  # what `train.py publish` does needs none
    stage.loader((0, 1), 0, 1)
    assert asked == [len(stage.rows)]
    assert sum(kind == SELF_BLENDED for _, kind, _ in stage.units(0)) == 2 and len(asked) == 1


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
