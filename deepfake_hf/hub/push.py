"""Pushing a bundle to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import SUMS
from deepfake_hf.hub.check import check_bundle
from deepfake_hf.hub.upload import upload_folder

_PATTERNS: Final = ("*.json", "*.safetensors", "*.md", "*.py", SUMS)


def push_bundle(folder: Path, repository: str, *, private: bool, token: str | None = None) -> str:
    """Check a packed bundle, and upload it as :func:`~deepfake_hf.hub.upload.upload_folder` does.

    Args:
        folder: made by ``deepfake-hf hub pack``.
        repository: ``owner/name``.
        private: whether only its owner sees the repository. One that is there must be so already.
        token: None takes the one that is stored on this machine.

    Returns:
        The address of the commit.

    Raises:
        BundleError: A check fails, the repository has another visibility, or the Hub refuses or is not reached.
        UsageError: The repository's name cannot be one.
    """
    faults = [finding for finding in check_bundle(folder) if not finding.holds]
    if faults:
        raise BundleError(
            f"{folder} is not pushed",
            "; ".join(f"{fault.name}: {fault.detail.rstrip('.')}" for fault in faults),
            "mend it and pack it again",
        )
    return upload_folder(
        folder, repository, kind="model", private=private, patterns=_PATTERNS, token=token,
        message="Push a detector bundle",
    )  # fmt: skip
