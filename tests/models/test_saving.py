"""Every detector saved and loaded bit by bit, in shards and by device map, and what transformers' switches do to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from deepfake_hf.models import PRESETS, SyncNetConfig, SyncNetModel
from deepfake_hf.models.build import CLASSES
from tests.models.tiny import DETECTORS, tiny_inputs, tiny_model

CALIBRATION = {"scale": 0.5, "bias": 1.0}
# Attention with weights to give: the others say that they have none.
ATTENTIVE = {"multi_head_att_b4", "lite_clip", "efficientnet_b3_transformer", "aasist", "aasist_l"} | {
    name for name, preset in PRESETS.items() if preset.kind == "audio" and preset.config.get("encoder_layers")
}
FUSED = sorted(name for name in DETECTORS if CLASSES[PRESETS[name].kind][1]._supports_sdpa)
# Small, or their batch norms would count every batch twice. (Xception has none either, but its tiny version has.)
WITHOUT_CHECKPOINTS = {"aasist", "aasist_l", "landmark_gru", "lite_speech", "lite_audio", "mel_cnn"}


def contents(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every tensor that a model holds, persistent or not."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers()), **model.state_dict()}


def assert_same(theirs: nn.Module, ours: nn.Module) -> None:
    loaded, held = contents(theirs), contents(ours)
    assert loaded.keys() == held.keys()
    for name, value in held.items():
        assert loaded[name].dtype == value.dtype and torch.equal(loaded[name], value), name
        assert loaded[name].device.type == "cpu", name


def model_of(name: str) -> nn.Module:
    if PRESETS[name].kind != "sync":
        return tiny_model(name, calibration=CALIBRATION)
    torch.manual_seed(0)
    return SyncNetModel(
        SyncNetConfig(image_size=112, visual_widths=[4] * 6, sound_widths=[4] * 6, hidden_size=8)
    ).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [*DETECTORS, "syncnet"])
def test_bit_equal_in_both_precisions_whole_and_in_shards(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = model_of(name).to(dtype)
    size = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    for folder, largest in (("whole", "5GB"), ("shards", size // 3)):
        model.save_pretrained(tmp_path / folder, max_shard_size=largest)
        files = sorted(file.name for file in (tmp_path / folder).iterdir() if file.suffix == ".safetensors")
        assert len(files) >= 2 if folder == "shards" else files == ["model.safetensors"]
        for options in ({"dtype": dtype}, {"dtype": "auto"}, {"dtype": dtype, "device_map": "cpu"}):
            assert_same(type(model).from_pretrained(tmp_path / folder, **options), model)


@pytest.mark.parametrize("name", DETECTORS)
def test_what_was_loaded_answers_alike(name: str, tmp_path: Path) -> None:
    model, inputs = model_of(name), tiny_inputs(name, 2)
    model.save_pretrained(tmp_path)
    assert [file.name for file in tmp_path.iterdir() if file.suffix not in (".json", ".safetensors")] == []
    again = type(model).from_pretrained(tmp_path)
    assert not again.training
    with torch.inference_mode():
        # not bit for bit: where a tensor lies in memory decides how a product is split up
        torch.testing.assert_close(again(**inputs).logits, model(**inputs).logits, atol=1e-6, rtol=1e-6)
        half = type(model).from_pretrained(tmp_path, dtype=torch.bfloat16)
        answer = half(**{key: value.bfloat16() for key, value in inputs.items()}).logits
        assert answer.dtype == torch.float32 and bool(answer.isfinite().all())


@pytest.mark.parametrize("name", [*DETECTORS, "syncnet"])
def test_device_map_auto(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path, device_map="auto")
    if torch.cuda.is_available():  # it chose the GPU
        loaded = loaded.to("cpu")
    assert_same(loaded, model)


@pytest.mark.parametrize("name", DETECTORS)
def test_hidden_states_and_attention_weights_on_request(name: str) -> None:
    model, inputs = tiny_model(name), tiny_inputs(name, 2)
    with torch.inference_mode():
        plain = model(**inputs)
        asked = model(**inputs, output_hidden_states=True)
        assert plain.hidden_states is None and plain.attentions is None
        assert len(asked.hidden_states) >= 2 and all(bool(state.isfinite().all()) for state in asked.hidden_states)
        torch.testing.assert_close(asked.logits, plain.logits, atol=1e-5, rtol=1e-5)
        if name not in ATTENTIVE:
            with pytest.raises(ValueError, match="attention"):
                model(**inputs, output_attentions=True)
            return
        weighed = model(**inputs, output_attentions=True)
        assert len(weighed.attentions) >= 1 and all(bool((w >= 0).all()) for w in weighed.attentions)
        torch.testing.assert_close(weighed.logits, plain.logits, atol=1e-5, rtol=1e-5)
        by_config = tiny_model(name, output_attentions=True, output_hidden_states=True)(**inputs)
        assert len(by_config.attentions) == len(weighed.attentions)
        assert len(by_config.hidden_states) == len(asked.hidden_states)


@pytest.mark.parametrize("name", FUSED)
def test_eager_and_sdpa_agree(name: str, tmp_path: Path) -> None:
    model, inputs = tiny_model(name), tiny_inputs(name, 2)
    model.save_pretrained(tmp_path)
    answers = []
    with torch.inference_mode():
        for way in ("sdpa", "eager"):
            loaded = type(model).from_pretrained(tmp_path, attn_implementation=way)
            assert loaded.config._attn_implementation == way
            answers.append(loaded(**inputs).logits)
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_gradient_checkpointing_changes_no_gradient(name: str) -> None:
    plain, saving = tiny_model(name, dropout=0.0).train(), tiny_model(name, dropout=0.0).train()
    if name in WITHOUT_CHECKPOINTS:
        with pytest.raises(ValueError, match="checkpointing"):
            saving.activation_checkpointing_enable()
        return
    saving.activation_checkpointing_enable()
    assert saving.is_activation_checkpointing
    labels = torch.tensor([0, 1, 1, 0])
    for model in (plain, saving):
        model(**tiny_inputs(name, 4), labels=labels).loss.backward()
    for (key, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None, key
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4)
