"""From a model to an ONNX graph with dynamic batch and length, checked against the model."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from deepfake_hf._version import __version__
from deepfake_hf.errors import BundleError, MissingDependencyError
from deepfake_hf.hub.graph_weights import share_weights
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.models.build import CLASSES

TOLERANCE: Final = 1e-4  # of a logit
_EMBEDDINGS: Final = ("visual_embeds", "sound_embeds", "distances")


def kind_of(model: PreTrainedModel) -> str:
    """The kind (``frame``, ``clip``, …) of a model of this library."""
    return next(kind for kind, (_, model_class) in CLASSES.items() if isinstance(model, model_class))


# Statistics of speech: a graph of thousands of small steps takes minutes to write and gives NaN for clips of a few
# samples, while torch needs 13 ms for a second of sound.
TORCH_ONLY = ("statistics", "landmarks")


def random_inputs(kind: str, config: PretrainedConfig, batch: int, length: int) -> dict[str, Tensor]:
    """Noise in the shape of a model's inputs, in the order of its arguments.

    Args:
        kind: Of the model.
        config: Its configuration.
        batch: Items.
        length: Frames of a clip, a spectrogram or a series, samples of a waveform; a face and a lip-sync pair have
            none. Where there is a mask, the second half of the last of several items is padding.

    Raises:
        BundleError: Models of this kind are not exported.
    """
    made: dict[str, Tensor] = {}
    if kind == "frame":
        return {"pixel_values": torch.randn(batch, 3, config.image_size, config.image_size)}
    if kind == "sync":
        side = config.image_size
        made["pixel_values"] = torch.randn(batch, 3, config.num_frames, side, side)
        made["input_values"] = torch.randn(batch, 1, config.num_coefficients, config.num_steps)
        return made
    if kind == "clip":
        made["pixel_values"] = torch.randn(batch, length, 3, config.image_size, config.image_size)
    elif kind == "audio":
        made["input_values"] = torch.randn(batch, length, config.num_bins)
    elif kind == "waveform":
        made["input_values"] = 0.1 * torch.randn(batch, length)
    elif kind == "series":
        made["landmark_values"] = torch.randn(batch, length, config.feature_size)
    else:
        raise BundleError(f"a model of kind {kind!r}", "it has no ONNX export", "run it with torch")
    mask = torch.ones(batch, length, dtype=torch.int64)
    if batch > 1:
        mask[-1, -(-length // 2) :] = 0
    return {**made, "attention_mask": mask}


def export_onnx(model: PreTrainedModel, path: Path, source: str, weights: Path | None = None) -> float:
    """Write a model's forward pass in eval mode, calibrator included, and compare the file with the model.

    The graph takes any number of items, and of a kind with a length any length; its mask is an input. The sides of
    pictures are fixed. It is traced by ``torch.export`` and written by ``torch.onnx``.

    Args:
        model: On the CPU, in float32.
        path: Of the file; it appears whole or not at all.
        source: What it is made from, kept in the file.
        weights: The model's ``model.safetensors`` in the same folder: the graph then refers to it and is small. None
            puts the weights into the graph.

    Returns:
        The largest difference between a logit (of a lip-sync model, a value of an embedding) of model and file, on
        random inputs of another batch and length than it was traced with.

    Raises:
        MissingDependencyError: onnxscript is not installed.
        BundleError: The difference is above ``TOLERANCE``.
    """
    _need_onnxscript()
    kind, config, model = kind_of(model), model.config, model.eval()
    window = getattr(config, "window_frames", 0)
    inputs = random_inputs(kind, config, 2, {"clip": 3, "waveform": 1_000}.get(kind, max(50, 2 * window + 7)))
    # Shorter ones work too: strides make torch see a special case in them, which the graph has not.
    batch, length = (
        torch.export.Dim("batch"),
        torch.export.Dim("length", min=2 if kind == "clip" else 40),
    )
    timed = "attention_mask" in inputs
    shapes = tuple({0: batch, 1: length} if timed else {0: batch} for _ in inputs)
    outputs = _EMBEDDINGS if kind == "sync" else ("logits",)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.export.export(
            _Graph(model, outputs),
            tuple(inputs.values()),
            dynamic_shapes={"values": shapes},
            strict=False,
            # lengths of windows are equal in ways that its algebra does not see; the comparison below does
            prefer_deferred_runtime_asserts_over_guards=True,
        )
        program = torch.onnx.export(
            traced, input_names=list(inputs), output_names=list(outputs), dynamo=True, verbose=False
        )
    assert program is not None
    facts = {
        "kind": kind,
        "source": source,
        "library_version": __version__,
        "weights": str(getattr(config, "weights_origin", "random")),
        "labels": "0 real, 1 fake" if outputs == ("logits",) else "none",
        "numbers": "float32",
    }
    program.model.metadata_props.update(facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    unchecked = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        program.save(unchecked)
        if weights is not None:
            share_weights(unchecked, weights)
        difference = largest_difference(model, OnnxModel(unchecked))
        if not difference <= TOLERANCE:
            raise BundleError(
                f"{path} was not written",
                f"its answers differ from the model's by {difference:.1e}, more than {TOLERANCE:.0e}",
                "run this model with torch, and report it",
            )
        unchecked.replace(path)
    finally:
        unchecked.unlink(missing_ok=True)
    return difference


def largest_difference(model: PreTrainedModel, exported: OnnxModel) -> float:
    """Between a logit of both: three items with padding, one without, and some longer than a window."""
    kind, found = kind_of(model), 0.0
    unit = {"clip": 1, "waveform": 9_000}.get(kind, 37)
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    try:
        window = getattr(model.config, "window_frames", 0)
        for batch, length in [(3, 5 * unit), (1, 2 * unit), *([(2, 2 * window + unit)] if window else [])]:
            inputs = random_inputs(kind, model.config, batch, length)
            with torch.no_grad():
                ours, theirs = model(**inputs), exported(**inputs)
            for name, value in vars(theirs).items():
                found = max(found, float((getattr(ours, name) - value).abs().max()))
    finally:
        torch.random.set_rng_state(generator)
    return found


class _Graph(nn.Module):
    """The model with tensors out, instead of a class of transformers'."""

    def __init__(self, model: PreTrainedModel, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, *values: Tensor) -> tuple[Any, ...]:
        made = self.model(*values)
        return tuple(getattr(made, name) for name in self.outputs)


def _need_onnxscript() -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            "the ONNX export", "onnxscript is not installed", "pip install onnxscript, or use runtime torch"
        ) from None
