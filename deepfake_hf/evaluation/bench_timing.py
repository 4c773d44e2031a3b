"""The benchmark's arithmetic: contestants in turn, medians and spread, ratios within a round, time left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import torch

_PRIOR_S: Final = 60.0  # the pace is taken for the expected one until about so much is done


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Args:
        group: A part of the benchmark, such as ``whole``.
        name: What was measured.
        unit: Of the values.
        values: One for each round, in order; empty where it could not be measured.
        note: Why it is missing, or what a reader must know.
    """

    group: str
    name: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.values) if self.values else None

    def to_dict(self) -> dict[str, Any]:
        """Plain, with median, least and greatest value, and how many there are."""
        low, high = (min(self.values), max(self.values)) if self.values else (None, None)
        facts = {"median": self.median, "min": low, "max": high, "n": len(self.values)}
        return {**asdict(self), "values": list(self.values), **facts}


def scaled(row: Row, factor: float, name: str, unit: str) -> Row:
    """The same measurement in another unit."""
    return Row(row.group, name, unit, tuple(value * factor for value in row.values), row.note)


def ratio(group: str, name: str, over: Row, under: Row) -> Row:
    """``over`` / ``under`` round by round: what drifts with the machine falls out of it."""
    pairs = zip(over.values, under.values, strict=False)
    return Row(group, name, "x", tuple(one / other for one, other in pairs if other > 0))


def alternate(
    contestants: Mapping[str, Callable[[], Any]], rounds: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds of each contestant, run in turn: A B C, B C A, C A B, …

    Args:
        contestants: By name what to run.
        rounds: How often.
        warm_up: Run each once before, uncounted.
    """
    names = list(contestants)
    if warm_up:
        for name in names:
            contestants[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        shift = turn % max(len(names), 1)
        for name in names[shift:] + names[:shift]:
            seconds[name].append(seconds_of(contestants[name]))
    return seconds


def seconds_of(run: Callable[[], Any]) -> float:
    """Wall seconds of one call, the GPU's own work included."""
    _wait()
    started = time.perf_counter()
    run()
    _wait()
    return time.perf_counter() - started


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


@dataclass
class Schedule:
    """Steps with a rough length each, in seconds on two cores; tells what is left from how long the done ones took."""

    lengths_s: Mapping[str, float]
    _done_s: float = 0.0
    _started: float = field(default_factory=time.perf_counter)

    def left_s(self, taken_s: float | None = None) -> float:
        """Seconds left; ``taken_s`` since the start, None: by the clock."""
        taken_s = time.perf_counter() - self._started if taken_s is None else taken_s
        pace = (taken_s + _PRIOR_S) / (self._done_s + _PRIOR_S)
        return pace * (sum(self.lengths_s.values()) - self._done_s)

    def done(self, step: str) -> None:
        """A step is over."""
        self._done_s += self.lengths_s[step]
