"""What the loop asks of a stage: units of a step, their loss, and figures on what is held out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch import Tensor, nn
from transformers import PreTrainedModel

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.metrics import auc, bootstrap_interval, equal_error_rate
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.training.batches import MicroBatches, unit_loader
from deepfake_hf.training.config import TrainConfig

Loss = tuple[Tensor, dict[str, float]]


@dataclass(frozen=True)
class HeldOut:
    """Items that are scored and never trained on; ``groups`` are the recordings that intervals draw."""

    name: str
    items: Sequence[Any]
    labels: NDArray[np.int64]
    groups: Sequence[str]

    def sample(self, count: int) -> HeldOut:
        """At most so many items, always the same ones, with the shares of the classes as they are."""
        total = len(self.labels)
        if total <= count:
            return self
        rng, kept = np.random.default_rng(total), []
        for label in np.unique(self.labels):
            own = np.flatnonzero(self.labels == label)
            kept += rng.choice(own, max(1, round(count * len(own) / total)), replace=False).tolist()
        places = sorted(kept)
        items, groups = ([part[i] for i in places] for part in (self.items, self.groups))
        return HeldOut(self.name, items, self.labels[places], groups)


def data_options(names: str) -> frozenset[str]:
    """The names of options of ``data``, from a line of words."""
    return frozenset(f"data.{name}" for name in names.split())


class Stage(ABC):
    """A thing to learn. Built on every process alike; all that is random in it depends on the step.

    Attributes:
        uses: Options of ``data`` and ``loss`` that act here.
        model: What learns.
        freeze: Expressions of parameters that this stage never trains.
        dev: Held out, for early stopping; None where nothing is.
        report: Held out, for the figures at the end; None takes ``dev``.
        steps_per_epoch: How many steps are a pass over the data.
    """

    uses: ClassVar[frozenset[str]]
    model: PreTrainedModel
    freeze: tuple[str, ...] = ()
    dev: HeldOut
    report: HeldOut | None = None
    steps_per_epoch: int

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.config.loop.steps or (self.config.loop.epochs or 1) * self.steps_per_epoch

    @abstractmethod
    def units(self, step: int) -> Sequence[Hashable]:
        """Keys of a step's units."""

    @abstractmethod
    def make(self, key: Any) -> Any:
        """A unit from its key."""

    @abstractmethod
    def collate(self, made: list[Any]) -> dict[str, Any]:
        """Tensors from units."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        """Mean loss of the units of a batch, and parts of it worth a line in the log."""

    @abstractmethod
    def score(self, model: PreTrainedModel, items: Sequence[Any], step: int) -> NDArray[np.float64]:
        """The margin of each held-out item, above zero for fake; of the averaged model in eval mode."""

    @abstractmethod
    def save_processor(self, folder: Path) -> None:
        """What turns media into this model's input, beside the model."""

    def loader(self, steps: tuple[int, int], rank: int, processes: int) -> Iterable[tuple[float, dict[str, Any]]]:
        """(share of the step, batch) for this process's parts of each step."""
        loop = self.config.loop
        sampler = MicroBatches(self.units, steps, rank, processes, loop.accumulate)
        return unit_loader(sampler, self.make, self.collate, loop.workers)

    def set_modes(self, model: nn.Module) -> None:
        """Modes of the modules for a step."""
        model.train()

    def figures(self, scores: NDArray[np.float64], held: HeldOut, step: int) -> dict[str, float]:
        """Figures of one part that is held out."""
        return margin_figures(held.labels, scores)

    def interval(self, scores: NDArray[np.float64], held: HeldOut) -> dict[str, Any]:
        """The figure to report with its 95 % interval over recordings, and how many items it is of."""
        found: dict[str, Any] = {
            "part": held.name,
            "n_real": int((held.labels == REAL).sum()),
            "n_fake": int((held.labels == FAKE).sum()),
            "auc_95": list(bootstrap_interval(held.labels, scores, list(held.groups), auc)),
        }
        return found


def margin_figures(labels: NDArray[np.int64], margins: NDArray[np.float64]) -> dict[str, float]:
    """AUC, EER, F1 and accuracy at margin 0, and the mean log loss."""
    signs = np.where(labels == FAKE, 1.0, -1.0)
    return {
        "auc": auc(labels, margins),
        "eer": equal_error_rate(labels, margins),
        "f1": float(f1_score(labels, margins > 0)),
        "accuracy": float(((margins > 0) == (labels == FAKE)).mean()),
        "loss": float(np.logaddexp(0.0, -signs * margins).mean()),
    }


def require_classes(labels: Sequence[int], part: str, where: str, least: int = 1) -> None:
    """Refuse a part that is empty or of one class.

    Raises:
        DataError: Says which part of what lacks which class.
    """
    if not len(labels):
        raise DataError(f"the part {part!r} of {where} is empty", "no row belongs to it", "check the splits")
    for name, label in (("genuine", REAL), ("fake", FAKE)):
        found = sum(1 for value in labels if value == label)
        if found < least:
            raise DataError(
                f"{found} {name} items in the part {part!r} of {where}",
                f"training and its figures need {least} or more of each class",
                "name data that hold both",
            )


def in_chunks(count: int, size: int, make: Callable[[slice], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Scores of ``count`` items, ``size`` at a time."""
    return np.concatenate([make(slice(i, i + size)) for i in range(0, count, size)] or [np.zeros(0)])
