"""From a preset's name to a fresh model."""

from __future__ import annotations

from typing import Final

from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from .configuration_aasist import AasistConfig
from .configuration_audio import AudioDetectorConfig
from .configuration_clip import ClipDetectorConfig
from .configuration_frame import FrameDetectorConfig
from .configuration_landmark_series import LandmarkDetectorConfig
from .configuration_landmarks import LandmarkRegressorConfig
from .configuration_speech_statistics import SpeechStatisticsConfig
from .configuration_syncnet import SyncNetConfig
from .modeling_aasist import AasistForAudioClassification
from .modeling_audio import AudioDetectorForAudioClassification
from .modeling_clip import ClipDetectorForVideoClassification
from .modeling_frame import FrameDetectorForImageClassification, load_backbone_state
from .modeling_landmark_series import LandmarkDetectorForVideoClassification
from .modeling_landmarks import LandmarkRegressor
from .modeling_speech_statistics import SpeechStatisticsForAudioClassification
from .modeling_syncnet import SyncNetModel
from .presets import PRESETS, Kind

CLASSES: Final[dict[Kind, tuple[type[PretrainedConfig], type[PreTrainedModel]]]] = {
    "frame": (FrameDetectorConfig, FrameDetectorForImageClassification),
    "clip": (ClipDetectorConfig, ClipDetectorForVideoClassification),
    "audio": (AudioDetectorConfig, AudioDetectorForAudioClassification),
    "waveform": (AasistConfig, AasistForAudioClassification),
    "statistics": (SpeechStatisticsConfig, SpeechStatisticsForAudioClassification),
    "landmarks": (LandmarkRegressorConfig, LandmarkRegressor),
    "series": (LandmarkDetectorConfig, LandmarkDetectorForVideoClassification),
    "sync": (SyncNetConfig, SyncNetModel),
}


def build_model(preset_name: str, pretrained_state: dict[str, Tensor] | None = None) -> PreTrainedModel:
    """Build a fresh model of a preset.

    Args:
        preset_name: A key of ``PRESETS``.
        pretrained_state: Backbone weights by timm name, loaded after construction; None leaves them as timm makes them.

    Returns:
        The model in training mode, its configuration marked ``weights_origin="random"``: also on a pretrained backbone
        the head knows nothing yet.

    Raises:
        ValueError: The preset is unknown, has no backbone for the weights, or they lack a tensor of it.
    """
    if preset_name not in PRESETS:
        raise ValueError(f"unknown preset {preset_name!r}. Known are {', '.join(sorted(PRESETS))}")
    preset = PRESETS[preset_name]
    config_class, model_class = CLASSES[preset.kind]
    model = model_class(config_class(**preset.config, weights_origin="random")).train()
    if pretrained_state is not None:
        if not hasattr(model, "backbone"):
            raise ValueError(
                f"preset {preset_name!r} is of kind {preset.kind} and has no backbone: leave the weights out"
            )
        load_backbone_state(model, pretrained_state)
    return model
