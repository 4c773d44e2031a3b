"""How many threads a net runs on, said in one place for torch and onnxruntime."""

from __future__ import annotations

import os
import sys


def num_threads() -> int:
    """What torch runs on where it is loaded; else ``OMP_NUM_THREADS``, else every core this process may use."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """For nets loaded from now on; torch need not be loaded, and takes it when it is."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)
