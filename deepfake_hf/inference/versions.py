"""Versions of everything that can change a score."""

from __future__ import annotations

import importlib.metadata
import platform

from deepfake_hf._version import __version__


def versions() -> dict[str, str]:
    """Package names to versions, this library and Python among them."""
    packages = ("torch", "transformers", "timm", "numpy", "av", "opencv-python", "onnxruntime", "silero-vad")
    found = {"deepfake_hf": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not found"
    return found
