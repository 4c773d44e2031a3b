"""Lips and sound of genuine films, pulled together where they belong together and apart where the sound is shifted.

Source: Chung & Zisserman 2016 (doi:10.1007/978-3-319-54427-4_19), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from deepfake_hf.data import present_rows
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.faces import load_face_detector
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.training.batches import BalancedOrder
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.model_start import start_of_run
from deepfake_hf.training.stage import HeldOut, Loss, Stage, data_options, in_chunks
from deepfake_hf.training.sync_augmentation import cepstral_lift, varied_look
from deepfake_hf.training.sync_data import FRAMES_PER_SECOND, STEPS_PER_FRAME, SyncClip, read_sync_clip

_HELD_A_CLIP = 8  # windows of each held-out clip, in sync and shifted


class SyncStage(Stage):
    """A unit is a look at a mouth, its own sound, and sound of the same clip from ``data.shift_s`` earlier or later.

    Held out are such pairs, label 1 for shifted ones; their score is the distance less half the loss's margin.
    """

    uses: ClassVar[frozenset[str]] = data_options("source path balance batch shift_s dev_limit")
    model: Any

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        data = config.data
        if data.balance != "none":
            raise UsageError(f"data.balance {data.balance}", "every film is in sync with itself", "set it to none")
        self.model, self.processor = start_of_run(config, ("sync",))
        net = self.model.config
        if net.num_steps != STEPS_PER_FRAME * net.num_frames:
            raise UsageError(
                f"model.num_steps {net.num_steps}",
                f"{net.num_frames} frames last {STEPS_PER_FRAME * net.num_frames} steps",
                "change both together",
            )
        rows = present_rows(data.path, what="films")
        cache, detector = Path(data.path).with_suffix(".sync"), load_face_detector("centerface")
        low, high = (round(seconds * FRAMES_PER_SECOND) for seconds in data.shift_s)
        self.shifts = [shift for shift in range(-high, high + 1) if abs(shift) >= max(low, 1)]
        self.clips: dict[str, list[SyncClip]] = {}
        self.names: dict[str, list[str]] = {}
        for part in ("train", "validation", "test"):
            found = [
                (row.source or row.path, read_sync_clip(row, cache, net.image_size, net.num_coefficients, detector))
                for row in rows
                if row.split == part and row.label == REAL
            ]
            usable = [
                (name, clip) for name, clip in found if clip is not None and clip.pairs(net.num_frames) > max(low, 1)
            ]
            if not usable and part != "test":
                raise DataError(
                    f"the part {part!r} of {data.path} has no film to use",
                    f"{len(found)} genuine ones belong to it, none with a mouth and sound for long enough",
                    "check splits and labels, or lower data.shift_s",
                )
            self.clips[part] = [clip for _, clip in usable]
            self.names[part] = [name for name, _ in usable]
        self.order = BalancedOrder(
            [REAL] * len(self.clips["train"]), [""] * len(self.clips["train"]), "none", data.batch, config.seed
        )
        self.steps_per_epoch = self.order.steps_per_epoch
        self.dev = self._held("validation").sample(data.dev_limit)
        self.report = self._held("test") if self.clips["test"] else self._held("validation")

    def _held(self, part: str) -> HeldOut:
        """(clip, frame, shift): as many in sync as shifted."""
        items, groups = [], []
        rng = np.random.default_rng([self.config.seed, 5])
        for clip, name in zip(self.clips[part], self.names[part], strict=True):
            for _ in range(_HELD_A_CLIP):
                frame, shift = self._draw(clip, rng)
                items += [(clip, frame, 0), (clip, frame, shift)]
                groups += [name, name]
        return HeldOut(part, items, np.tile(np.array([REAL, FAKE], np.int64), len(items) // 2), groups)

    def _draw(self, clip: SyncClip, rng: np.random.Generator) -> tuple[int, int]:
        """A window's first frame, and a shift that stays within the clip."""
        last = clip.pairs(self.model.config.num_frames) - 1
        frame = int(rng.integers(0, last + 1))
        fitting = [shift for shift in self.shifts if 0 <= frame + shift <= last]
        if not fitting:  # in the middle of a short clip
            frame = 0
            fitting = [shift for shift in self.shifts if 0 <= shift <= last]
        return frame, int(rng.choice(fitting))

    def units(self, step: int) -> Sequence[tuple[int, int, int]]:
        return [(index, number, step) for number, index in enumerate(self.order(step))]

    def make(self, key: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """The look float32 (3, F, S, S), its own sound and the shifted one, float32 (1, coefficients, steps)."""
        index, number, step = key
        rng = np.random.default_rng([self.config.seed, step, number, index])
        clip = self.clips["train"][index]
        frame, shift = self._draw(clip, rng)
        look = varied_look(clip.mouths[frame : frame + self.model.config.num_frames], rng)
        lift = torch.from_numpy(cepstral_lift(clip.cepstra, rng))
        return _pixels(look), self._sound(clip, frame) + lift, self._sound(clip, frame + shift) + lift

    def _look(self, clip: SyncClip, frame: int) -> Tensor:
        return _pixels(clip.mouths[frame : frame + self.model.config.num_frames])

    def _sound(self, clip: SyncClip, frame: int) -> Tensor:
        first = frame * STEPS_PER_FRAME
        return torch.from_numpy(clip.cepstra[:, first : first + self.model.config.num_steps].copy())[None]

    def collate(self, made: list[tuple[Tensor, Tensor, Tensor]]) -> dict[str, Any]:
        """Each look twice: beside its own sound (label 1) and beside shifted sound (label 0)."""
        looks, own, shifted = (torch.stack(part) for part in zip(*made, strict=True))
        return {
            "pixel_values": torch.cat((looks, looks)),
            "input_values": torch.cat((own, shifted)),
            "labels": torch.cat((torch.ones(len(made)), torch.zeros(len(made)))).long(),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        made = model(**batch)
        loss: Tensor = made.loss
        near, far = made.distances.detach().chunk(2)
        return loss, {"distance_in_sync": float(near.mean()), "distance_shifted": float(far.mean())}

    def score(
        self, model: PreTrainedModel, items: Sequence[tuple[SyncClip, int, int]], step: int
    ) -> NDArray[np.float64]:
        def part(chosen: slice) -> NDArray[np.float64]:
            looks = torch.stack([self._look(clip, frame) for clip, frame, _ in items[chosen]])
            sounds = torch.stack([self._sound(clip, frame + shift) for clip, frame, shift in items[chosen]])
            with torch.inference_mode():
                distances = model(looks.to(model.device), sounds.to(model.device)).distances
            return np.asarray(distances.double().cpu().numpy()) - self.model.config.margin / 2

        return in_chunks(len(items), 32, part)

    def figures(self, scores: NDArray[np.float64], held: HeldOut, step: int) -> dict[str, float]:
        """``loss`` is the contrastive one, as in training."""
        margin = self.model.config.margin
        distances = scores + margin / 2
        apart = np.maximum(margin - distances, 0.0) ** 2
        loss = np.where(held.labels == REAL, distances**2, apart).mean() / 2
        return {**super().figures(scores, held, step), "loss": float(loss)}

    def save_processor(self, folder: Path) -> None:
        self.processor.save_pretrained(folder)


def _pixels(window: NDArray[Any]) -> Tensor:
    """(F, S, S, 3) to float32 (3, F, S, S)."""
    return torch.from_numpy(np.ascontiguousarray(window)).permute(3, 0, 1, 2).float()
