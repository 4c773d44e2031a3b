"""The benchmark from its parts to its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from deepfake_hf.errors import UsageError
from deepfake_hf.evaluation.bench_inputs import Inputs
from deepfake_hf.evaluation.bench_media import loop_clip
from deepfake_hf.evaluation.bench_processes import START_UPS, peak_memory, run_python
from deepfake_hf.evaluation.bench_runtimes import batches, runtimes
from deepfake_hf.evaluation.bench_stages import stages
from deepfake_hf.evaluation.bench_timing import Row, Schedule, alternate, ratio
from deepfake_hf.evaluation.bench_whole import threads, whole

Tell = Callable[[str, float], None]
LENGTHS_S: Final = {"10 s": 10.0, "1 min": 60.0, "10 min": 600.0, "60 min": 3600.0}


@dataclass(frozen=True)
class Part:
    """``seconds``: roughly, on two cores."""

    seconds: float
    run: Callable[[Inputs], list[Row]]


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Args:
        quick: A shorter look at everything: no compiled models, one minute of video at most.
        only: Groups; empty for all.
    """

    quick: bool = False
    only: tuple[str, ...] = ()

    def parts(self, sizes: tuple[str, ...]) -> dict[str, dict[str, Part]]:
        """By group and what is being done."""
        quick = self.quick
        lengths = {name: s for name, s in LENGTHS_S.items() if s <= 60.0 or not quick}
        found = {
            "whole": {"end to end against the naive pipelines": Part(60 if quick else 170, whole)},
            "runtimes": {"runtimes": Part(60 if quick else 150, partial(runtimes, compiled=not quick))},
            "stages": {f"stages of {size}": Part(10 if quick else 30, partial(stages, size=size)) for size in sizes},
            "start": {"start-up": Part(20 if quick else 60, start)},
            "scaling": {"batches": Part(15, batches), "threads": Part(10 if quick else 25, threads)},
            "memory": {
                f"memory of {name}": Part(5 + s / 6.5, partial(memory, name=name, seconds=s))
                for name, s in lengths.items()
            },
        }
        if unknown := sorted(set(self.only) - set(found)):
            raise UsageError(f"--only {', '.join(unknown)}", "there is no such part", f"choose of {', '.join(found)}")
        return {group: parts for group, parts in found.items() if not self.only or group in self.only}


def run(plan: Plan, inputs: Inputs, tell: Tell) -> list[Row]:
    """Measure what is planned.

    Args:
        plan: What.
        inputs: On what, and how often.
        tell: Called before each part with its name and the seconds that are left, roughly.

    Raises:
        UsageError: An unknown part, or a process of its own failed.
        MissingDependencyError: The clips cannot be made.
    """
    groups = plan.parts(inputs.sizes)
    flat = {name: part for parts in groups.values() for name, part in parts.items()}
    schedule = Schedule({"clips": 15.0, **{name: part.seconds for name, part in flat.items()}})
    rows: list[Row] = []
    tell("clips", schedule.left_s())
    for size in inputs.sizes:
        inputs.clip(size)
    schedule.done("clips")
    for name, part in flat.items():
        tell(name, schedule.left_s())
        rows += part.run(inputs)
        schedule.done(name)
    return rows + _growth(rows)


def start(inputs: Inputs) -> list[Row]:
    """Seconds from a new process to its end, files in the system's cache."""
    values = {"picture": str(inputs.picture), "device": inputs.device}
    contestants = {name: partial(run_python, arguments, **values) for name, arguments in START_UPS.items()}
    seconds = alternate(contestants, inputs.rounds)
    return [Row("start", name, "s", tuple(found)) for name, found in seconds.items()]


def memory(inputs: Inputs, name: str, seconds: float) -> list[Row]:
    """Peak memory of one detection of a looped clip, and how long it took."""
    path = inputs.clip(inputs.sizes[0])
    looped = inputs.work / f"looped_{seconds:g}s.mp4"
    try:
        found = peak_memory(loop_clip(path, looped, seconds), inputs.device)
    finally:
        looped.unlink(missing_ok=True)  # an hour is half a gigabyte
    note = f"{inputs.sizes[0]}; a new process each, once"
    return [
        Row("memory", name, "MB", (found["peak_mb"],), note),
        Row("memory", f"{name}, weights loaded", "MB", (found["before_mb"],), note),
        Row("memory", f"{name}, time", "s", (found["seconds"],), note),
        Row("memory", f"{name}, windows", "scored", (float(found["windows"]),), note),
    ]


def _growth(rows: list[Row]) -> list[Row]:
    peaks = {row.name: row for row in rows if row.group == "memory" and row.name in LENGTHS_S}
    if "10 s" not in peaks:
        return []
    return [ratio("memory", f"{name} to 10 s", row, peaks["10 s"]) for name, row in peaks.items() if name != "10 s"]
