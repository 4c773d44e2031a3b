"""Checkpoints from which a run goes on as if it had never stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.training.config import TrainConfig, changed, plain, read_yaml
from deepfake_hf.training.ema import WeightAverage
from deepfake_hf.training.optimisation import Schedule
from deepfake_hf.training.run_folder import CONFIG

CHECKPOINT: Final = "checkpoint"
_PROGRESS, _AVERAGE = "progress.json", "average.safetensors"


def has_checkpoint(run: Path) -> bool:
    return (run / CHECKPOINT / _PROGRESS).is_file()


def check_resumable(run: Path, config: TrainConfig) -> None:
    """Refuse to go on where nothing is, or with other settings.

    Raises:
        DataError: There is no checkpoint.
        UsageError: A setting that changes the weights differs; names each.
    """
    if not has_checkpoint(run):
        raise DataError(f"nothing to resume in {run}", "it holds no checkpoint", "leave --resume out, or name the run")
    differences = changed(read_yaml(run / CONFIG), plain(config))
    if differences:
        raise UsageError(
            f"--resume of {run}",
            f"its settings were others ({'; '.join(differences)})",
            "give those settings, or another --out",
        )


def save_checkpoint(
    run: Path,
    accelerator: Accelerator,
    schedule: Schedule,
    average: WeightAverage | None,
    progress: dict[str, Any],
) -> None:
    """Write all that the next step depends on. The last checkpoint stays until the new one is whole.

    Weights, optimiser, gradient scaler and random states are Accelerate's; beside them the averaged weights
    (safetensors) and, in ``progress.json``, the schedule and where the run is.
    """
    folder, partial = run / CHECKPOINT, run / f"{CHECKPOINT}.part"
    if accelerator.is_main_process and partial.exists():
        shutil.rmtree(partial)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(partial))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if average is not None:
            save_file(average.contiguous() | {"steps": torch.tensor(average.steps)}, partial / _AVERAGE)
        facts = {**progress, "schedule": schedule.state_dict(), "processes": accelerator.num_processes}
        (partial / _PROGRESS).write_text(json.dumps(facts))
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    accelerator.wait_for_everyone()


def load_checkpoint(
    run: Path, accelerator: Accelerator, schedule: Schedule, average: WeightAverage | None
) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote into what is given; gives the progress.

    Raises:
        UsageError: Another number of processes, which would draw other random numbers.
    """
    folder = run / CHECKPOINT
    progress: dict[str, Any] = json.loads((folder / _PROGRESS).read_text())
    had = progress.pop("processes")
    if had != accelerator.num_processes:
        raise UsageError(
            f"--resume with {accelerator.num_processes} processes",
            f"the run had {had}, and each has random states of its own",
            "start as many",
        )
    accelerator.load_state(str(folder))
    schedule.load_state_dict(progress.pop("schedule"))
    if average is not None:
        average.load_state_dict(load_file(folder / _AVERAGE))
    return progress
