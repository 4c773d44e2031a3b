"""The published SyncNet checkpoint, renamed to ours. It is read without running anything that a file may hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor

from .configuration_syncnet import SyncNetConfig
from .modeling_syncnet import SyncNetModel

_MODULES: Final[dict[str, str]] = {
    "netcnnlip": "visual_tower",
    "netfclip": "visual_embedding",
    "netcnnaud": "sound_tower",
    "netfcaud": "sound_embedding",
}
# Theirs has a pooling of one by one behind the first convolution of the sound tower, which does nothing and counts.
_IDLE_POOL: Final = 3


def read_syncnet_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the published file, or a safetensors copy of it.

    Args:
        path: Of ``syncnet_v2.model`` (a state dict that torch saved) or of a ``.safetensors`` file.

    Returns:
        Published names to tensors, on the CPU.

    Raises:
        ValueError: There is no file, or it is no plain table of tensors; whole pickled models are not loaded, since
            that would run their code.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no checkpoint at {path}. Give the path of a local file; addresses are not fetched")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes happen to hit
        raise ValueError(
            f"{path} can't be read as plain tensors ({type(error).__name__}): it is damaged, or a pickled model, which "
            "is not opened. Save its state dict as safetensors where you trust it"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict. Save the model's state_dict() alone")
    return {str(name): value for name, value in state.items()}


def convert_syncnet_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the published tensors; the first visual convolution then takes RGB instead of BGR.

    Args:
        state: Published names (``netcnnlip.0.weight``, …) to tensors; ``num_batches_tracked`` may be missing.

    Returns:
        Our names to tensors, for ``load_state_dict``.

    Raises:
        ValueError: A name is none of the checkpoint's.
    """
    converted = {}
    for name, value in state.items():
        found = re.fullmatch(rf"({'|'.join(_MODULES)})\.(\d+)\.(\w+)", name)
        if found is None:
            raise ValueError(f"{name} is no tensor of the published SyncNet. Its begin with {', '.join(_MODULES)}")
        module, place, rest = found[1], int(found[2]), found[3]
        if module == "netcnnaud" and place > _IDLE_POOL:
            place -= 1
        if name == "netcnnlip.0.weight":
            value = value.flip(1)  # their pictures are OpenCV's
        converted[f"{_MODULES[module]}.{place}.{rest}"] = value
    return converted


def syncnet_from_published(path: str | Path) -> SyncNetModel:
    """A model with the published weights, in eval mode; ``save_pretrained`` then writes it as safetensors.

    Args:
        path: As of :func:`read_syncnet_checkpoint`. It takes crops with values in [0, 255] and cepstral coefficients
            of sound in 16-bit steps.

    Raises:
        ValueError: The file can't be read, or a tensor is missing, left over or has another shape.
    """
    model = SyncNetModel(SyncNetConfig(weights_origin="trained"))
    state = convert_syncnet_state(read_syncnet_checkpoint(path))
    own = model.state_dict()
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    wrong = sorted((own.keys() ^ state.keys()) - optional)
    wrong += sorted(name for name in own.keys() & state.keys() if own[name].shape != state[name].shape)
    if wrong:
        raise ValueError(
            f"{len(wrong)} tensors of {path} are missing, left over or misshapen, the first is {wrong[0]}: it is of "
            "another model. Give the checkpoint that the authors of SyncNet published"
        )
    model.load_state_dict(state, strict=False)  # all but the counters is there, as was just checked
    return model.eval()
