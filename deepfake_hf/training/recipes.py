"""The recipes that come with the library: a YAML file for each system, with its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import UsageError
from deepfake_hf.training.config import read_yaml

FOLDER: Final = Path(__file__).parent / "recipes"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_recipe(name: str) -> dict[str, Any]:
    """The settings of a recipe.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in recipe_names():
        raise UsageError(f"--recipe {name}", "there is none of that name", f"choose of {', '.join(recipe_names())}")
    return read_yaml(FOLDER / f"{name}.yaml")


def recipe_source(name: str) -> str:
    """The comment that a recipe begins with: what it reproduces, and from where."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# ").strip())
    return " ".join(head)
