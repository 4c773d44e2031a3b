"""The processors, each with its constants in its own json.

Taking one of these names tells transformers' Auto classes of all of them. They come when asked for, so that
``processing.pixels`` can be had without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .registry import (
        PROCESSORS,
        ClipVideoProcessor,
        FaceImageProcessor,
        LandmarkSeriesFeatureExtractor,
        LipSyncFeatureExtractor,
        SpectrogramFeatureExtractor,
        WaveformFeatureExtractor,
    )

__all__ = [
    "PROCESSORS",
    "ClipVideoProcessor",
    "FaceImageProcessor",
    "LandmarkSeriesFeatureExtractor",
    "LipSyncFeatureExtractor",
    "SpectrogramFeatureExtractor",
    "WaveformFeatureExtractor",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.registry"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
