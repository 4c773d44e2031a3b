"""Face crops, classified: supervised, with self-blends as a second task, with what several attention maps ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from deepfake_hf.errors import UsageError
from deepfake_hf.inference.branch import margins_of
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor, normalised_crop
from deepfake_hf.synthesis.reconstructor import built_in_reconstructors, find_reconstructor
from deepfake_hf.training.attention_augmentation import guided_drop
from deepfake_hf.training.batches import BalancedOrder
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.face_data import (
    REBUILT,
    SELF_BLENDED,
    STORED,
    FaceRow,
    Look,
    PairOrder,
    blendable,
    face_augmentations,
    load_faces,
    manifest_faces,
    with_landmarks,
)
from deepfake_hf.training.model_start import start_of_run
from deepfake_hf.training.stage import HeldOut, Loss, Stage, data_options, in_chunks, require_classes

_SCORED_AT_ONCE = 32


class CropStage(Stage):
    """What all stages over face crops share: the model, how crops look, and how they are scored."""

    model: Any
    processor: FaceImageProcessor

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        model, self.processor = start_of_run(config, ("frame",))
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def look(self, steps: int) -> Look:
        """How crops come before the model in a run of so many steps."""
        side, data = self.model.config.image_size, self.config.data
        ladder = default_sizes(side) if data.sizes == "ladder" else data.sizes or ((1.0, side),)
        sizes = tuple((round(share * steps), size) for share, size in ladder)
        mean, std = tuple(self.processor.image_mean), tuple(self.processor.image_std)
        rebuilders = (data.rebuilders or built_in_reconstructors()) if data.rebuilds else ()
        for name in rebuilders:
            find_reconstructor(name)  # refused now rather than in a worker
        face_augmentations(data.augment)  # likewise
        chosen = (data.strong_share, data.augment, data.source_scale, rebuilders, data.rebuild_whole)
        return Look(sizes, mean, std, self.config.seed, *chosen, data.rebuild_changed, data.blend_elastic)

    def collate(self, made: list[Any]) -> dict[str, Any]:
        return collate_crops(made)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        margins = self._taught(batch["pixel_values"])
        share = self.config.loss.teacher_weight
        return crop_loss(model, self.model.config.attention, batch, self.config.loss.blend_weight, margins, share)

    @functools.cached_property
    def _teachers(self) -> list[Any]:
        teachers: list[Any] = []
        for folder in self.config.loss.teachers:
            teacher = FrameDetectorForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
            teachers.append(teacher.to(self.model.device, memory_format=torch.channels_last))  # type: ignore[call-overload]
        return teachers

    @torch.no_grad()
    def _taught(self, pixels: Tensor) -> Tensor | None:
        """What the one or the other teacher finds, as ``logit_fake``, float (B,)."""
        chosen = self.config.loss
        if not chosen.teachers:
            return None
        half = self.config.loop.precision == "bf16"
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=half):
            made = [teacher(pixels).logits.float() for teacher in self._teachers]
        units = chosen.teacher_units or ((1.0, 0.0),) * len(made)
        margins = [
            (logits[:, FAKE] - logits[:, REAL]) * scale + offset
            for logits, (scale, offset) in zip(made, units, strict=True)
        ]
        soft = chosen.teacher_softness
        return soft * (torch.stack(margins) / soft).logsumexp(0)

    def score(self, model: PreTrainedModel, items: Sequence[FaceRow], step: int) -> NDArray[np.float64]:
        return score_rows(model, items, self.seen.size_at(step), self.processor)

    def save_processor(self, folder: Path) -> None:
        self.processor.save_pretrained(folder)

    seen: Look


class FaceStage(CropStage):
    """Crops of a folder of shards or of a manifest; see ``DataConfig`` for how a batch is composed."""

    uses: ClassVar[frozenset[str]] = data_options(
        "source path balance batch self_blends blend_elastic rebuilds rebuilders rebuild_whole rebuild_changed sizes "
        "strong_share augment source_scale dev_limit"
    ) | {"loss.blend_weight", "loss.teachers", "loss.teacher_weight", "loss.teacher_units", "loss.teacher_softness"}

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        data = config.data
        self._stored, self.dev, self.report = read_parts(config)
        self.order: PairOrder | BalancedOrder
        if data.balance == "genuine":
            if not data.self_blends and not data.rebuilds:
                raise UsageError("data.balance genuine", "no fakes would be made", "set data.self_blends or rebuilds")
            self._stored = [row for row in self._stored if row.label == REAL]
        if data.balance == "pairs":
            self.order = PairOrder(self._stored, data.batch, config.seed)
        else:
            labels, methods = [row.label for row in self._stored], [row.method for row in self._stored]
            balance = "none" if data.balance == "genuine" else data.balance
            self.order = BalancedOrder(labels, methods, balance, data.batch, config.seed)
        self.steps_per_epoch = self.order.steps_per_epoch
        self.seen = self.look(self.steps)

    @functools.cached_property
    def rows(self) -> list[FaceRow]:
        """Crops to train on, the genuine ones with landmarks where fakes are made of them.

        They are found when first asked for: who only scores what is held out needs none.
        """
        data = self.config.data
        return with_landmarks(self._stored) if data.self_blends or data.rebuilds else self._stored

    @functools.cached_property
    def blendable(self) -> set[int]:
        return blendable(self.rows)

    def loader(self, steps: tuple[int, int], rank: int, processes: int) -> Iterable[tuple[float, dict[str, Any]]]:
        _ = self.rows  # found once, before there are workers
        return super().loader(steps, rank, processes)

    def units(self, step: int) -> Sequence[tuple[int, int, int]]:
        chosen, data = self.order(step), self.config.data
        genuine = [i for i in chosen if i in self.blendable]
        blends = [(i, SELF_BLENDED, step) for i in genuine[: data.self_blends]]
        rebuilds = [(i, REBUILT, step) for i in genuine[::-1][: data.rebuilds]]
        return [*((i, STORED, step) for i in chosen), *blends, *rebuilds]

    def make(self, key: tuple[int, int, int]) -> tuple[Tensor, int, int]:
        return (*self.seen.see(self.rows[key[0]], key), key[1])


def read_parts(config: TrainConfig) -> tuple[list[FaceRow], HeldOut, HeldOut]:
    """Crops to train on, those that the choice of weights goes by, and those of the figures at the end.

    Of shards these are ``train`` without a tenth of its sources, that tenth, and ``validation``; of a manifest its
    splits ``train``, ``validation`` and ``test``, or ``validation`` again where there is no test.

    Raises:
        DataError: A part is empty or of one class.
    """
    data = config.data
    if data.source == "manifest":
        parts = {name: manifest_faces(data.path, name) for name in ("train", "validation", "test")}
        names = ("train", "validation", "test" if parts["test"] else "validation")
    else:
        names = ("train", "dev", "validation")
        parts = {name: load_faces(data.path, name) for name in names[: 1 if data.source == "stream" else 3]}
    for name in dict.fromkeys(names):
        # what trains may lack fakes where self-blends are made
        rows = parts[name]
        if not (name == "train" and data.self_blends and data.balance in ("none", "genuine") and rows):
            require_classes([row.label for row in rows], name, data.path)
    dev, report = (held_rows(name, parts[name]) for name in names[1:])
    return parts["train"], dev.sample(data.dev_limit), report


def held_rows(name: str, rows: list[FaceRow]) -> HeldOut:
    return HeldOut(name, rows, np.array([row.label for row in rows], np.int64), [row.source for row in rows])


def collate_crops(made: list[tuple[Tensor, int, int]]) -> dict[str, Any]:
    """``pixel_values`` float32 (B, 3, S, S), ``labels`` and ``kind`` int64 (B,), as of ``Look.see``."""
    return {
        "pixel_values": torch.stack([item[0] for item in made]),
        "labels": torch.tensor([item[1] for item in made]),
        "kind": torch.tensor([item[2] for item in made]),
    }


def crop_loss(
    model: nn.Module,
    attention: str,
    batch: dict[str, Any],
    blend_weight: float,
    taught: Tensor | None = None,
    teacher_weight: float = 0.0,
) -> Loss:
    """Of the crops; of a model with several attention maps the mean with that of the crops dropped where it looked.

    Where ``blend_weight`` is not 1, the self-blends are a task of their own: the mean over the other crops, plus
    ``blend_weight`` times the mean over the genuine crops and the self-blends. ``taught`` is what teachers say of the
    crops, float (B,) ``logit_fake``; ``teacher_weight`` of the loss goes by it.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network".
    """
    pixels, labels = batch["pixel_values"], batch["labels"]
    made = model(pixels, labels=labels)
    loss: Tensor = made.loss
    parts: dict[str, float] = {}
    blends = batch["kind"] == SELF_BLENDED
    if blends.any():
        each = nn.functional.cross_entropy(made.logits.detach().float(), labels, reduction="none")
        parts["loss_self_blend"] = float(each[blends].mean())
        if not blends.all():
            parts["loss_supervised"] = float(each[~blends].mean())
    if blend_weight != 1.0:
        plain = nn.functional.cross_entropy(made.logits.float(), labels)
        loss = loss - plain + two_tasks(made.logits.float(), labels, blends, blend_weight)
    if taught is not None:
        margins = made.logits[:, FAKE].float() - made.logits[:, REAL].float()
        told = nn.functional.binary_cross_entropy_with_logits(margins, taught.sigmoid())
        loss = (1 - teacher_weight) * loss + teacher_weight * told
        parts["loss_teachers"] = float(told.detach())
    if attention == "multi":
        loss = (loss + model(guided_drop(pixels, made.attention_mask_map), labels=labels).loss) / 2
    return loss, parts


def two_tasks(logits: Tensor, labels: Tensor, blends: Tensor, weight: float) -> Tensor:
    """Cross entropy of genuine against fake, plus ``weight`` times that of genuine against self-blended."""
    each = nn.functional.cross_entropy(logits, labels, reduction="none")
    second = blends | (labels == 0)
    supervised = each[~blends].mean() if bool((~blends).any()) else each.sum() * 0
    blended = each[second].mean() if bool(blends.any()) else each.sum() * 0
    return supervised + weight * blended


def default_sizes(side: int) -> tuple[tuple[float, int], ...]:
    """Two thirds of the steps at sides below the last, in multiples of 32 pixels."""
    smaller = [(until, 32 * round(share * side / 32)) for until, share in ((0.3, 2 / 3), (0.65, 5 / 6))]
    return (*((until, max(32, size)) for until, size in smaller), (1.0, side))


def score_rows(model: Any, rows: Sequence[FaceRow], size: int, processor: FaceImageProcessor) -> NDArray[np.float64]:
    """The margin ``logit_fake`` of each crop at ``size`` pixels, float64 (N,); bfloat16 on a CPU."""
    model.eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=model.device.type == "cpu"):
        return crop_margins(model, lambda place: rows[place].rgb(), len(rows), size, processor)


def crop_margins(
    model: Any, crop: Callable[[int], NDArray[np.uint8]], count: int, size: int, processor: FaceImageProcessor
) -> NDArray[np.float64]:
    """The margin ``logit_fake`` of each of ``count`` crops at ``size`` pixels, float64 (count,).

    ``crop`` gives one of them by its place, uint8 (H, W, 3); few are held at a time.
    """
    mean, std = processor.image_mean, processor.image_std

    def part(chosen: slice) -> NDArray[np.float64]:
        places = range(*chosen.indices(count))
        pixels = torch.stack([normalised_crop(crop(place), size, size, mean, std) for place in places])
        with torch.inference_mode():
            logits = model(pixels.to(model.device, memory_format=torch.channels_last)).logits
        return margins_of(logits)

    return in_chunks(count, _SCORED_AT_ONCE, part)
