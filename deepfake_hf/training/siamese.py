"""Siamese training of a frame detector: triplet margin on its embedding, then the head on frozen features.

Source: Bonettini et al. 2020 (arXiv:2004.07676), section III-C; the loss of Schroff et al. 2015 (arXiv:1503.03832).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn

from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor, normalised_crop
from deepfake_hf.training.backbones import default_source
from deepfake_hf.training.face import crop_figures
from deepfake_hf.training.face_augmentation import FaceAugmentation
from deepfake_hf.training.face_data import FaceRow, load_faces
from deepfake_hf.training.frame_start import start_frame_model


@dataclass(frozen=True)
class SiameseRecipe:
    """All settings of a run. ``triplets`` and ``margin`` are of the first stage, ``batch`` of the second.

    ``backbone`` and ``pretrained`` are as of :class:`~deepfake_hf.training.face.FaceRecipe`.
    """

    data: str
    out: str
    preset: str = "efficientnet_b4_st"
    backbone: str | None = None
    pretrained: str | None = None
    embedding_steps: int = 2000
    head_steps: int = 500
    triplets: int = 12
    batch: int = 32
    margin: float = 1.0
    embedding_learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    dev_limit: int = 1000
    seed: int = 7


class CropTensors:
    """Stored crops as normalised tensors, augmented by a generator that the caller seeds.

    Args:
        rows: Crops of both classes.
        processor: Gives side, mean and std.

    Raises:
        DataError: Fewer than two crops of a class.
    """

    def __init__(self, rows: list[FaceRow], processor: FaceImageProcessor) -> None:
        self.rows, self.side = rows, processor.size["height"]
        self.mean, self.std = tuple(processor.image_mean), tuple(processor.image_std)
        self.by_label = [[i for i, row in enumerate(rows) if row.label == label] for label in (REAL, FAKE)]
        for name, found in zip(("genuine", "fake"), self.by_label, strict=True):
            if len(found) < 2:
                raise DataError(
                    f"{len(found)} {name} crops to train on",
                    "a triplet takes two of one class and one of the other",
                    "name a folder of shards that holds both classes",
                )
        self.augment = FaceAugmentation()

    def stack(self, indices: list[int], rng: np.random.Generator) -> Tensor:
        """float32 (len(indices), 3, side, side)."""
        pictures = [self.augment(self.rows[i].rgb(), rng) for i in indices]
        return torch.stack([normalised_crop(rgb, self.side, self.side, self.mean, self.std) for rgb in pictures])

    def triplets(self, count: int, rng: np.random.Generator) -> Tensor:
        """float32 (3 * count, 3, side, side): anchors, then others of their class, then crops of the other class."""
        chosen: tuple[list[int], list[int], list[int]] = ([], [], [])
        for label in rng.integers(0, 2, count):
            pair = rng.choice(self.by_label[label], 2, replace=False)
            for part, index in zip(chosen, (*pair, rng.choice(self.by_label[1 - label])), strict=True):
                part.append(int(index))
        return self.stack([index for part in chosen for index in part], rng)

    def labelled(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """float32 (count, 3, side, side) and int64 (count,), both classes equally likely."""
        labels = rng.integers(0, 2, count)
        return self.stack([int(rng.choice(self.by_label[label])) for label in labels], rng), torch.from_numpy(labels)


def train_embedding(
    model: FrameDetectorForImageClassification, crops: CropTensors, recipe: SiameseRecipe
) -> Iterator[float]:
    """First stage: everything but the head learns to put crops of a class together. Yields the loss of each step."""
    parameters = [value for name, value in model.named_parameters() if not name.startswith("head.")]
    optimizer = torch.optim.AdamW(parameters, recipe.embedding_learning_rate, weight_decay=recipe.weight_decay)
    rng = np.random.default_rng([recipe.seed, 1])
    model.train()
    for _ in range(recipe.embedding_steps):
        pixels = crops.triplets(recipe.triplets, rng).to(model.device)
        anchor, positive, negative = model(pixels).embedding.float().chunk(3)  # each (triplets, D)
        loss = nn.functional.triplet_margin_loss(anchor, positive, negative, margin=recipe.margin)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


def train_head(
    model: FrameDetectorForImageClassification, crops: CropTensors, recipe: SiameseRecipe
) -> Iterator[float]:
    """Second stage: only the head learns; weights and batch statistics below it stay. Yields the loss of each step."""
    optimizer = torch.optim.AdamW(model.head.parameters(), recipe.head_learning_rate, weight_decay=recipe.weight_decay)
    rng = np.random.default_rng([recipe.seed, 2])
    model.eval()
    for _ in range(recipe.head_steps):
        pixels, labels = crops.labelled(recipe.batch, rng)
        with torch.no_grad():
            embedding = model(pixels.to(model.device)).embedding  # (batch, D)
        dropped = nn.functional.dropout(embedding, model.config.dropout, training=True)
        loss = nn.functional.cross_entropy(model.head(dropped).float(), labels.to(model.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


def train_siamese(recipe: SiameseRecipe) -> Path:
    """Train both stages and save the model.

    Args:
        recipe: Data, preset and settings.

    Returns:
        The folder of the saved model; beside it ``log.jsonl`` holds a line per step, ``recipe.json`` the settings and
        ``metrics.json`` the figures on crops that are set aside from training.

    Raises:
        UsageError: The preset is not one of the frame systems, or its backbone weights can't be had.
        DataError: There is too little to train on.
    """
    if recipe.pretrained is None:
        recipe = replace(recipe, pretrained=default_source(recipe.preset))
    torch.manual_seed(recipe.seed)
    model, processor = start_frame_model(recipe.preset, recipe.pretrained or "random", recipe.backbone)
    crops = CropTensors(load_faces(recipe.data, "train"), processor)
    out = Path(recipe.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    stages = (
        ("embedding", train_embedding(model, crops, recipe), recipe.embedding_steps),
        ("head", train_head(model, crops, recipe), recipe.head_steps),
    )
    with (out / "log.jsonl").open("w") as log:
        for stage, losses, steps in stages:
            for step, loss in enumerate(track(losses, stage, total=steps), start=1):
                log.write(json.dumps({"stage": stage, "step": step, "loss": loss}) + "\n")
    model.config.weights_origin = "trained"
    model.save_pretrained(out / "model")
    processor.save_pretrained(out / "model")
    dev = load_faces(recipe.data, "dev")[: recipe.dev_limit]
    figures = {"n": len(dev), **crop_figures(model, dev, crops.side, processor)}
    (out / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")
    return out / "model"
