"""Tells genuine video, pictures and speech from deepfakes. Importing this loads no torch: names come when asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from deepfake_hf._version import __version__

if TYPE_CHECKING:
    from deepfake_hf.detector import Detector
    from deepfake_hf.media import AtRate, EveryNth, Limits, Uniform
    from deepfake_hf.report.boxes import draw_faces
    from deepfake_hf.types import DetectionResult, Status, Verdict

_HOMES = {
    "Detector": "deepfake_hf.detector",
    "DetectionResult": "deepfake_hf.types",
    "Status": "deepfake_hf.types",
    "Verdict": "deepfake_hf.types",
    "AtRate": "deepfake_hf.media",
    "EveryNth": "deepfake_hf.media",
    "Uniform": "deepfake_hf.media",
    "Limits": "deepfake_hf.media",
    "draw_faces": "deepfake_hf.report.boxes",
}

__all__ = [
    "AtRate",
    "DetectionResult",
    "Detector",
    "EveryNth",
    "Limits",
    "Status",
    "Uniform",
    "Verdict",
    "__version__",
    "draw_faces",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
