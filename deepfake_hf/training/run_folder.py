"""The run folder: settings, versions, a line for each report, curves and the confusion matrix."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from deepfake_hf.training.config import TrainConfig, write_config

CONFIG, LOG, METRICS = "config.yaml", "log.jsonl", "metrics.json"
_LIBRARIES: Final = ("deepfake-hf", "torch", "torchvision", "transformers", "timm", "accelerate", "datasets", "numpy")


def begin(folder: Path, config: TrainConfig, facts: dict[str, Any]) -> None:
    """Write ``config.yaml`` and ``versions.json``.

    Args:
        folder: Of the run.
        config: As it is run, every default filled in.
        facts: Of the machine: device, processes, precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_config(config, folder / CONFIG)
    versions = {name: _version(name) for name in _LIBRARIES}
    text = json.dumps({"python": platform.python_version(), **versions, **facts}, indent=2)
    (folder / "versions.json").write_text(text + "\n")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def append(folder: Path, line: dict[str, Any]) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Lines of kind ``training`` and ``evaluation``, in order."""
    path = folder / LOG
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cut_log(folder: Path, step: int) -> None:
    """Drop the lines behind a step: a resumed run writes them again."""
    kept = [line for line in read_log(folder) if line["step"] <= step]
    (folder / LOG).write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
