"""The models; importing this makes them known to transformers' Auto classes."""

from __future__ import annotations

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForVideoClassification,
)

from .build import CLASSES, build_model
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
from .modeling_frame import FrameDetectorForImageClassification
from .modeling_landmark_series import LandmarkDetectorForVideoClassification
from .modeling_landmarks import LandmarkRegressor
from .modeling_speech_statistics import SpeechStatisticsForAudioClassification
from .modeling_syncnet import SyncNetModel
from .presets import PRESETS, Preset

_AUTO = {
    "frame": AutoModelForImageClassification,
    "clip": AutoModelForVideoClassification,
    "audio": AutoModelForAudioClassification,
    "waveform": AutoModelForAudioClassification,
    "statistics": AutoModelForAudioClassification,
    "landmarks": AutoModel,
    "series": AutoModelForVideoClassification,
    "sync": AutoModel,
}
for _kind, (_config_class, _model_class) in CLASSES.items():
    AutoConfig.register(_config_class.model_type, _config_class, exist_ok=True)
    _AUTO[_kind].register(_config_class, _model_class, exist_ok=True)

__all__ = [
    "PRESETS",
    "AasistConfig",
    "AasistForAudioClassification",
    "AudioDetectorConfig",
    "AudioDetectorForAudioClassification",
    "ClipDetectorConfig",
    "ClipDetectorForVideoClassification",
    "FrameDetectorConfig",
    "FrameDetectorForImageClassification",
    "LandmarkDetectorConfig",
    "LandmarkDetectorForVideoClassification",
    "LandmarkRegressor",
    "LandmarkRegressorConfig",
    "Preset",
    "SpeechStatisticsConfig",
    "SpeechStatisticsForAudioClassification",
    "SyncNetConfig",
    "SyncNetModel",
    "build_model",
]
