"""Every preset as an ONNX graph: the same answers at other batches, lengths and paddings; files and their cache."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deepfake_hf.errors import BundleError, MissingDependencyError, UsageError
from deepfake_hf.hub.onnx_export import TOLERANCE, TORCH_ONLY, export_onnx
from deepfake_hf.hub.onnx_files import GRAPH, export_source, graph_of
from deepfake_hf.hub.onnx_int8 import quantise_graph
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.models import PRESETS, SyncNetConfig, SyncNetModel
from tests.models.tiny import DETECTORS, tiny_inputs, tiny_model
from tests.tiny_bundle import write_tiny_bundle

CALIBRATION = {"scale": 0.5, "bias": 1.0}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache of the test's own, and one thread: on a busy machine several mostly wait for each other."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    return tmp_path / "cache" / "deepfake_hf" / "onnx"


def test_statistics_of_speech_are_not_exported(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has no ONNX export"):
        export_onnx(tiny_model("lite_speech"), tmp_path / GRAPH, "tiny")


@pytest.mark.parametrize("name", [name for name in DETECTORS if PRESETS[name].kind not in TORCH_ONLY])
def test_a_preset_answers_as_in_torch(name: str, tmp_path: Path) -> None:
    options: dict[str, object] = {"calibration": CALIBRATION}
    if name.endswith("_ast"):
        options["window_frames"] = 16  # so that clips of 20 frames and more are cut
    if PRESETS[name].config.get("temporal") == "transformer":
        options["temporal_layers"] = 2  # as good as four here, and sooner exported
    model = tiny_model(name, **options)
    assert export_onnx(model, tmp_path / GRAPH, "tiny") <= TOLERANCE
    graph = OnnxModel(tmp_path / GRAPH)
    assert graph.facts["kind"] == PRESETS[name].kind and graph.facts["weights"] == "random"
    for batch, length, cut in ((1, 4, 0), (4, 4, 0), (2, 7, 3), (3, 9, 1)):
        ((key, values),) = tiny_inputs(name, batch, seed=length, length=length).items()
        inputs = {key: values}
        if PRESETS[name].kind != "frame":
            mask = torch.ones(values.shape[:2], dtype=torch.int64)
            if cut:
                mask[1:, cut:] = 0
                values[1:, cut:] = 1e4  # what stands in padding is never read
            inputs["attention_mask"] = mask
        with torch.inference_mode():
            expected = model(**inputs).logits
        assert float(expected.std()) > 1e-3  # the input matters
        torch.testing.assert_close(graph(**inputs).logits, expected, atol=TOLERANCE, rtol=0)
        if not cut:  # a mask of ones may be left out
            torch.testing.assert_close(graph(values).logits, expected, atol=TOLERANCE, rtol=0)


def test_every_preset_is_tested_here() -> None:
    assert {name for name, preset in PRESETS.items() if preset.kind != "sync"} == set(DETECTORS)


@pytest.mark.parametrize("name", ["lite_audio", "mel_cnn_ast", "landmark_gru"])
def test_shorter_than_anything_it_was_traced_with(name: str, tmp_path: Path) -> None:
    model = tiny_model(name)
    export_onnx(model, tmp_path / GRAPH, "tiny")
    ((key, values),) = tiny_inputs(name, 2).items()
    for length in (1, 2, 3):
        with torch.inference_mode():
            expected = model(**{key: values[:, :length]}).logits
        torch.testing.assert_close(OnnxModel(tmp_path / GRAPH)(values[:, :length]).logits, expected, atol=1e-4, rtol=0)


def test_a_lip_sync_model_gives_embeddings(tmp_path: Path) -> None:
    torch.manual_seed(0)
    widths = {"visual_widths": [4, 4, 4, 4, 4, 8], "sound_widths": [4, 4, 4, 4, 4, 8]}
    model = SyncNetModel(SyncNetConfig(**widths, hidden_size=8, embedding_size=4)).eval()
    assert export_onnx(model, tmp_path / GRAPH, "tiny") <= TOLERANCE
    mouths, sounds = torch.randn(3, 3, 5, 224, 224), torch.randn(3, 1, 13, 20)
    made = OnnxModel(tmp_path / GRAPH)(mouths, sounds)
    with torch.inference_mode():
        expected = model(mouths, sounds)
    assert made.visual_embeds.shape == (3, 4) and made.distances.shape == (3,)
    for key in ("visual_embeds", "sound_embeds", "distances"):
        torch.testing.assert_close(getattr(made, key), expected[key], atol=TOLERANCE, rtol=0)


def test_padding_before_a_real_frame_is_refused(tmp_path: Path) -> None:
    export_onnx(tiny_model("landmark_gru"), tmp_path / GRAPH, "tiny")
    with pytest.raises(ValueError, match="pad behind"):
        OnnxModel(tmp_path / GRAPH)(torch.randn(1, 3, 9), attention_mask=torch.tensor([[0, 1, 1]]))


def test_a_graph_whose_answers_differ_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfake_hf.hub.onnx_export.largest_difference", lambda model, exported: 2e-4)
    with pytest.raises(BundleError, match="differ from the model's by 2"):
        export_onnx(tiny_model("landmark_gru"), tmp_path / GRAPH, "tiny")
    assert list(tmp_path.glob("*.onnx")) == [] == list(tmp_path.glob(".*.onnx"))


def test_a_graph_is_exported_once_and_again_for_other_weights(tmp_path: Path, cache: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").path / "speech"
    graph_of(folder)
    (first,) = cache.iterdir()
    written = first.stat().st_mtime_ns
    graph_of(folder)
    assert [file.stat().st_mtime_ns for file in cache.iterdir()] == [written]
    assert not (folder / GRAPH).exists()  # what was given is left alone
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.bias"] = tensors["classifier.bias"] + 1
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    graph_of(folder)
    assert len(list(cache.iterdir())) == 2


def test_a_graph_of_other_weights_is_refused(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny").path
    made = export_source(str(bundle), bundle)
    assert [one.branch for one in made] == ["face", "speech"] and all(one.difference <= TOLERANCE for one in made)
    graph_of(bundle / "face")
    (bundle / "speech" / GRAPH).replace(bundle / "face" / GRAPH)
    with pytest.raises(BundleError, match="does not belong to the weights beside it"):
        graph_of(bundle / "face")
    (bundle / "face" / GRAPH).write_bytes(b"no graph")
    with pytest.raises(BundleError, match="cannot be loaded"):
        graph_of(bundle / "face")


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny").path
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="something else than a bundle"):
        export_source(str(bundle), tmp_path / "mine")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_without_onnxscript_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingDependencyError, match="onnxscript is not installed"):
        export_onnx(tiny_model("landmark_gru"), tmp_path / GRAPH, "tiny")


def test_int8_of_a_face_branch(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny").path
    crops = list(np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), dtype=np.uint8))
    face, speech = export_source(str(bundle), tmp_path / "out", crops)
    assert face.int8_difference is not None and 0 < face.int8_difference < 0.2 and speech.int8_difference is None
    graph = graph_of(tmp_path / "out" / "face")
    assert graph.facts["numbers"] == "int8" and graph_of(tmp_path / "out" / "speech").facts["numbers"] == "float32"
    assert graph(torch.randn(3, 3, 64, 64)).logits.shape == (3, 2)
    with pytest.raises(UsageError, match="63 crops for int8"):
        quantise_graph(export_source(str(bundle), tmp_path / "out")[0].path, crops[1:])
    with pytest.raises(UsageError, match="face branch of a bundle"):
        export_source("landmark_gru", tmp_path / "preset", crops)
    with pytest.raises(BundleError, match="face crops only"):
        quantise_graph(tmp_path / "out" / "speech" / GRAPH, crops)
