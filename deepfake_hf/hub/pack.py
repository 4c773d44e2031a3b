"""Packing: a bundle as people get it, with canary pair, card, checksums and, where asked, the code to load it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.bundle import (
    CALIBRATION,
    CANARY,
    GRAPH,
    MANIFEST,
    SUMS,
    Bundle,
    open_bundle,
    write_bundle,
    write_root_config,
)
from deepfake_hf.hub.canary import write_canary
from deepfake_hf.hub.card import CARD, FIGURES, TERMS, write_card
from deepfake_hf.hub.onnx_files import add_graphs
from deepfake_hf.hub.remote_code import branch_kind, export_code, remove_code
from deepfake_hf.scoring.decision import BranchCalibration


@dataclass(frozen=True)
class BranchFolders:
    """A new bundle's parts.

    ``branches`` maps a branch name (``face``, ``speech``) to a folder made by ``save_pretrained`` with its processor;
    ``calibration`` is a ``calibration.safetensors`` that names them; ``landmarks`` a regressor's folder or None.
    """

    name: str
    branches: Mapping[str, Path]
    calibration: Path
    landmarks: Path | None = None


@dataclass(frozen=True)
class CardFacts:
    """What only a person knows: the licence (an identifier of the Hub), data sets by Hub id, further tags."""

    licence: str | None = None
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        given = {"licence": self.licence, "datasets": list(self.datasets), "tags": list(self.tags)}
        return {key: value for key, value in given.items() if value}


@dataclass(frozen=True)
class PackOptions:
    """``figures``: a file of measured figures by branch, or None for those of the source; ``code``: export it too."""

    figures: Path | None = None
    code: bool = False
    facts: CardFacts = field(default_factory=CardFacts)


def pack(source: Bundle | BranchFolders, out: Path, options: PackOptions | None = None) -> Bundle:
    """Write a bundle that can be shared. A bundle that is packed keeps its ``sha256``.

    Args:
        source: a bundle, or the parts of a new one.
        out: where to; a bundle that is there is replaced, once the new one is whole.
        options: None for the source's own figures and no code.

    Raises:
        UsageError: Something else is at ``out``, or it is the source.
        BundleError: A part is missing or does not fit, the licence is not known, or trained weights fail on the pair.
    """
    options = options or PackOptions()
    held = source.path.resolve() if isinstance(source, Bundle) else None
    if held is not None and (out.resolve() == held or held in out.resolve().parents):
        raise UsageError(f"{out} cannot be packed into", "it is the source", "name another folder")
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} cannot be packed into", "it is there and no bundle", "name a new or an empty folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".packing_") as workshop:
        made = Path(workshop) / "bundle"
        if isinstance(source, Bundle):
            _copy_bundle(source, made)
        else:
            _assemble(source, made)
        _finish(made, options)
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
    return open_bundle(out)


def _copy_bundle(source: Bundle, made: Path) -> None:
    made.mkdir()
    for name in (MANIFEST, CALIBRATION, CANARY, FIGURES, TERMS):
        if (source.path / name).is_file():
            shutil.copy(source.path / name, made / name)
    folders = [source.path / branch for branch in source.branches]
    for folder in [*folders, *filter(None, (source.landmarks, source.lip_sync))]:
        (made / folder.name).mkdir()
        for file in sorted(folder.iterdir()):
            if file.suffix in (".json", ".safetensors") or file.name == GRAPH:
                shutil.copy(file, made / folder.name / file.name)


def _assemble(parts: BranchFolders, made: Path) -> None:
    try:
        arrays = load_file(parts.calibration)
    except Exception as error:  # safetensors raises several kinds for a file that is none
        raise BundleError(
            f"{parts.calibration} cannot be read", f"{type(error).__name__}: {error}", f"give a {CALIBRATION}"
        ) from None
    branches, origins = {}, set()
    for branch, folder in parts.branches.items():
        own = {key.removeprefix(f"{branch}."): a for key, a in arrays.items() if key.startswith(f"{branch}.")}
        if not own:
            raise BundleError(
                f"branch {branch!r} has no calibrator",
                f"{parts.calibration} does not name it",
                "calibrate it with train.py bundle, or give the file that belongs to it",
            )
        branches[branch] = (branch_kind(folder), folder, BranchCalibration.from_arrays(own))
        origins.add(json.loads((folder / "config.json").read_text()).get("weights_origin", "random"))
    weights = "trained" if origins == {"trained"} else "random"
    add_graphs(write_bundle(made, parts.name, branches, parts.landmarks, weights, {}))


def _finish(made: Path, options: PackOptions) -> None:
    write_root_config(made)
    _note_figures(made, options)
    bundle = open_bundle(made)
    if not (made / CANARY).is_file():
        write_canary(bundle)
    for folder in (*(made / branch for branch in bundle.branches), *filter(None, (bundle.landmarks, bundle.lip_sync))):
        (export_code if options.code else remove_code)(folder)
    write_card(bundle)
    (made / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in file_sums(made).items()))


def _note_figures(made: Path, options: PackOptions) -> None:
    source = options.figures or made / FIGURES
    try:
        figures = json.loads(source.read_text()) if options.figures or source.is_file() else {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{source} cannot be used", f"{type(error).__name__}", "give a JSON file of figures") from None
    if not isinstance(figures, dict):
        raise UsageError(f"{source} cannot be used", "it is no JSON object", 'write {"face": {"auc": …}, …}')
    facts = {**figures.get("card", {}), **options.facts.to_dict()}
    if facts:
        figures["card"] = facts
    if figures:
        (made / FIGURES).write_text(json.dumps(figures, indent=2) + "\n")


def file_sums(folder: Path) -> dict[str, str]:
    """SHA-256 by name of every file, as ``sha256sum`` lists them; card, checksums and hidden files apart."""
    names = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    kept = [name for name in names if name not in (CARD, SUMS)]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in kept}
