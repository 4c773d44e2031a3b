"""The mean of models that went on from one another: as good at home as the first, steadier abroad like the second."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file

from deepfake_hf.errors import UsageError

AVERAGE: Final = "average.json"
_WEIGHTS: Final = "model.safetensors"


def average_models(folders: Sequence[Path], shares: Sequence[float], out: Path) -> Path:
    """Average weights, batch statistics included, tensor by tensor.

    Args:
        folders: Model folders of one system, such as ``last`` and ``model`` of runs that started from each other.
        shares: One for each, adding up to 1.
        out: Run folder: ``model`` with the configuration and processor of the last of them, and ``average.json``.

    Returns:
        ``out / "model"``.

    Raises:
        UsageError: Shares that can't be, or models of different systems.

    Source: Wortsman et al. 2022, robust fine-tuning of zero-shot models (arXiv:2109.01903).
    """
    if len(folders) < 2 or len(folders) != len(shares) or abs(sum(shares) - 1) > 1e-6 or min(shares) < 0:
        raise UsageError(
            f"the shares {list(shares)} of {len(folders)} models",
            "two models or more need a share each, adding up to 1",
            "for example --share 0.5 --share 0.5",
        )
    for folder in folders:
        if not (folder / _WEIGHTS).is_file():
            raise UsageError(f"{folder} cannot be averaged", f"it has no {_WEIGHTS}", "name model folders of runs")
    states = [load_file(folder / _WEIGHTS) for folder in folders]
    shapes = [{name: (tensor.shape, tensor.dtype) for name, tensor in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes):
        raise UsageError(
            f"{folders[0]} and the others cannot be averaged", "their tensors differ", "name models of one system"
        )
    mean = dict(states[-1])
    for name, last in mean.items():
        if last.is_floating_point():
            parts = [share * state[name].double() for share, state in zip(shares, states, strict=True)]
            mean[name] = torch.stack(parts).sum(0).to(last.dtype)
    model = out / "model"
    shutil.copytree(folders[-1], model, dirs_exist_ok=True)
    save_file(mean, model / _WEIGHTS, metadata={"format": "pt"})
    facts: dict[str, Any] = {"models": [str(folder) for folder in folders], "shares": list(shares)}
    (out / AVERAGE).write_text(json.dumps(facts, indent=1) + "\n")
    return model
