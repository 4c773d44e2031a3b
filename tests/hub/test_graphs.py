"""Graphs that share the weights beside them: the same answers, and no answer where they do not fit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file, save_file

from deepfake_hf.detector import Detector
from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import GRAPH, Bundle, bundle_hash, open_bundle
from deepfake_hf.hub.check import _graphs
from deepfake_hf.hub.graphs import graph_beside
from deepfake_hf.hub.onnx_files import add_graphs
from deepfake_hf.hub.pack import CardFacts, PackOptions, pack
from deepfake_hf.inference.branch import FrameBranch
from deepfake_hf.inference.face_graph import FaceGraph
from tests.tiny_bundle import write_tiny_bundle

WEIGHTS = "model.safetensors"
TENSOR = "model.backbone.conv_stem.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return add_graphs(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


@pytest.fixture
def face(made: Bundle, tmp_path: Path) -> Path:
    """A face folder of its own, to be damaged."""
    return Path(shutil.copytree(made.path / "face", tmp_path / "face"))


def crops() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (64, 50, 90, 64, 64)]


def score(folder: Path) -> np.ndarray:
    graph = graph_beside(folder)
    assert graph is not None
    return FaceGraph(folder, graph).score(crops())


def test_weights_lie_once_and_answers_are_torchs(made: Bundle) -> None:
    folder = made.path / "face"
    graph = onnx.load(folder / GRAPH, load_external_data=False).graph
    inside = [one for one in graph.initializer if one.data_location != onnx.TensorProto.EXTERNAL]
    assert len(graph.initializer) - len(inside) > 30
    assert sum(len(one.SerializeToString()) for one in inside) < 4096
    assert not any(node.metadata_props for node in graph.node)
    ours, theirs = score(folder), FrameBranch(folder, torch.device("cpu")).score(crops())
    assert np.ptp(theirs) > 0.001
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(ours, score(folder))
    assert _graphs(made).startswith("face in float32")


def test_the_hash_covers_the_graph_and_a_branchs_own_does_not(made: Bundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made.path, tmp_path / "copy"))
    assert bundle_hash(copy) == made.sha256
    (copy / "face" / GRAPH).write_bytes((copy / "face" / GRAPH).read_bytes() + b"\0")
    assert bundle_hash(copy) != made.sha256
    (copy / "face" / GRAPH).unlink()
    assert bundle_hash(copy) != made.sha256 and bundle_hash(copy, "face") == made.branch_sha256("face")
    assert graph_beside(copy / "face") is None


@pytest.mark.parametrize("code", [False, True])
def test_packing_keeps_the_graph(made: Bundle, tmp_path: Path, code: bool) -> None:
    packed = pack(open_bundle(made.path), tmp_path / "packed", PackOptions(code=code, facts=CardFacts(licence="mit")))
    assert packed.sha256 == made.sha256  # the code in the folder changes config.json, and the graph stays its own
    np.testing.assert_array_equal(score(packed.path / "face"), score(made.path / "face"))


def test_links_as_the_hub_keeps_files(face: Path, tmp_path: Path) -> None:
    wanted, linked = score(face), tmp_path / "snapshot"
    linked.mkdir()
    for place, file in enumerate(sorted(face.iterdir())):
        blob = tmp_path / "blobs" / f"{place:040x}"
        blob.parent.mkdir(exist_ok=True)
        file.replace(blob)
        (linked / file.name).symlink_to(os.path.relpath(blob, linked))
    np.testing.assert_array_equal(score(linked), wanted)


def test_the_runtime_by_itself(made: Bundle, face: Path, tmp_path: Path) -> None:
    detector = Detector.from_pretrained(made.path, device="cpu")
    assert detector.runtime == "onnx (face float32)" and isinstance(detector.face_branch, FaceGraph)
    assert detector.speech_branch is not None and str(detector.device) == "cpu"
    assert Detector.from_pretrained(made.path, device="meta").runtime == "torch"  # as on a GPU
    assert Detector.from_pretrained(made.path, device="cpu", runtime="torch").runtime == "torch"
    assert Detector.from_pretrained(write_tiny_bundle(tmp_path / "bare").path, device="cpu").runtime == "torch"
    copy = Path(shutil.copytree(made.path, tmp_path / "copy"))
    rough = onnx.load(copy / "face" / GRAPH, load_external_data=False)
    next(one for one in rough.metadata_props if one.key == "numbers").value = "int8"
    (copy / "face" / GRAPH).write_bytes(rough.SerializeToString())
    assert Detector.from_pretrained(copy, device="cpu").runtime == "torch"  # it answers otherwise: by request only
    shutil.rmtree(copy / "face")
    shutil.copytree(face, copy / "face")
    (copy / "face" / GRAPH).write_bytes(b"")
    with pytest.raises(BundleError, match="cannot be"):
        Detector.from_pretrained(copy, device="cpu")


def test_what_is_loaded_later_can_be_loaded_and_refused_now(made: Bundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made.path, tmp_path / "copy"))
    (copy / "speech" / WEIGHTS).write_bytes(b"none")
    detector = Detector.from_pretrained(copy, device="cpu")
    with pytest.raises(BundleError, match="cannot be loaded"):
        detector.load()
    with pytest.raises(BundleError, match="cannot be loaded"):
        Detector.from_pretrained(copy, device="cpu", runtime="torch")


def _cut_graph(folder: Path) -> None:
    content = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(content[: len(content) // 2])


def _edit(change: Callable[[onnx.TensorProto], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        model = onnx.load(folder / GRAPH, load_external_data=False)
        change(next(one for one in model.graph.initializer if one.name == TENSOR))
        (folder / GRAPH).write_bytes(model.SerializeToString())

    return edit


def _place(key: str, value: str) -> Callable[[Path], None]:
    def change(tensor: onnx.TensorProto) -> None:
        next(entry for entry in tensor.external_data if entry.key == key).value = value

    return _edit(change)


def _turned(tensor: onnx.TensorProto) -> None:
    tensor.dims[:] = list(tensor.dims)[::-1]


def _weights(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})

    return edit


def _shift(tensors: dict[str, np.ndarray]) -> None:
    tensors["head.bias"] = tensors["head.bias"] + 1


def _flatten(tensors: dict[str, np.ndarray]) -> None:
    tensors[TENSOR.removeprefix("model.")] = tensors[TENSOR.removeprefix("model.")].reshape(-1)


def _cut_weights(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - 8)


def _other_calibrator(folder: Path) -> None:
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"mirror_average": true', '"mirror_average": false'))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_cut_graph, "is no ONNX graph"),
        (_place("offset", "16"), "is looked for at byte 16 and lies at"),
        (_place("location", "../model.safetensors"), "not in model.safetensors"),
        (_edit(_turned), "in the graph, and"),
        (_edit(lambda tensor: setattr(tensor, "name", "model.other")), "has no other"),
        (_weights(_shift), "exported from others"),
        (_weights(_flatten), "beside it"),
        (_weights(lambda tensors: tensors.pop("head.bias")), "is looked for at byte"),
        (_cut_weights, "ends before"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"none"), "no safetensors file"),
        (_other_calibrator, "config.json has changed since"),
    ],
)
def test_what_does_not_fit_is_said(face: Path, damage: Callable[[Path], None], why: str) -> None:
    damage(face)
    with pytest.raises(BundleError, match=why) as error:
        score(face)
    assert "again" in error.value.mend
