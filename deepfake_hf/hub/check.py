"""Checking a bundle before it is shared or after it was fetched."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from huggingface_hub import ModelCard
from safetensors import SafetensorError, safe_open

from deepfake_hf.errors import BundleError, DeepfakeHFError, LabelError
from deepfake_hf.hub.bundle import GRAPH, SUMS, Bundle, find_folder, open_bundle
from deepfake_hf.hub.canary import score_canary
from deepfake_hf.hub.card import CARD
from deepfake_hf.hub.graphs import graph_beside
from deepfake_hf.hub.onnx_export import TOLERANCE, largest_difference
from deepfake_hf.hub.onnx_files import load_branch
from deepfake_hf.hub.pack import file_sums
from deepfake_hf.hub.remote_code import code_files
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch, quiet_loading
from deepfake_hf.inference.landmarks import LandmarkFinder
from deepfake_hf.labels import check_polarity
from deepfake_hf.models.modeling_syncnet import SyncNetModel

# How a pickle (protocol 2 or newer) and a zip, as torch.save writes it, begin.
_CODE_STARTS: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")


@dataclass(frozen=True)
class Finding:
    """One check's answer: its name, whether it holds, and what was found."""

    name: str
    holds: bool
    detail: str


def check_bundle(source: str | Path) -> list[Finding]:
    """Open, verify and load a bundle, and score its canary pair.

    Args:
        source: a folder that ``deepfake-hf hub pack`` has made, or a Hub id.

    Returns:
        One finding a check. Where the bundle cannot even be opened, that one only.
    """
    try:
        bundle = open_bundle(find_folder(source))
    except DeepfakeHFError as error:
        return [Finding("opens", False, str(error))]
    checks: list[tuple[str, Callable[[Bundle], str]]] = [
        ("checksums", _sums),
        ("safetensors only", _safetensors_only),
        ("polarity", _polarity),
        ("strict loading", _loading),
        ("graphs", _graphs),
        ("canary pair", _canary),
        ("card", _card),
        ("exported code", _code),
    ]
    findings = [Finding("opens", True, bundle.label)]
    for name, check in checks:
        try:
            findings.append(Finding(name, True, check(bundle)))
        except (DeepfakeHFError, SafetensorError, OSError, ValueError) as error:
            findings.append(Finding(name, False, str(error)))
    return findings


def _sums(bundle: Bundle) -> str:
    path = bundle.path / SUMS
    if not path.is_file():
        raise BundleError(f"{bundle.path} has no checksums", f"there is no {SUMS}", "pack it with deepfake-hf hub pack")
    stored = {line[66:]: line[:64] for line in path.read_text().splitlines()}
    found = file_sums(bundle.path)
    for words, names in (
        ("changed", [name for name in stored if name in found and found[name] != stored[name]]),
        ("missing", sorted(stored.keys() - found.keys())),
        ("not listed", sorted(found.keys() - stored.keys())),
    ):
        if names:
            raise BundleError(f"{', '.join(names)}", f"{words}, says {SUMS}", "fetch or pack the bundle again")
    return f"{len(stored)} files as {SUMS} lists them"


def _safetensors_only(bundle: Bundle) -> str:
    count = 0
    for file in sorted(path for path in bundle.path.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            start = stream.read(4)
        if start.startswith(_CODE_STARTS) and file.suffix != ".safetensors":
            raise BundleError(f"{file}", "it begins as a pickle or a zip does", "remove it")
        if file.suffix == ".safetensors":
            with safe_open(file, "np") as tensors:
                count += len(list(tensors.keys()))
    return f"{count} tensors, no pickle"


def _polarity(bundle: Bundle) -> str:
    for branch in bundle.branches:
        labels = json.loads((bundle.path / branch / "config.json").read_text()).get("id2label")
        if not labels:
            raise LabelError(f"branch {branch!r} has no labels", "config.json lacks id2label", "save the model again")
        check_polarity(labels)
    return "0 is real and 1 is fake in every branch"


def _loading(bundle: Bundle) -> str:
    device = torch.device("cpu")
    for branch, kind in bundle.branches.items():
        (FrameBranch if kind == "frame" else SpeechBranch)(bundle.path / branch, device)
    if bundle.landmarks:
        LandmarkFinder(bundle.landmarks, device)
    if bundle.lip_sync:
        with quiet_loading():
            SyncNetModel.from_pretrained(bundle.lip_sync)
    return "every tensor is there, of its shape, and none is left over"


def _graphs(bundle: Bundle) -> str:
    said = []
    for branch in bundle.branches:
        graph = graph_beside(bundle.path / branch)
        if graph is None:
            continue
        found = largest_difference(load_branch(bundle.path / branch), graph)
        if graph.facts["numbers"] == "float32" and not found <= TOLERANCE:
            raise BundleError(
                f"{bundle.path / branch / GRAPH} does not answer as the model does",
                f"logits on noise differ by {found:.1e}",
                "export it again with deepfake-hf export onnx, or remove it",
            )
        said.append(f"{branch} in {graph.facts['numbers']}, logits on noise differ from torch by {found:.1e}")
    return "; ".join(said) or "none"


def _canary(bundle: Bundle) -> str:
    answers = score_canary(bundle)
    text = "; ".join(f"{answer.branch}: {answer}" for answer in answers)
    if not all(answer.agrees for answer in answers):
        raise BundleError(f"{bundle.path} does not answer as it did when it was packed", text, "do not use it")
    return text


def _card(bundle: Bundle) -> str:
    path = bundle.path / CARD
    if not path.is_file():
        raise BundleError(f"{bundle.path} has no card", f"there is no {CARD}", "pack it with deepfake-hf hub pack")
    data = ModelCard(path.read_text()).data.to_dict()
    if not data.get("license"):
        raise BundleError(f"{path} names no licence", "its front matter lacks it", "pack the bundle with --licence")
    measured = [
        row for model in data.get("model-index", []) for result in model["results"] for row in result["metrics"]
    ]
    return f"licence {data['license']}, {len(measured)} figures in the model-index"


def _code(bundle: Bundle) -> str:
    """Code in a bundle is this library's own, unchanged: nobody should have to read it to trust it."""
    count = 0
    for file in sorted(bundle.path.rglob("*.py")):
        own = code_files(file.parent).get(file.name)
        if own is None or own.read_bytes() != file.read_bytes():
            raise BundleError(
                f"{file} is not this version's code",
                "it was changed, added, or exported by another version",
                "read it before you trust it, or pack the bundle again",
            )
        count += 1
    return f"{count} files, equal to this library's" if count else "none"
