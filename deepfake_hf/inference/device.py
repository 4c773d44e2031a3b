"""Which device nets run on, found without torch where there is nothing to choose from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deepfake_hf.errors import UsageError

if TYPE_CHECKING:
    import torch

# What a driver puts into place that torch could use: Nvidia's (also as passed into a container), Windows' for Linux,
# AMD's. On a Mac torch has no CUDA.
_DRIVERS: Final = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia", "/dev/dxg", "/dev/kfd")
_WINDOWS_DRIVERS: Final = ("nvcuda.dll", "amdhip64.dll")


def choose_device(name: str | None = None) -> torch.device:
    """``None`` or ``auto``: a GPU where there is one, else the CPU.

    Raises:
        UsageError: The device is unknown or not on this machine.
    """
    import torch

    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(str(name))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} cannot be used", reason, "use --device cpu, or leave it out") from None
    return device


def name_of_device(name: str | None = None) -> str:
    """As :func:`choose_device`, by name; torch is asked only where another answer than ``cpu`` is possible."""
    if name == "cpu" or (name in (None, "auto") and not _may_have_gpu()):
        return "cpu"
    return str(choose_device(name))


def _may_have_gpu() -> bool:
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return any((system / name).is_file() for name in _WINDOWS_DRIVERS)
    return any(os.path.exists(path) for path in _DRIVERS)
