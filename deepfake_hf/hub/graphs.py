"""The graph beside a branch's weights: whether it is there, and whether it is theirs. No torch here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import GRAPH, without_auto_map
from deepfake_hf.hub.graph_weights import check_weights
from deepfake_hf.inference.onnx_model import OnnxModel


def source_hash(folder: Path) -> str:
    """SHA-256 over the configuration, calibrator included, and the weights of a branch folder."""
    digest = hashlib.sha256()
    for file in (folder / "config.json", *sorted(folder.glob("*.safetensors"))):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(without_auto_map(file)).digest())
    return digest.hexdigest()


def open_graph(path: Path, source: str) -> OnnxModel:
    """A graph, ready to run.

    Args:
        path: of the file; weights that it refers to lie beside it.
        source: the :func:`source_hash` that it has to be made from.

    Raises:
        BundleError: It can't be loaded, was made from other weights, or does not fit those beside it.
    """
    check_weights(path)
    graph = OnnxModel(path)
    if graph.facts["source"] != source:
        raise BundleError(
            f"{path} does not belong to the weights beside it",
            "it was exported from others, or config.json has changed since",
            "export it again with deepfake-hf export onnx, or remove it",
        )
    return graph


def graph_beside(folder: Path) -> OnnxModel | None:
    """``model.onnx`` of a branch folder; None where there is none. Raises as :func:`open_graph`."""
    path = folder / GRAPH
    return open_graph(path, source_hash(folder)) if path.is_file() else None
