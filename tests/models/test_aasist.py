"""AASIST: its size, its parts against plain definitions, clips of any length, published names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForAudioClassification, pipeline

from deepfake_hf.models import PRESETS, AasistConfig, AasistForAudioClassification, build_model
from deepfake_hf.models.convert_aasist import convert_aasist, our_name
from deepfake_hf.models.layers_graph import GraphAttention, GraphPool, HeterogeneousGraphAttention
from deepfake_hf.models.layers_sinc import mel_sinc_filters
from deepfake_hf.models.modeling_aasist import fit_clips
from deepfake_hf.processing import WaveformFeatureExtractor
from tests.models.tiny import tiny_model

PARAMETERS = {"aasist": 297_866, "aasist_l": 85_306}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_the_published_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name)
    assert model.num_parameters() == PARAMETERS[name]
    preset = PRESETS[name]
    extractor = WaveformFeatureExtractor(**preset.processor)
    assert (extractor.sampling_rate, extractor.num_samples) == (model.config.sampling_rate, model.config.num_samples)
    assert preset.pretrained is None and "2110.01200" in preset.citation and preset.licence


def test_the_published_shapes() -> None:
    model = build_model("aasist").eval()
    with torch.inference_mode():
        made = model(torch.randn(1, 64_600) * 0.1, output_hidden_states=True, output_attentions=True)
    assert [tuple(state.shape[1:]) for state in made.hidden_states] == [
        (1, 23, 21_490), (32, 23, 7_163), (32, 23, 2_387), (64, 23, 795), (64, 23, 265), (64, 23, 88), (64, 23, 29),
    ]  # fmt: skip
    # 23 bands and 29 moments; 11 and 20 of them after pooling; halves of those after the branches' own
    assert [tuple(weights.shape[1:]) for weights in made.attentions] == [
        (23, 23), (29, 29), (31, 31), (15, 15), (31, 31), (15, 15),
    ]  # fmt: skip
    for weights in made.attentions:
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))
    assert made.logits.shape == (1, 2) and bool(made.logits.isfinite().all())


def test_the_filters_against_their_definition_and_their_bands() -> None:
    filters = mel_sinc_filters(70, 129, 16_000)[:, 0].double().numpy()
    mel = np.linspace(0, 2595 * np.log10(1 + 8_000 / 700), 71)
    edges = 700 * (10 ** (mel / 2595) - 1)
    for band in (0, 20, 69):
        for tap in (0, 33, 64, 128):
            n = tap - 64
            ideal = [
                2 * f / 16_000 if n == 0 else np.sin(2 * np.pi * f * n / 16_000) / (np.pi * n)
                for f in edges[band : band + 2]
            ]
            window = 0.54 - 0.46 * np.cos(2 * np.pi * tap / 128)
            assert filters[band, tap] == pytest.approx((ideal[1] - ideal[0]) * window, abs=1e-7)
    assert np.allclose(filters, filters[:, ::-1], atol=1e-7)  # no phase but a delay
    strength = np.abs(np.fft.rfft(filters, 4_096, axis=1))
    hertz = np.fft.rfftfreq(4_096, 1 / 16_000)
    for band in range(40, 70):  # wide enough for 129 taps to tell apart
        assert edges[band] - 70 <= hertz[strength[band].argmax()] <= edges[band + 1] + 70
    assert np.allclose(np.abs(np.fft.rfft(filters.sum(0), 4_096))[50:-50], 1, atol=0.02)  # together they pass all


def _double_loop(x: torch.Tensor, layer: nn.Module, way: object) -> torch.Tensor:
    """Graph attention weights pair by pair: (N, D) -> (N, N)."""
    scores = torch.empty(len(x), len(x))
    for i in range(len(x)):
        for j in range(len(x)):
            features = torch.tanh(layer.pair.weight @ (x[i] * x[j]) + layer.pair.bias)
            scores[i, j] = features @ way(i, j)[:, 0] / layer.temperature
    return scores.exp() / scores.exp().sum(1, keepdim=True)


def test_graph_attention_pair_by_pair() -> None:
    torch.manual_seed(0)
    layer = GraphAttention(6, 4, 2.0, 0.2).eval()
    x = torch.randn(2, 5, 6)
    with torch.inference_mode():
        made, weights = layer(x)
        for row in range(2):
            expected = _double_loop(x[row], layer, lambda i, j: layer.direction)
            torch.testing.assert_close(weights[row], expected)
            summed = layer.attended(expected @ x[row]) + layer.own(x[row])
            torch.testing.assert_close(made[row], torch.selu(layer.norm(summed)))


def test_heterogeneous_attention_pair_by_pair() -> None:
    torch.manual_seed(0)
    layer = HeterogeneousGraphAttention(6, 4, 3.0, 0.2).eval()
    first, second, stack = torch.randn(1, 3, 6), torch.randn(1, 2, 6), torch.randn(1, 1, 6)

    def way(i: int, j: int) -> torch.Tensor:
        if (i < 3) != (j < 3):
            return layer.direction_mixed
        return layer.direction_first if i < 3 else layer.direction_second

    with torch.inference_mode():
        made_first, made_second, made_stack, weights = layer(first, second, stack)
        nodes = torch.cat([layer.first(first[0]), layer.second(second[0])])
        expected = _double_loop(nodes, layer, way)
        torch.testing.assert_close(weights[0], expected)
        summed = torch.selu(layer.norm(layer.attended(expected @ nodes) + layer.own(nodes)))
        torch.testing.assert_close(torch.cat([made_first[0], made_second[0]]), summed)
        share = torch.softmax(torch.tanh(layer.stack_pair(nodes * stack[0])) @ layer.direction_stack / 3.0, 0)
        expected_stack = layer.stack_attended((share * nodes).sum(0)) + layer.stack_own(stack[0, 0])
        torch.testing.assert_close(made_stack[0, 0], expected_stack)


def test_pooling_keeps_the_best_nodes_whatever_their_order() -> None:
    torch.manual_seed(0)
    pool = GraphPool(3, 0.5, 0.3).eval()
    x, order = torch.randn(1, 7, 3), torch.randperm(7)
    with torch.inference_mode():
        made = pool(x)
        scores = torch.sigmoid(pool.project(x[0]))[:, 0]
        best = scores.argsort(descending=True)[:3]
        torch.testing.assert_close(made[0], x[0, best] * scores[best, None])
        torch.testing.assert_close(pool(x[:, order]), made)
        assert pool(x[:, :1]).shape == (1, 1, 3)  # never none


def test_short_clips_are_repeated_and_long_ones_cut() -> None:
    clips = torch.arange(10.0).repeat(2, 1)
    mask = torch.ones(2, 10, dtype=torch.int64)
    mask[1, 3:] = 0
    assert fit_clips(clips, mask, 7).tolist() == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 0, 1, 2, 0]]
    assert fit_clips(clips, None, 12)[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert fit_clips(clips, None, 10) is clips
    for wrong in (mask.flip(1), torch.zeros_like(mask)):
        with pytest.raises(ValueError, match="pad behind"):
            fit_clips(clips, wrong, 7)
    with pytest.raises(ValueError, match="attention_mask is"):
        fit_clips(clips, mask[:1], 7)


@pytest.mark.parametrize("length", [1, 150, 399, 401, 900])
def test_the_model_takes_any_length_as_its_processor_would_make_it(length: int) -> None:
    model = tiny_model("aasist")
    clip = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    other = np.random.default_rng(1).normal(0, 0.1, 950).astype(np.float32)
    fitted = WaveformFeatureExtractor(num_samples=400)([clip, other], sampling_rate=16_000, return_tensors="pt")
    padded = WaveformFeatureExtractor(num_samples=0)([clip, other], sampling_rate=16_000, return_tensors="pt")
    assert fitted["input_values"].shape == (2, 400) and padded["attention_mask"].sum(1).tolist() == [length, 950]
    with torch.inference_mode():
        expected = model(**fitted).logits
        torch.testing.assert_close(model(**padded).logits, expected, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(model(torch.from_numpy(clip)[None]).logits, expected[:1], atol=1e-5, rtol=1e-5)


def test_wrong_inputs_and_configurations_are_refused() -> None:
    model = tiny_model("aasist")
    with pytest.raises(ValueError, match="needs waveforms"):
        model(torch.randn(1, 1, 400))
    for options, message in (
        ({"graph_widths": [8]}, "two graph_widths"),
        ({"pool_ratios": [0.5, 0.0, 0.5]}, "shares"),
        ({"temperatures": [1.0, 0.0, 1.0]}, "shares"),
        ({"filter_taps": 128}, "odd"),
        ({"num_samples": 900}, "blocks leave no moment"),
    ):
        with pytest.raises(ValueError, match=message):
            AasistConfig(**options)
    with pytest.raises(ValueError, match="checkpointing"):
        model.activation_checkpointing_enable()


@pytest.mark.parametrize(
    "clip", [np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.full(9, np.nan), np.ones(9, np.int16)]
)
def test_clips_that_are_no_waveforms_are_refused(clip: np.ndarray) -> None:
    with pytest.raises(ValueError, match="A clip must be"):
        WaveformFeatureExtractor()([clip], sampling_rate=16_000)


def test_the_waveform_processor_checks_rate_and_options_and_survives_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Resample"):
        WaveformFeatureExtractor()(np.zeros(9, np.float32), sampling_rate=8_000)
    with pytest.raises(ValueError, match="mono"):
        WaveformFeatureExtractor(feature_size=2)
    WaveformFeatureExtractor(num_samples=500).save_pretrained(tmp_path)
    loaded = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert type(loaded) is WaveformFeatureExtractor and loaded.num_samples == 500
    made = loaded(np.arange(3.0), return_tensors="pt")
    assert made["input_values"].dtype == torch.float32 and made["attention_mask"].dtype == torch.int64
    assert made["input_values"].shape == (1, 500) and made["input_values"][0, :5].tolist() == [0, 1, 2, 0, 1]


def test_a_saved_folder_works_through_auto_classes_pipeline_and_remote_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, extractor = tiny_model("aasist"), WaveformFeatureExtractor(num_samples=400)
    classes = {type(model): "AutoModelForAudioClassification", type(model.config): None, type(extractor): None}
    for cls, auto in classes.items():
        monkeypatch.setattr(cls, "_auto_class", cls._auto_class)  # put back afterwards
        cls.register_for_auto_class(*[auto] if auto else [])
    model.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    assert set(AutoConfig.from_pretrained(tmp_path).auto_map) == {"AutoConfig", "AutoModelForAudioClassification"}
    files = {file.stem: file.read_text() for file in tmp_path.glob("*.py")}
    assert {"modeling_aasist", "layers_graph", "layers_sinc", "feature_extraction_waveform"} <= set(files)
    for code in files.values():
        assert set(re.findall(r"^\s*from \.(\S*) import", code, re.MULTILINE)) <= set(files)
        assert not re.search(r"^\s*(from|import) deepfake_hf", code, re.MULTILINE)
    assert type(AutoModelForAudioClassification.from_pretrained(tmp_path)) is AasistForAudioClassification
    sound = np.random.default_rng(0).normal(0, 0.1, 300).astype(np.float32)
    with torch.inference_mode():
        logits = model(**extractor(sound, sampling_rate=16_000, return_tensors="pt")).logits[0]
    answer = pipeline("audio-classification", model=str(tmp_path), device="cpu")(sound)
    assert {row["label"]: row["score"] for row in answer} == pytest.approx(
        dict(zip(("real", "fake"), logits.softmax(0).tolist(), strict=True)), abs=1e-6
    )


def _published_state(widths: list[tuple[int, int]], graph: int, both: int) -> dict[str, torch.Tensor]:
    """Random tensors by the names and shapes of the checkpoints that were published with the paper."""
    rng = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}

    def put(name: str, *shape: int) -> None:
        state[name] = torch.randn(shape, generator=rng) * 0.2

    def linear(name: str, num_in: int, num_out: int) -> None:
        put(f"{name}.weight", num_out, num_in)
        put(f"{name}.bias", num_out)

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            put(f"{name}.{part}", width)
        state[f"{name}.running_var"] = torch.rand(width, generator=rng) + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    norm("first_bn", 1)
    for i, (num_in, num_out) in enumerate(widths):
        block = f"encoder.{i}.0"
        if i:
            norm(f"{block}.bn1", num_in)
        for conv, first, kernel in (("conv1", num_in, (2, 3)), ("conv2", num_out, (2, 3))):
            put(f"{block}.{conv}.weight", num_out, first, *kernel)
            put(f"{block}.{conv}.bias", num_out)
        norm(f"{block}.bn2", num_out)
        if num_in != num_out:
            put(f"{block}.conv_downsample.weight", num_out, num_in, 1, 3)
            put(f"{block}.conv_downsample.bias", num_out)
    last = widths[-1][1]
    put("pos_S", 1, 23, last)
    for name in ("master1", "master2"):
        put(name, 1, 1, graph)
    for name in ("GAT_layer_S", "GAT_layer_T"):
        for part in ("att_proj", "proj_with_att", "proj_without_att"):
            linear(f"{name}.{part}", last, graph)
        put(f"{name}.att_weight", graph, 1)
        norm(f"{name}.bn", graph)
    for name, width in (("ST11", graph), ("ST12", both), ("ST21", graph), ("ST22", both)):
        name = f"HtrgGAT_layer_{name}"
        for part in ("proj_type1", "proj_type2"):
            linear(f"{name}.{part}", width, width)
        parts = ("att_proj", "att_projM", "proj_with_att", "proj_without_att", "proj_with_attM", "proj_without_attM")
        for part in parts:
            linear(f"{name}.{part}", width, both)
        for part in ("11", "22", "12", "M"):
            put(f"{name}.att_weight{part}", both, 1)
        norm(f"{name}.bn", both)
    for name, width in (("S", graph), ("T", graph), ("hS1", both), ("hT1", both), ("hS2", both), ("hT2", both)):
        linear(f"pool_{name}.proj", width, 1)
    linear("out_layer", 5 * both, 2)
    return state


PUBLISHED = {
    "aasist": ([(1, 32), (32, 32), (32, 64), (64, 64), (64, 64), (64, 64)], 64, 32),
    "aasist_l": ([(1, 32), (32, 32), (32, 24), (24, 24), (24, 24), (24, 24)], 24, 32),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_names_are_converted(name: str) -> None:
    state = _published_state(*PUBLISHED[name])
    learnt = [value for key, value in state.items() if "running" not in key and "tracked" not in key]
    assert sum(value.numel() for value in learnt) == PARAMETERS[name]
    model = convert_aasist(state, name)
    own = model.state_dict()
    assert model.config.weights_origin == "trained" and not model.config.preactivation and not model.training
    used = [key for key in state if ".bn1." not in key]
    assert len({our_name(key) for key in used}) == len(used) == len(own) - 1
    for key in used:
        expected = state[key].flip(0) if key.startswith("out_layer") else state[key]
        assert torch.equal(own[our_name(key)], expected), key
    assert torch.equal(own["branches.1.second.stack_pair.weight"], state["HtrgGAT_layer_ST22.att_projM.weight"])
    assert torch.equal(own["branches.0.spectral_pool.project.weight"], state["pool_hS1.proj.weight"])
    assert torch.equal(own["classifier.bias"][1], state["out_layer.bias"][0])  # spoof is fake
    assert all(block.norm1 is None for block in model.encoder)


def test_other_state_dicts_are_refused() -> None:
    state = _published_state(*PUBLISHED["aasist_l"])
    with pytest.raises(ValueError, match="Name the preset"):
        convert_aasist(state, "aasist")
    with pytest.raises(ValueError, match=r"first is spectral_pool\.project"):
        convert_aasist({key: value for key, value in state.items() if not key.startswith("pool_S")}, "aasist_l")
    with pytest.raises(ValueError, match="not AASIST"):
        convert_aasist(state, "mel_cnn")
    for name in ("conv1.weight", "encoder.0.1.conv1.weight", "GAT_layer_X.bn.weight", "pool_S.weight"):
        with pytest.raises(ValueError, match="no tensor of AASIST"):
            our_name(name)
