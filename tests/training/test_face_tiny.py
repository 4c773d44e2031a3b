"""The face loop on a handful of made-up pictures: it learns, it resumes exactly, its batches are what they say."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from deepfake_hf.errors import DataError
from deepfake_hf.models.configuration_frame import FrameDetectorConfig
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training import face
from deepfake_hf.training.face import FaceRecipe, train_face
from deepfake_hf.training.face_data import BatchPlan, PairedBatches, PairedFaces, is_set_aside, load_faces

PROCESSOR = FaceImageProcessor(size={"height": 64, "width": 64}, image_mean=[0.4] * 3, image_std=[0.3] * 3)
ANGLES = np.linspace(0, 2 * np.pi, 68, endpoint=False)
LANDMARKS = np.stack((112 + 60 * np.cos(ANGLES), 112 + 75 * np.sin(ANGLES)), axis=1).astype(np.float32)


def picture(seed: int, fake: bool) -> bytes:
    rgb = np.random.default_rng(seed).integers(60, 160, (8, 8, 3), dtype=np.uint8)
    rgb = np.asarray(Image.fromarray(rgb).resize((224, 224), Image.Resampling.BICUBIC)).copy()
    if fake:
        rgb[80:150:4] = 250
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = []
    for source in range(40):
        for label in (0, 1):
            rows.append(
                {
                    "image": {"bytes": picture(source, bool(label))},
                    "label": label,
                    "source_video": f"v{source}",
                    "landmarks_xy": None if source == 0 else LANDMARKS.tolist(),
                    "split": "validation" if source >= 36 else "train",
                }
            )
    folder = tmp_path_factory.mktemp("faces")
    pq.write_table(pa.Table.from_pylist(rows), folder / "faces-00-of-01.parquet")
    return folder


@pytest.fixture
def tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(recipe: FaceRecipe) -> tuple[FrameDetectorForImageClassification, FaceImageProcessor]:
        torch.manual_seed(0)
        config = FrameDetectorConfig(backbone="test_efficientnet", image_size=64)
        return FrameDetectorForImageClassification(config), PROCESSOR

    monkeypatch.setattr(face, "build_model", build)


def recipe(data: Path, out: Path, **changes: object) -> FaceRecipe:
    values: dict[str, object] = {
        "data": str(data), "out": str(out), "steps": 4, "sizes": ((1.0, 64),), "plan": BatchPlan(4, 2),
        "evaluate_every": 2, "workers": 0, "learning_rate": 3e-3, "mixed_precision": "no", "ema_decay": 0.5,
    }  # fmt: skip
    return FaceRecipe(**{**values, **changes})  # type: ignore[arg-type]


def test_parts_never_share_a_source(data: Path) -> None:
    parts = {part: {row.source for row in load_faces(data, part)} for part in ("train", "dev", "validation")}
    assert not parts["train"] & parts["dev"] and not (parts["train"] | parts["dev"]) & parts["validation"]
    assert parts["dev"] and all(is_set_aside(source) for source in parts["dev"])
    with pytest.raises(DataError, match="parquet"):
        load_faces(data / "nowhere", "train")


def test_a_batch_holds_pairs_and_blends_of_the_same_faces(data: Path) -> None:
    rows = load_faces(data, "train")
    batches = list(PairedBatches(rows, BatchPlan(4, 2), 0, 6, seed=1))
    for batch in batches:
        reals = [i for i, kind, _ in batch if kind == 0 and rows[i].label == 0]
        fakes = [i for i, kind, _ in batch if kind == 0 and rows[i].label == 1]
        blends = [i for i, kind, _ in batch if kind == 1]
        assert {rows[i].source for i in reals} == {rows[i].source for i in fakes}
        assert set(blends) <= set(reals) and all(rows[i].landmarks_xy is not None for i in blends)
    assert list(PairedBatches(rows, BatchPlan(4, 2), 3, 6, seed=1)) == batches[3:]
    items = PairedFaces(rows, [(10, 48)], PROCESSOR, seed=1)
    pixels, label = items[batches[0][-1]]
    assert pixels.shape == (3, 48, 48) and label == 1 and torch.equal(pixels, items[batches[0][-1]][0])


def test_a_self_blend_changes_the_face_and_leaves_the_rest() -> None:
    rgb = np.asarray(Image.open(io.BytesIO(picture(3, False))))
    made = self_blend(rgb, LANDMARKS, np.random.default_rng(5))
    again = self_blend(rgb, LANDMARKS, np.random.default_rng(5))
    assert np.array_equal(made.rgb, again.rgb) and made.mask.max() > 0.2 and made.mask[:10, :10].max() < 0.05
    assert made.rgb.shape == rgb.shape and made.rgb.dtype == np.uint8


def test_it_learns(data: Path, tmp_path: Path, tiny_model: None) -> None:
    plan = recipe(data, tmp_path, steps=40, evaluate_every=40, plan=BatchPlan(6, 1), ema_decay=0.8)
    folder = train_face(plan)
    rows = load_faces(data, "validation")
    model = FrameDetectorForImageClassification.from_pretrained(folder)
    assert FaceImageProcessor.from_pretrained(folder).to_dict() == PROCESSOR.to_dict()
    margins = face.score_rows(model, rows, 64, PROCESSOR)
    labels = np.array([row.label for row in rows])
    assert margins[labels == 1].mean() > margins[labels == 0].mean() + 0.5


def test_resume_equals_uninterrupted(
    data: Path, tmp_path: Path, tiny_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_face(recipe(data, tmp_path / "whole"))
    interrupted = recipe(data, tmp_path / "parts")
    evaluate = face._evaluate_average

    def stop(*args: object) -> dict[str, float]:
        if (tmp_path / "parts" / "checkpoint" / "progress.json").exists():
            raise KeyboardInterrupt
        return evaluate(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(face, "_evaluate_average", stop)
    with pytest.raises(KeyboardInterrupt):
        train_face(interrupted)
    monkeypatch.setattr(face, "_evaluate_average", evaluate)
    train_face(interrupted, resume=True)
    whole = load_file(tmp_path / "whole" / "checkpoint" / "average.safetensors")
    parts = load_file(tmp_path / "parts" / "checkpoint" / "average.safetensors")
    for name, tensor in whole.items():
        assert torch.allclose(tensor.float(), parts[name].float(), atol=1e-6), name
