"""What needs a process of its own: start-up, and peak memory against length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import UsageError

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_MAIN: Final = "from deepfake_hf.cli import main; main()"
START_UPS: Final[Mapping[str, tuple[str, ...]]] = {
    "import deepfake_hf": ("-c", "import deepfake_hf"),
    "deepfake-hf --help": ("-c", _MAIN, "--help"),
    "first verdict on a picture": ("-c", _MAIN, "detect", "{picture}", "--device", "{device}", "--quiet"),
    "floor: torch": ("-c", "import torch"),
    "floor: torch, transformers, timm": ("-c", "import timm, transformers.modeling_utils"),
}


def run_python(arguments: tuple[str, ...], **values: str) -> float:
    """Seconds that a new Python process takes.

    Args:
        arguments: Of the interpreter, with places such as ``{picture}``.
        values: What stands there.

    Raises:
        UsageError: It failed.
    """
    filled = [part.format(**values) if part.startswith("{") else part for part in arguments]
    started = time.perf_counter()
    _python(filled)
    return time.perf_counter() - started


def peak_memory(path: Path, device: str) -> dict[str, Any]:
    """Detect one medium in a new process.

    Returns:
        ``peak_mb`` (greatest resident size), ``before_mb`` (with the weights loaded), ``seconds`` of the detection,
        ``verdict`` and ``windows``, how many were scored.

    Raises:
        UsageError: It failed.
    """
    code = "import sys; from deepfake_hf.evaluation.bench_processes import detect_here; detect_here(*sys.argv[1:])"
    found: dict[str, Any] = json.loads(_python(["-c", code, str(path), device]).splitlines()[-1])
    return found


def detect_here(path: str, device: str) -> None:
    """In the new process: detect and print what :func:`peak_memory` returns."""
    from deepfake_hf.detector import Detector

    detector = Detector.from_pretrained(device=device)
    before_mb = resident_mb("VmRSS")
    started = time.perf_counter()
    result = detector.detect(path)
    print(
        json.dumps(
            {
                "peak_mb": resident_mb("VmHWM"),
                "before_mb": before_mb,
                "seconds": time.perf_counter() - started,
                "verdict": str(result.verdict or result.status),
                "windows": len(result.windows),
            }
        )
    )


def resident_mb(key: str) -> float:
    """This process's resident size now (``VmRSS``) or at its greatest (``VmHWM``), in units of 10^6 bytes.

    Linux's own count: ``getrusage`` hands a child the greatest size of its parent.

    Raises:
        UsageError: The system has no /proc.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        raise UsageError("memory", "this system has no /proc/self/status", "measure the rest with --only") from None
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{key}:")) * 1024 / 1e6


def _python(arguments: list[str]) -> str:
    path = os.pathsep.join(filter(None, [str(_PACKAGE), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError("a process of the benchmark failed", why, f"try it: python {' '.join(arguments)}")
    return done.stdout
