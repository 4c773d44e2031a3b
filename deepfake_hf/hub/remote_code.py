"""The code of a branch, put into its folder, so that transformers loads it where this library is not installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from transformers.dynamic_module_utils import get_relative_import_files

from deepfake_hf import processing
from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import write_json
from deepfake_hf.models.build import CLASSES

_PROCESSOR_FILES: Final = {
    "image_processor_type": "AutoImageProcessor",
    "feature_extractor_type": "AutoFeatureExtractor",
    "video_processor_type": "AutoVideoProcessor",
}
_MODEL_CLASSES: Final = {config.model_type: (config, model) for config, model in CLASSES.values()}


def branch_kind(folder: Path) -> str:
    """The kind (``frame``, ``audio``, …) of a folder that ``save_pretrained`` has made.

    Raises:
        BundleError: Its configuration cannot be read, or belongs to no model of this library.
    """
    model_type = _read(folder / "config.json").get("model_type")
    for kind, (config, _) in CLASSES.items():
        if config.model_type == model_type:
            return kind
    raise BundleError(
        f"{folder} is no branch of this library",
        f"its model_type is {model_type!r}",
        f"save one of {', '.join(sorted(_MODEL_CLASSES))} with save_pretrained; "
        "compare third-party models with Detector.from_pretrained(folder)",
    )


def export_code(folder: Path) -> list[str]:
    """Copy the modules that a branch folder needs into it and name them in its ``auto_map``.

    ``AutoModelFor….from_pretrained(folder, trust_remote_code=True)`` and the processor's Auto class then work without
    this library. Where it is installed, its own classes are taken.

    Args:
        folder: made by ``save_pretrained``, with its processor.

    Returns:
        The names of the Python files, sorted.

    Raises:
        BundleError: The folder is of no model of this library.
    """
    branch_kind(folder)
    for name, entries in auto_maps(folder).items():
        write_json(folder / name, {**_read(folder / name), "auto_map": entries})
    needed = code_files(folder)
    for name, source in needed.items():
        (folder / name).write_bytes(source.read_bytes())
    return sorted(needed)


def remove_code(folder: Path) -> None:
    """Undo :func:`export_code`: no ``auto_map`` may name files that are not there."""
    for file in sorted(folder.glob("*.json")):
        content = _read(file)
        if "auto_map" in content:
            del content["auto_map"]
            write_json(file, content)
    for file in folder.glob("*.py"):
        file.unlink()


def code_files(folder: Path) -> dict[str, Path]:
    """The Python files that a branch folder needs, by name, each with its place in this library."""
    files: dict[str, Path] = {}
    for cls in _classes(folder).values():
        module = Path(str(sys.modules[cls.__module__].__file__))
        files |= {path.name: path for path in (module, *map(Path, get_relative_import_files(module)))}
    return files


def auto_maps(folder: Path) -> dict[str, dict[str, str]]:
    """``auto_map`` by the name of the file that it belongs into."""
    maps: dict[str, dict[str, str]] = {}
    for (file, auto), cls in _classes(folder).items():
        maps.setdefault(file, {})[auto] = f"{cls.__module__.split('.')[-1]}.{cls.__name__}"
    return maps


def _classes(folder: Path) -> dict[tuple[str, str], type]:
    """By file and Auto class: the configuration, the model and the processor of a branch folder."""
    config, model = _MODEL_CLASSES[_read(folder / "config.json")["model_type"]]
    purpose = model.__name__.partition("For")[2]
    found: dict[tuple[str, str], type] = {
        ("config.json", "AutoConfig"): config,
        ("config.json", f"AutoModelFor{purpose}" if purpose else "AutoModel"): model,
    }
    for file in sorted(folder.glob("*preprocessor_config.json")):
        content = _read(file)
        for key, auto in _PROCESSOR_FILES.items():
            if key in content:
                found[file.name, auto] = getattr(processing, content[key])
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path} cannot be read", f"{type(error).__name__}", "save the model and its processor again"
        ) from None
    return content
