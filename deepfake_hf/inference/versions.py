"""Versions and machine: everything beside the weights that can change a score."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

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


def machine(device: str) -> dict[str, str | int]:
    """What the last digits of a score depend on: processor, vector code in use, threads and device.

    Args:
        device: ``cpu``, ``cuda``, …, as the models run on it.
    """
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": name,
        "vector code": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": device,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
