"""Model files that a backend fetches once where there is network, and clear words where there is none."""

from __future__ import annotations

import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from deepfake_hf.errors import MissingDependencyError


def given_file(model_path: str | Path, backend: str) -> Path:
    """The path the user gave.

    Raises:
        MissingDependencyError: There is no such file.
    """
    path = Path(model_path)
    if not path.is_file():
        raise MissingDependencyError(f"no {backend} model at {path}", "there is no such file", "correct model_path")
    return path


def is_offline() -> bool:
    """Whether the user forbade the network with ``HF_HUB_OFFLINE``."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "ON", "YES", "TRUE"}


def fetch_once(url: str, backend: str) -> Path:
    """A file of the web, kept in ``$XDG_CACHE_HOME/deepfake_hf`` (``~/.cache`` by default) under its name.

    Raises:
        MissingDependencyError: It is not there and cannot be fetched.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepfake_hf"
    path = folder / url.rsplit("/", 1)[1]
    if path.is_file():
        return path
    mend = f"fetch {url} on a machine with network and give its path as model_path"
    if is_offline():
        raise MissingDependencyError(f"no {backend} model", "it is not in the cache and HF_HUB_OFFLINE is set", mend)
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=30) as answer:
            content = answer.read()
        # written aside first: a broken download must not look like a model
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
        temporary.replace(path)
    except (urllib.error.URLError, OSError) as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise MissingDependencyError(f"no {backend} model", f"it could not be fetched ({error})", mend) from error
    return path
