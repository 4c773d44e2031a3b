"""Siamese training of a frame detector: triplet margin on its embedding, then the head on frozen features.

Source: Bonettini et al. 2020 (arXiv:2004.07676), section III-C; the loss of Schroff et al. 2015 (arXiv:1503.03832).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from deepfake_hf.evaluation.metrics import bootstrap_interval
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.processing.image_processing_face import normalised_crop
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.face_data import FaceRow
from deepfake_hf.training.stage import HeldOut, Loss, data_options, in_chunks, require_classes
from deepfake_hf.training.stage_faces import CropStage, FaceStage, read_parts

_SCORED_AT_ONCE = 12
Triplet = tuple[FaceRow, FaceRow, FaceRow]


class TripletStage(CropStage):
    """Everything but the head learns to put crops of a class together.

    A unit is a triplet: a crop, another of its class, one of the other class. Held out are triplets too, drawn once.
    """

    uses: ClassVar[frozenset[str]] = data_options(
        "source path batch sizes strong_share augment source_scale dev_limit balance"
    ) | {"loss.margin"}
    freeze = (r"^head\.",)

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        rows, dev, report = read_parts(config)
        require_classes([row.label for row in rows], "train", config.data.path, least=2)
        self.rows = rows
        self.by_label = _by_label(rows)
        self.dev, self.report = self._held(dev), self._held(report)
        self.steps_per_epoch = max(1, len(rows) // (3 * config.data.batch))
        self.seen = self.look(self.steps)

    def _held(self, held: HeldOut) -> HeldOut:
        """As many triplets as crops; an interval draws the anchors' sources."""
        rows = list(held.items)
        require_classes([row.label for row in rows], held.name, self.config.data.path, least=2)
        by_label, rng = _by_label(rows), np.random.default_rng([self.config.seed, 3])
        drawn = [_triplet(by_label, rng) for _ in rows]
        items = [(rows[a], rows[b], rows[c]) for a, b, c in drawn]
        return HeldOut(held.name, items, np.ones(len(items), np.int64), [item[0].source for item in items])

    def units(self, step: int) -> Sequence[tuple[int, int, int, int]]:
        rng = np.random.default_rng([self.config.seed, 1, step])
        return [(step, *_triplet(self.by_label, rng)) for _ in range(self.config.data.batch)]

    def make(self, key: tuple[int, int, int, int]) -> Tensor:
        """float32 (3, 3, side, side)."""
        step, *indices = key
        return torch.stack([self.seen.see(self.rows[i], (i, 0, step))[0] for i in indices])

    def collate(self, made: list[Tensor]) -> dict[str, Any]:
        """float32 (3 * B, 3, side, side): anchors, then others of their class, then crops of the other class."""
        return {"pixel_values": torch.stack(made).transpose(0, 1).flatten(0, 1)}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        anchor, positive, negative = model(batch["pixel_values"]).embedding.float().chunk(3)  # each (B, D)
        margin = self.config.loss.margin
        return nn.functional.triplet_margin_loss(anchor, positive, negative, margin=margin), {}

    def score(self, model: PreTrainedModel, items: Sequence[Triplet], step: int) -> NDArray[np.float64]:  # type: ignore[override]
        """How much farther the crop of the other class lies than that of the same."""
        mean, std = self.processor.image_mean, self.processor.image_std
        side = self.seen.size_at(step)

        def part(chosen: slice) -> NDArray[np.float64]:
            rows = [triplet[i] for i in range(3) for triplet in items[chosen]]
            pixels = torch.stack([normalised_crop(row.rgb(), side, side, mean, std) for row in rows])
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=model.device.type == "cpu"):
                embedding = model(pixels.to(model.device, memory_format=torch.channels_last)).embedding
            anchor, positive, negative = embedding.double().chunk(3)
            near, far = (anchor - positive).norm(dim=1), (anchor - negative).norm(dim=1)
            return np.asarray((far - near).cpu().numpy())

        model.eval()
        return in_chunks(len(items), _SCORED_AT_ONCE, part)

    def figures(self, scores: NDArray[np.float64], held: HeldOut, step: int) -> dict[str, float]:
        """``triplet_accuracy``: how often the crop of the same class is the nearer one, 0.5 by chance."""
        loss = np.maximum(self.config.loss.margin - scores, 0.0).mean()
        return {"triplet_accuracy": float((scores > 0).mean()), "loss": float(loss)}

    def interval(self, scores: NDArray[np.float64], held: HeldOut) -> dict[str, Any]:
        # two values of the label, so that every draw counts
        halves = np.arange(len(scores)) % 2
        ends = bootstrap_interval(halves, scores, list(held.groups), lambda _, values: float((values > 0).mean()))
        return {"part": held.name, "triplet_accuracy_95": list(ends)}


class HeadStage(FaceStage):
    """Only the head learns; weights and batch statistics below it stay."""

    freeze = (r"^(?!head\.)",)

    def set_modes(self, model: nn.Module) -> None:
        model.eval()
        for name in ("head", "dropout"):
            model.get_submodule(name).train()


def _by_label(rows: Sequence[FaceRow]) -> list[list[int]]:
    return [[i for i, row in enumerate(rows) if row.label == label] for label in (REAL, FAKE)]


def _triplet(by_label: list[list[int]], rng: np.random.Generator) -> tuple[int, int, int]:
    label = int(rng.integers(0, 2))
    anchor, positive = rng.choice(by_label[label], 2, replace=False)
    return int(anchor), int(positive), int(rng.choice(by_label[1 - label]))
