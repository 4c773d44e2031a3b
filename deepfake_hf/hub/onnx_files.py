"""Where ONNX graphs lie: beside the weights they were made from, or once in the user's cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from deepfake_hf._version import __version__
from deepfake_hf.errors import UsageError
from deepfake_hf.hub.bundle import FACES, GRAPH, MANIFEST, SUMS, Bundle, find_folder, open_bundle
from deepfake_hf.hub.graph_weights import WEIGHTS
from deepfake_hf.hub.graphs import graph_beside, open_graph, source_hash
from deepfake_hf.hub.onnx_export import TORCH_ONLY, export_onnx
from deepfake_hf.hub.onnx_int8 import quantise_graph
from deepfake_hf.hub.remote_code import branch_kind
from deepfake_hf.inference.branch import quiet_loading
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.models.build import CLASSES, build_model
from deepfake_hf.models.presets import PRESETS


@dataclass(frozen=True)
class Exported:
    """A graph that was written: the ``branch`` (or preset) it is of, its ``path``, and the largest difference between
    one of its logits and the model's on random inputs. ``int8_difference`` where it was quantised after that: the mean
    change of ``logit_fake`` on the crops."""

    branch: str
    path: Path
    difference: float
    int8_difference: float | None = None


def load_branch(folder: Path) -> PreTrainedModel:
    """The model of a branch folder, on the CPU, in float32.

    Raises:
        BundleError: It is of no model of this library.
    """
    model_class = CLASSES[branch_kind(folder)][1]  # type: ignore[index]
    with quiet_loading():
        model: PreTrainedModel = model_class.from_pretrained(folder, dtype=torch.float32)
    return model.eval()


def graph_of(folder: Path) -> OnnxModel:
    """The graph of a branch folder, ready to run.

    Taken is ``model.onnx`` in the folder. Where there is none, the graph is exported once, into
    ``$XDG_CACHE_HOME/deepfake_hf/onnx`` (``~/.cache`` by default), under the hash of the weights.

    Raises:
        BundleError: ``model.onnx`` was made from other weights, does not fit them, or can't be loaded.
        MissingDependencyError: An export is needed, and onnxscript is not installed.
    """
    beside = graph_beside(folder)
    if beside is not None:
        return beside
    source = source_hash(folder)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepfake_hf" / "onnx"
    path = cache / f"{source[:32]}-{__version__}.onnx"
    if not path.is_file():
        export_onnx(load_branch(folder), path, source)
    return open_graph(path, source)


def write_graph(folder: Path) -> float:
    """Write ``model.onnx`` into a branch folder, over the weights that lie there. Returns and raises as
    :func:`~deepfake_hf.hub.onnx_export.export_onnx`."""
    weights = folder / WEIGHTS  # weights in several files go into the graph
    shared = weights if weights.is_file() else None
    return export_onnx(load_branch(folder), folder / GRAPH, source_hash(folder), shared)


def add_graphs(bundle: Bundle) -> Bundle:
    """Give a bundle the graph that :class:`~deepfake_hf.detector.Detector` runs on a CPU without torch: its face
    branch's, in the bundle's folder. Raises as :func:`write_graph`."""
    for branch, kind in bundle.branches.items():
        if kind == FACES:
            write_graph(bundle.path / branch)
    return open_bundle(bundle.path)


def exportable(branches: dict[str, str]) -> list[str]:
    """Those of a bundle's branches whose kind has an ONNX export; torch runs the others."""
    return [branch for branch, kind in branches.items() if kind not in TORCH_ONLY]


def export_source(
    source: str | None, out: Path, int8_crops: Sequence[NDArray[np.uint8]] | None = None
) -> list[Exported]:
    """Export a preset, a branch folder or a whole bundle.

    Args:
        source: A preset's name (its weights are then ``random``), a branch folder, or a bundle's folder or Hub id; None
            for the weights in the box.
        out: Of a preset and a branch: gets ``model.onnx`` and ``config.json``. Of a bundle: becomes a copy of it with
            ``model.onnx`` in every branch that has an export, for ``Detector.from_pretrained(out, runtime="onnx")``;
            may be the bundle.
        int8_crops: Only for a bundle: put its face branch into int8, with the ranges of these crops, as
            :func:`~deepfake_hf.hub.onnx_int8.quantise_graph`. None leaves it in float32.

    Raises:
        BundleError: The source is none of these, or the graph's answers are not the model's.
        UsageError: ``out`` holds something else, or int8 is asked of something else than a bundle with a face branch.
        MissingDependencyError: onnxscript is not installed.
    """
    folder = None if source in PRESETS else find_folder(source)
    is_bundle = folder is not None and (folder / MANIFEST).is_file()
    if int8_crops is not None and not (is_bundle and folder is not None and (folder / "face").is_dir()):
        raise UsageError("int8", "it is for the face branch of a bundle, where it was measured", "export in float32")
    if folder is None:
        torch.manual_seed(0)
        model = build_model(str(source))
        model.config.save_pretrained(out)
        return [Exported(str(source), out / GRAPH, export_onnx(model, out / GRAPH, f"preset {source}"))]
    if not is_bundle:
        model = load_branch(folder)
        model.config.save_pretrained(out)
        return [Exported(folder.name, out / GRAPH, export_onnx(model, out / GRAPH, source_hash(folder)))]
    bundle = open_bundle(folder)
    if out.resolve() != folder.resolve():
        if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out}", "it holds something else than a bundle", "name a new folder")
        # checksums are of a packed bundle's files, and this one has more
        shutil.copytree(folder, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns(SUMS, "__pycache__"))
    made = []
    for branch in exportable(bundle.branches):
        path, int8 = out / branch / GRAPH, None
        if int8_crops is not None and branch == "face":
            difference = export_onnx(load_branch(out / branch), path, source_hash(out / branch))
            int8 = quantise_graph(path, int8_crops)
        else:
            difference = write_graph(out / branch)
        made.append(Exported(branch, path, difference, int8))
    return made
