"""Reading folders and lists for the layouts: sorted, with errors that say what was looked for."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from deepfake_hf.errors import DataError


def need(path: Path, dataset: str) -> Path:
    """``path`` itself.

    Raises:
        DataError: It is not there.
    """
    if not path.exists():
        raise DataError(
            f"{path} is not there", f"the layout of {dataset} has it", "name the folder that the official archive makes"
        )
    return path


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files below a folder, in depth and sorted, whose names end in one of ``suffixes`` (lower case)."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in suffixes and not file.name.startswith(".") and file.is_file()
    )


def read_lines(file: Path) -> list[str]:
    """The lines of a text file that are not empty, without their ends."""
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read", str(error), "download it again") from error


def read_json(file: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read", str(error), "download it again") from error
