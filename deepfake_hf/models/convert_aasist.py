"""Published AASIST weights, by their names there, into a model of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from .configuration_aasist import AasistConfig
from .modeling_aasist import AasistForAudioClassification
from .presets_audio import AUDIO_PRESETS

# Published name, as a pattern -> ours. The first that matches is taken.
_GRAPH: Final = {
    "att_proj": "pair",
    "att_projM": "stack_pair",
    "att_weight": "direction",
    "att_weight11": "direction_first",
    "att_weight22": "direction_second",
    "att_weight12": "direction_mixed",
    "att_weightM": "direction_stack",
    "proj_type1": "first",
    "proj_type2": "second",
    "proj_with_att": "attended",
    "proj_without_att": "own",
    "proj_with_attM": "stack_attended",
    "proj_without_attM": "stack_own",
    "bn": "norm",
}
_KIND: Final = {"S": "spectral", "T": "temporal"}
_STEP: Final = {"1": "first", "2": "second"}
_BLOCK: Final = {"conv1": "conv1", "bn2": "norm2", "conv2": "conv2", "conv_downsample": "shortcut"}
_UNREAD: Final = re.compile(r"encoder\.\d+\.0\.bn1\.")


def our_name(name: str) -> str:
    """A tensor's name in this library.

    Args:
        name: Its name in the published state dict.

    Raises:
        ValueError: AASIST has no such tensor.
    """
    parts = name.split(".")
    head, tail = parts[0], parts[1:]
    if name == "pos_S":
        return "band_positions"
    if match := re.fullmatch(r"master([12])", name):
        return f"branches.{int(match[1]) - 1}.stack"
    if head in ("first_bn", "out_layer") and len(tail) == 1:
        return ".".join(["front_end.norm" if head == "first_bn" else "classifier", *tail])
    if head == "encoder" and len(tail) == 4 and tail[1] == "0" and tail[2] in _BLOCK:
        return f"encoder.{tail[0]}.{_BLOCK[tail[2]]}.{tail[3]}"
    if (match := re.fullmatch(r"pool_(h?)([ST])([12]?)", head)) and len(tail) == 2 and tail[0] == "proj":
        place = f"branches.{int(match[3]) - 1}." if match[1] and match[3] else ""
        return f"{place}{_KIND[match[2]]}_pool.project.{tail[1]}"
    if (match := re.fullmatch(r"GAT_layer_([ST])", head)) and tail and tail[0] in _GRAPH:
        return ".".join([_KIND[match[1]], _GRAPH[tail[0]], *tail[1:]])
    if (match := re.fullmatch(r"HtrgGAT_layer_ST([12])([12])", head)) and tail and tail[0] in _GRAPH:
        return ".".join([f"branches.{int(match[1]) - 1}", _STEP[match[2]], _GRAPH[tail[0]], *tail[1:]])
    raise ValueError(f"{name!r} is no tensor of AASIST as it was published: give that model's own state dict")


def convert_aasist(state: Mapping[str, Tensor], preset_name: str = "aasist") -> AasistForAudioClassification:
    """Build a model from the weights that were published with the paper.

    Three things differ there from what a fresh model has here, and are seen to: the first norm of the residual blocks
    is in the file, but its answer was never used, so that the model is built with ``preactivation=False`` and those
    tensors are left out; the head has 0 = spoof and 1 = bona fide, so that its rows change places; the filters are no
    tensors of the file and are computed.

    Args:
        state: Tensors by their published names. Read a pickled file with ``torch.load(path, weights_only=True)``.
        preset_name: ``aasist`` or ``aasist_l``: pooling ratios and temperatures can't be seen in the weights.

    Returns:
        The model in eval mode, marked as trained.

    Raises:
        ValueError: The preset is another kind, a name is unknown, or tensors are missing or have another shape.
    """
    preset = AUDIO_PRESETS.get(preset_name)
    if preset is None or preset.kind != "waveform":
        raise ValueError(f"preset {preset_name!r} is not AASIST: use 'aasist' or 'aasist_l'")
    model = AasistForAudioClassification(
        AasistConfig(**{**preset.config, "preactivation": False, "weights_origin": "trained"})
    )
    made = {our_name(name): value for name, value in state.items() if not _UNREAD.match(name)}
    own = model.state_dict()
    made["front_end.filters"] = own["front_end.filters"]
    wrong = sorted(
        name for name in own.keys() | made.keys()
        if name not in own or name not in made or own[name].shape != made[name].shape
    )  # fmt: skip
    if wrong:
        raise ValueError(
            f"{len(wrong)} tensors are missing, left over or misshapen for {preset_name}, the first is {wrong[0]}. "
            "Name the preset that the weights are of"
        )
    for name in ("classifier.weight", "classifier.bias"):
        made[name] = torch.flip(made[name], (0,))
    model.load_state_dict(made)
    return model.eval()
