"""The processors by kind; importing this tells transformers' Auto classes of them.

An Auto class finds a processor by the class name in that json. The key it is registered under is then not read, and it
cannot be a model's configuration: this room imports nothing of ours. Each processor is its own key.
"""

from __future__ import annotations

from typing import Any, Final

from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoVideoProcessor

from .feature_extraction_landmarks import LandmarkSeriesFeatureExtractor
from .feature_extraction_lip_sync import LipSyncFeatureExtractor
from .feature_extraction_spectrogram import SpectrogramFeatureExtractor
from .feature_extraction_waveform import WaveformFeatureExtractor
from .image_processing_face import FaceImageProcessor
from .video_processing_clip import ClipVideoProcessor

AutoImageProcessor.register(
    FaceImageProcessor, image_processor_classes={"torchvision": FaceImageProcessor}, exist_ok=True
)
AutoVideoProcessor.register(ClipVideoProcessor, ClipVideoProcessor, exist_ok=True)
AutoFeatureExtractor.register(SpectrogramFeatureExtractor, SpectrogramFeatureExtractor, exist_ok=True)
AutoFeatureExtractor.register(WaveformFeatureExtractor, WaveformFeatureExtractor, exist_ok=True)
AutoFeatureExtractor.register(LandmarkSeriesFeatureExtractor, LandmarkSeriesFeatureExtractor, exist_ok=True)
AutoFeatureExtractor.register(LipSyncFeatureExtractor, LipSyncFeatureExtractor, exist_ok=True)

# The processor of each kind of preset: PROCESSORS[preset.kind](**preset.processor) makes a row's own.
PROCESSORS: Final[dict[str, type[Any]]] = {
    "frame": FaceImageProcessor,
    "clip": ClipVideoProcessor,
    "audio": SpectrogramFeatureExtractor,
    "waveform": WaveformFeatureExtractor,
    "statistics": WaveformFeatureExtractor,
    "series": LandmarkSeriesFeatureExtractor,
    "sync": LipSyncFeatureExtractor,
}
