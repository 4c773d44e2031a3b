"""Where a training of a frame system starts: a preset's model on a pretrained backbone, and its processor."""

from __future__ import annotations

import json
from pathlib import Path

from deepfake_hf.errors import UsageError
from deepfake_hf.models.configuration_frame import FrameDetectorConfig
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification, load_backbone_state
from deepfake_hf.models.presets import PRESETS, Preset
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.training.backbones import backbone_weights


def frame_preset(name: str) -> Preset:
    """The row of a frame system.

    Raises:
        UsageError: There is no such frame system.
    """
    preset = PRESETS.get(name)
    if preset is None or preset.kind != "frame":
        names = ", ".join(key for key, row in PRESETS.items() if row.kind == "frame")
        raise UsageError(f"--preset {name}", "it is no frame system", f"choose of {names}")
    return preset


def start_frame_model(
    preset_name: str, source: str, backbone: str | None = None
) -> tuple[FrameDetectorForImageClassification, FaceImageProcessor]:
    """A fresh model, and the processor whose mean and std are those of its backbone's weights.

    Args:
        preset_name: Of a frame system.
        source: Where backbone weights come from, as in :func:`~deepfake_hf.training.backbones.backbone_weights`.
        backbone: timm name in place of the row's; None keeps it.

    Raises:
        UsageError: The preset is no frame system, or the weights do not fit its backbone.
        MissingDependencyError: The weights are not here.
    """
    preset = frame_preset(preset_name)
    weights = backbone_weights(preset_name, source, backbone)
    config = {**preset.config, **({"backbone": backbone} if backbone else {})}
    model = FrameDetectorForImageClassification(FrameDetectorConfig(**config))
    constants = dict(preset.processor)
    if weights is not None:
        try:
            load_backbone_state(model, weights.state)
        except ValueError as error:
            raise UsageError(
                f"--pretrained {source} for {config['backbone']}",
                str(error),
                f"give weights of timm's {config['backbone']}, or another of --backbone",
            ) from None
        constants |= {"image_mean": list(weights.mean), "image_std": list(weights.std)}
    return model, FaceImageProcessor(**constants)


def processor_of(model_folder: Path) -> FaceImageProcessor:
    """The processor of a trained model: the one beside it, or the row's that its run names.

    Runs made before the processor was saved beside the model took the constants of their preset's row.
    """
    if (model_folder / "preprocessor_config.json").is_file():
        processor: FaceImageProcessor = FaceImageProcessor.from_pretrained(model_folder)
        return processor
    recipe = json.loads((model_folder.parent / "recipe.json").read_text())
    return FaceImageProcessor(**frame_preset(recipe["preset"]).processor)
