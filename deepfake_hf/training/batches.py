"""Batches that depend on the step alone, so that a run resumes exactly, and parts of them for processes.

A step has units (a crop, a pair, a triplet, …), named by keys. A unit is made from its key alone: by any process, in
any worker, as often as asked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from deepfake_hf.errors import UsageError
from deepfake_hf.labels import FAKE, REAL

Key = Hashable
T = TypeVar("T")


def parts_of(units: Sequence[T], rank: int, processes: int, accumulate: int) -> list[list[T]]:
    """A process's share of a step, in as many parts as gradients are accumulated over.

    Raises:
        UsageError: There is not a unit for each part.
    """
    count = processes * accumulate
    if len(units) < count:
        raise UsageError(
            f"{len(units)} units in a step",
            f"{processes} processes with {accumulate} parts each need at least {count}",
            "raise data.batch, or lower loop.accumulate",
        )
    return [list(units[part * processes + rank :: count]) for part in range(accumulate)]


class MicroBatches(Sampler[list[tuple[float, Key]]]):
    """For steps ``start`` to ``stop`` this process's parts, each unit with its part's share of the step."""

    def __init__(
        self,
        units: Callable[[int], Sequence[Key]],
        steps: tuple[int, int],
        rank: int,
        processes: int,
        accumulate: int,
    ) -> None:
        self.units, self.steps = units, steps
        self.rank, self.processes, self.accumulate = rank, processes, accumulate

    def __len__(self) -> int:
        return (self.steps[1] - self.steps[0]) * self.accumulate

    def __iter__(self) -> Iterator[list[tuple[float, Key]]]:
        for step in range(*self.steps):
            keys = self.units(step)
            for part in parts_of(keys, self.rank, self.processes, self.accumulate):
                yield [(len(part) / len(keys), key) for key in part]


class _Units(Dataset[tuple[float, Any]]):
    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    def __getitem__(self, key: tuple[float, Key]) -> tuple[float, Any]:  # type: ignore[override]
        return key[0], self.make(key[1])


class _Collate:
    def __init__(self, collate: Callable[[list[Any]], dict[str, Any]]) -> None:
        self.collate = collate

    def __call__(self, made: list[tuple[float, Any]]) -> tuple[float, dict[str, Any]]:
        return made[0][0], self.collate([item for _, item in made])


def unit_loader(
    sampler: MicroBatches,
    make: Callable[[Any], Any],
    collate: Callable[[list[Any]], dict[str, Any]],
    workers: int,
) -> DataLoader[Any]:
    """Yields (share of the step, batch) for each part."""
    return DataLoader(
        _Units(make),  # type: ignore[arg-type]
        batch_sampler=sampler,
        collate_fn=_Collate(collate),
        num_workers=workers,
        generator=torch.Generator(),  # its own, so that starting it takes nothing from the resumed random state
    )


class BalancedOrder:
    """Draws items by class and method: every group is gone through in a fresh order again and again.

    Args:
        labels: int of each item.
        methods: How each fake was made.
        balance: ``class``, ``method`` or ``none``.
        batch: Items of a step.
        seed: Of the orders.
    """

    def __init__(self, labels: Sequence[int], methods: Sequence[str], balance: str, batch: int, seed: int) -> None:
        self.batch, self.seed, self.count = batch, seed, len(labels)
        names = ["all" if balance == "none" else _group(label, method, balance) for label, method in
                 zip(labels, methods, strict=True)]  # fmt: skip
        self.groups = [np.array([i for i, name in enumerate(names) if name == group]) for group in sorted(set(names))]
        fakes = max(len(self.groups) - 1, 1)
        genuine = [REAL in {int(labels[i]) for i in group[:1]} for group in self.groups]
        if balance == "none":
            self.weights = [1.0]
        else:  # half of a batch is genuine, the other half is shared by the methods
            self.weights = [0.5 if real else 0.5 / fakes for real in genuine]
        self._orders: dict[tuple[int, int], np.ndarray] = {}

    @property
    def steps_per_epoch(self) -> int:
        return max(1, round(self.count / self.batch))

    def __call__(self, step: int) -> list[int]:
        """Indices of a step's items."""
        indices: list[int] = []
        for place, weight in enumerate(self.weights):
            first, end = (round(weight * self.batch * s + 1e-9) for s in (step, step + 1))
            if place == len(self.weights) - 1:  # the last group fills the batch
                first, end = step * self.batch - self._taken(step), (step + 1) * self.batch - self._taken(step + 1)
            indices += [self._draw(place, i) for i in range(first, end)]
        return indices

    def _taken(self, step: int) -> int:
        return sum(round(weight * self.batch * step + 1e-9) for weight in self.weights[:-1])

    def _draw(self, place: int, number: int) -> int:
        group = self.groups[place]
        turn, index = divmod(number, len(group))
        if (place, turn) not in self._orders:
            for old in [key for key in self._orders if key[0] == place and key[1] < turn - 1]:
                del self._orders[old]
            self._orders[place, turn] = np.random.default_rng([self.seed, place, turn]).permutation(group)
        return int(self._orders[place, turn][index])


def _group(label: int, method: str, balance: str) -> str:
    return "0" if label == REAL else f"1 {method}" if balance == "method" else str(FAKE)


class LengthOrder:
    """Batches of items of like length whose padded size stays within a budget.

    Args:
        lengths: Of each item, in frames or seconds.
        budget: Longest length of a batch times its number of items.
        seed: Of the order.

    Raises:
        UsageError: An item alone is over the budget.
    """

    def __init__(self, lengths: Sequence[float], budget: float, seed: int) -> None:
        if max(lengths) > budget:
            raise UsageError(f"data.budget {budget:g}", f"an item is {max(lengths):g} long", "raise it")
        self.lengths, self.budget, self.seed = np.asarray(lengths, float), budget, seed
        self._epochs: dict[int, list[list[int]]] = {}

    @property
    def steps_per_epoch(self) -> int:
        return len(self._epoch(0))

    def __call__(self, step: int) -> list[int]:
        """Indices of a step's items. All epochs have as many steps as the first."""
        epoch, place = divmod(step, self.steps_per_epoch)
        batches = self._epoch(epoch)
        return batches[place % len(batches)]

    def _epoch(self, epoch: int) -> list[list[int]]:
        if epoch not in self._epochs:
            rng = np.random.default_rng([self.seed, epoch])
            # a little noise on the lengths, so that the same items do not always meet
            noisy = self.lengths * rng.uniform(0.95, 1.05, len(self.lengths))
            batches: list[list[int]] = []
            longest = 0.0
            for index in np.argsort(noisy, kind="stable").tolist():
                longest = max(longest, float(self.lengths[index]))
                if not batches or longest * (len(batches[-1]) + 1) > self.budget:
                    batches.append([])
                    longest = float(self.lengths[index])
                batches[-1].append(index)
            self._epochs[epoch] = [batches[i] for i in rng.permutation(len(batches))]
        return self._epochs[epoch]
