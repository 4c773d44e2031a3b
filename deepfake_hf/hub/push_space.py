"""Deploying the page to a Hugging Face Space: a wheel of this checkout, pinned requirements, the page's files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.push import xet_or_lfs

LOCK: Final = "requirements.lock"
ROOT_FILES: Final = ("README.md", "packages.txt")  # a Space reads these at its root
PATTERNS: Final = ["README.md", "requirements.txt", "packages.txt", "space/**", "*.whl"]


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
    api = HfApi(token=token)
    try:
        api.create_repo(repository, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
        if bool(api.space_info(repository).private) != private:
            raise BundleError(
                f"{repository} is {'public' if private else 'private'}",
                f"a push to a {'private' if private else 'public'} Space was asked for",
                "change its visibility on the Hub, or push with the other option",
            )
        return xet_or_lfs(
            lambda: str(
                api.upload_folder(
                    repo_id=repository, repo_type="space", folder_path=folder, allow_patterns=PATTERNS,
                    delete_patterns=["*.whl", "space/**"], commit_message="Deploy the page",
                ).commit_url
            )
        )  # fmt: skip
    except HFValidationError as error:
        raise UsageError(f"the Space {repository!r}", str(error).rstrip("."), "name it owner/name") from None
    except (HfHubHTTPError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ or error
        words = " ".join(str(cause).split()) or "no reason was given"
        raise BundleError(
            f"the push to {repository} did not come to its end",
            f"{type(cause).__name__}: {words.rstrip('.')}",
            "check network, name and token, and push again",
        ) from error


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
