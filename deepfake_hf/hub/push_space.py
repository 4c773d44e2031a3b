"""Deploying the page to a Hugging Face Space: a wheel of this checkout, pinned requirements, the page's files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.upload import upload_folder

LOCK: Final = "requirements.lock"
ROOT_FILES: Final = ("README.md", "packages.txt")  # a Space reads these at its root
PATTERNS: Final = ["README.md", "requirements.txt", "packages.txt", "space/**", "*.whl"]
_REPLACED: Final = ("*.whl", "space/**")


def stage_space(checkout: Path, out: Path) -> Path:
    """Lay out the Space's repository.

    Args:
        checkout: holds ``pyproject.toml``, ``requirements.lock`` and ``space/``.
        out: where to; earlier wheels in it go.

    Returns:
        ``out``: front matter, pinned requirements that name the wheel, packages, wheel and ``space/``.

    Raises:
        UsageError: This is no checkout.
        BundleError: The wheel could not be built.
    """
    if not (checkout / "pyproject.toml").is_file() or not (checkout / LOCK).is_file():
        raise UsageError(f"{checkout}", "it is no checkout, and a wheel is built from one", "clone the repository")
    out.mkdir(parents=True, exist_ok=True)
    for earlier in out.glob("*.whl"):
        earlier.unlink()
    shutil.rmtree(out / "space", ignore_errors=True)
    shutil.copytree(checkout / "space", out / "space", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for name in ROOT_FILES:
        shutil.copy(checkout / "space" / name, out / name)
    wheel = _build(checkout, out)
    wanted = (checkout / "space" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    locked = (checkout / LOCK).read_text(encoding="utf-8").splitlines()
    lines = [*pinned(wanted, locked), f"./{wheel.name}"]
    (out / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out


def pinned(wanted: list[str], locked: list[str]) -> list[str]:
    """Each requirement as the lock pins it, with the lock's markers.

    Raises:
        UsageError: The lock does not know one.
    """
    lines: list[str] = []
    for requirement in wanted:
        if not requirement.strip() or requirement.startswith("#"):
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower()
        found = [line for line in locked if line.partition("==")[0] == name]
        if not found:
            raise UsageError(f"{name} has no pin", f"{LOCK} does not list it", "renew it with make lock")
        lines += found
    return lines


def push_space(folder: Path, repository: str, *, private: bool, token: str | None = None) -> str:
    """Make the Space where there is none, and upload what :func:`stage_space` made.

    Args:
        folder: of :func:`stage_space`.
        repository: ``owner/name``.
        private: whether only its owner sees it. A Space that is there must be so already.
        token: None takes the one that is stored on this machine.

    Returns:
        The address of the commit.

    Raises:
        BundleError: The Hub refuses or is not reached, or the Space has another visibility.
        UsageError: The name cannot be one.
    """
    return upload_folder(
        folder, repository, kind="space", private=private, patterns=PATTERNS, replaces=_REPLACED, token=token,
        message="Deploy the page",
    )  # fmt: skip


def _build(checkout: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out.resolve())]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError("the wheel was not built", str(error), "run it in the checkout's own environment") from None
    wheels = sorted(out.glob("*.whl"))
    if done.returncode or not wheels:
        why = (done.stderr.strip().splitlines() or ["no reason was given"])[-1].rstrip(".")
        raise BundleError("the wheel was not built", why, "pip install hatchling, and run it again")
    return wheels[-1]
