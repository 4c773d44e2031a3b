"""All evidence that a file gives beside its pictures and sound."""

from __future__ import annotations

from pathlib import Path

from deepfake_hf.media import Limits
from deepfake_hf.types import Finding


def gather(path: Path, limits: Limits | None = None) -> tuple[Finding, ...]:
    return ()
