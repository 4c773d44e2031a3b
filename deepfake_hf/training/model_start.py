"""Where training starts: a preset's model on a pretrained backbone, and its processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml
from safetensors.torch import load_file
from transformers import PreTrainedModel

from deepfake_hf.errors import UsageError
from deepfake_hf.models.build import CLASSES
from deepfake_hf.models.modeling_frame import load_backbone_state
from deepfake_hf.models.presets import PRESETS, Preset
from deepfake_hf.processing import PROCESSORS, SpectrogramFeatureExtractor
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.training.backbones import backbone_weights, default_source
from deepfake_hf.training.config import TrainConfig

_WORDS: Final = {"frame": "frame", "clip": "clip", "audio": "audio", "waveform": "audio", "sync": "sync"}


def known_preset(name: str, kinds: tuple[str, ...]) -> Preset:
    """The row of a system of one of these kinds.

    Raises:
        UsageError: There is no such system.
    """
    preset = PRESETS.get(name)
    if preset is None or preset.kind not in kinds:
        names = ", ".join(key for key, row in PRESETS.items() if row.kind in kinds)
        wanted = " or ".join(dict.fromkeys(_WORDS.get(kind, kind) for kind in kinds))
        raise UsageError(f"--preset {name}", f"it is no {wanted} system", f"choose of {names}")
    return preset


def start_model(
    preset_name: str,
    source: str,
    backbone: str | None = None,
    changes: dict[str, Any] | None = None,
    kinds: tuple[str, ...] = ("frame",),
) -> tuple[PreTrainedModel, Any]:
    """A fresh model, and the processor whose mean and std are those of its backbone's weights.

    Args:
        preset_name: Of the system.
        source: Where backbone weights come from, as in :func:`~deepfake_hf.training.backbones.backbone_weights`.
        backbone: timm name in place of the row's; None keeps it.
        changes: To the row's configuration; an ``image_size`` goes for the processor as well.
        kinds: Which systems are meant.

    Returns:
        Both.

    Raises:
        UsageError: The preset is none of these, a change can't be, or the weights do not fit the backbone.
        MissingDependencyError: The weights are not here.
    """
    preset = known_preset(preset_name, kinds)
    weights = backbone_weights(preset_name, source, backbone)
    config_class, model_class = CLASSES[preset.kind]
    changes = {**(changes or {}), **({"backbone": backbone} if backbone else {})}
    known = {*config_class().to_dict(), *preset.config}
    if unknown := sorted(set(changes) - known):
        raise UsageError(
            f"model.{', model.'.join(unknown)}", f"{preset_name} has no such setting", f"see {config_class.__name__}"
        )
    constants = dict(preset.processor)
    values = {**preset.config, **changes}
    if preset.kind == "audio":  # the net's input is what the processor gives
        extractor = SpectrogramFeatureExtractor(**constants)
        values |= {"num_bins": extractor.feature_size, "num_channels": extractor.num_channels}
    try:
        model = model_class(config_class(**values))
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"the model of {preset_name}", str(error), "mend backbone or model.*") from None
    if weights is not None:
        try:
            load_backbone_state(model, weights.state)
        except ValueError as error:
            raise UsageError(
                f"--pretrained {source} for {values['backbone']}",
                str(error),
                f"give weights of timm's {values['backbone']}, or another of --backbone",
            ) from None
        constants |= {"image_mean": list(weights.mean), "image_std": list(weights.std)}
    if "size" in constants:
        side = model.config.image_size
        constants["size"] = {"height": side, "width": side}
    for shared in {"image_size", "num_frames", "num_coefficients"} & set(constants):
        constants[shared] = getattr(model.config, shared)
    return model, PROCESSORS[preset.kind](**constants)


def start_of_run(config: TrainConfig, kinds: tuple[str, ...]) -> tuple[PreTrainedModel, Any]:
    """As the settings say: fresh on a pretrained backbone, or a trained model to go on from.

    Raises:
        UsageError: As of :func:`start_model`, or the weights of ``start_from`` are of another model.
    """
    known_preset(config.preset, kinds)
    source = "random" if config.start_from else config.pretrained or default_source(config.preset)
    model, processor = start_model(config.preset, source, config.backbone, config.model, kinds)
    if config.start_from is not None:
        folder = Path(config.start_from)
        try:
            model.load_state_dict(load_file(folder / "model.safetensors"))
        except (OSError, RuntimeError) as error:
            raise UsageError(
                f"--start-from {folder}",
                f"no weights of this model are in it ({str(error).splitlines()[0]})",
                "name the folder of a trained model, with its preset and model settings",
            ) from None
        if PRESETS[config.preset].kind == "frame":
            processor = processor_of(folder)
            side = model.config.image_size
            processor.size = {"height": side, "width": side}
    model.config.weights_origin = "trained"
    return model, processor


def processor_of(model_folder: Path) -> FaceImageProcessor:
    """The processor of a trained model: the one beside it, or the row's that its run names.

    Runs made before the processor was saved beside the model took the constants of their preset's row.
    """
    if (model_folder / "preprocessor_config.json").is_file():
        processor: FaceImageProcessor = FaceImageProcessor.from_pretrained(model_folder)
        return processor
    return FaceImageProcessor(**known_preset(settings_of(model_folder.parent)["preset"], ("frame",)).processor)


def settings_of(run: Path) -> dict[str, Any]:
    """The settings of a run; of one made before ``config.yaml``, those of its ``recipe.json``."""
    if (run / "config.yaml").is_file():
        settings: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        return settings
    old: dict[str, Any] = json.loads((run / "recipe.json").read_text())
    return old
