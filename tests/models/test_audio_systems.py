"""The audio systems: their parts, windows, attention, checkpointing, and padding in training."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from deepfake_hf.models import PRESETS, AudioDetectorConfig, AudioDetectorForAudioClassification, build_model
from deepfake_hf.models.layers_audio import MaskedBatchNorm, MaskedPoolBlock
from deepfake_hf.processing import SpectrogramFeatureExtractor
from tests.models.tiny import tiny_inputs, tiny_model

SYSTEMS = sorted(name for name, preset in PRESETS.items() if preset.kind == "audio")
WITH_ENCODER = [name for name in SYSTEMS if PRESETS[name].config["encoder_layers"]]
PARAMETERS = {
    "lite_audio": 778_339,
    "mel_cnn": 421_730,
    "mel_cnn_ast": 2_933_922,
    "logspec_cnn_ast": 3_130_758,
    "cqt_cnn_ast": 2_933_686,
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_preset_fits_its_processor_and_has_the_stated_size(name: str) -> None:
    extractor = SpectrogramFeatureExtractor(**PRESETS[name].processor)
    with torch.device("meta"):
        model = build_model(name)
    assert (model.config.num_bins, model.config.num_channels) == (extractor.feature_size, extractor.num_channels)
    assert model.num_parameters() == PARAMETERS[name]
    assert PRESETS[name].licence == "Apache-2.0" and PRESETS[name].pretrained is None


def test_the_table_is_a_cross_product_of_parts() -> None:
    shape = {name: (PRESETS[name].processor["kind"], len(PRESETS[name].config["widths"])) for name in SYSTEMS}
    assert shape == {
        "lite_audio": ("log_linear", 5),
        "mel_cnn": ("log_mel", 4),
        "mel_cnn_ast": ("log_mel", 2),
        "logspec_cnn_ast": ("log_linear", 2),
        "cqt_cnn_ast": ("log_cqt", 2),
    }
    assert PRESETS["mel_cnn"].config["widths"] == [32, 64, 128, 256] and len(WITH_ENCODER) == 3


def test_every_mel_band_of_the_presets_hears_something() -> None:
    for name in ("mel_cnn", "mel_cnn_ast"):
        assert float(SpectrogramFeatureExtractor(**PRESETS[name].processor)._mel_bank().sum(0).min()) > 0


def _padded_batch(length: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.randn(3, length, 20, generator=torch.Generator().manual_seed(4))
    mask = torch.ones(3, length, dtype=torch.int64)
    mask[1, 25:] = 0
    mask[2, 9:] = 0
    return values, mask


@pytest.mark.parametrize("windows", [0, 16])
@pytest.mark.parametrize("name", SYSTEMS)
def test_more_padding_changes_nothing_in_training_either(name: str, windows: int) -> None:
    """The same clips in a wider batch full of garbage: equal losses, gradients and running statistics."""
    first = tiny_model(name, dropout=0.0, window_frames=windows).train()
    second = copy.deepcopy(first)
    values, mask = _padded_batch()
    wide_values = torch.full((3, 71, 20), float("nan"))
    wide_values[:, :40][mask.bool()] = values[mask.bool()]
    wide_mask = torch.nn.functional.pad(mask, (0, 31))
    labels = torch.tensor([0, 1, 1])
    losses = []
    for model, inputs, seen in ((first, values, mask), (second, wide_values, wide_mask)):
        loss = model(inputs, attention_mask=seen, labels=labels).loss
        loss.backward()
        losses.append(loss.detach())
    torch.testing.assert_close(*losses, atol=1e-5, rtol=1e-5)
    for (key, one), two in zip(first.named_buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4, msg=key)
    for (key, one), two in zip(first.named_parameters(), second.parameters(), strict=True):
        assert one.grad is not None and two.grad is not None
        size = float(one.grad.abs().max()) + 1e-3
        assert float((one.grad - two.grad).abs().max()) < 1e-3 * size, key


def test_masked_batch_norm_agrees_with_torchs_on_the_real_frames() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 7, 4, generator=rng) * 3 + 1
    mask = torch.rand(3, 7, generator=rng) > 0.4
    ours, theirs = MaskedBatchNorm(5).train(), torch.nn.BatchNorm1d(5).train()
    made = ours(x, mask[:, None, :, None])
    expected = theirs(x.permute(0, 2, 3, 1)[mask].flatten(0, 1))  # (real cells, C)
    torch.testing.assert_close(made.permute(0, 2, 3, 1)[mask].flatten(0, 1), expected)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    assert int(ours.num_batches_tracked) == 1
    torch.testing.assert_close(ours.eval()(x), torch.nn.functional.batch_norm(
        x, ours.running_mean, ours.running_var, ours.weight, ours.bias
    ))  # fmt: skip


def test_a_pooled_block_halves_and_rounds_up() -> None:
    block = MaskedPoolBlock(1, 3, 2, 2, 1).eval()
    made, mask = block(torch.randn(2, 1, 7, 5), torch.arange(7)[None] < torch.tensor([[7], [4]]))
    assert made.shape == (2, 3, 4, 3) and mask.sum(1).tolist() == [4, 2]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("length", [1, 16, 17, 39])
def test_windows_of_a_clip_do_not_depend_on_the_batch(name: str, length: int) -> None:
    model = tiny_model(name, window_frames=16)
    clip = torch.randn(1, length, 20)
    batch = torch.full((2, 50, 20), 1e4)
    batch[0, :length], batch[1] = clip[0], torch.randn(50, 20)
    mask = torch.ones(2, 50, dtype=torch.int64)
    mask[0, length:] = 0
    with torch.inference_mode():
        torch.testing.assert_close(model(batch, mask).logits[:1], model(clip).logits, atol=1e-5, rtol=1e-5)


def test_windows_are_averaged_by_their_real_frames() -> None:
    model = tiny_model("mel_cnn", window_frames=16)
    clip = torch.randn(1, 36, 20)
    with torch.inference_mode():
        seen = [model(clip[:, first : first + 16], output_hidden_states=True) for first in (0, 16, 32)]
        means = torch.stack([part.hidden_states[-1].mean((2, 3))[0] for part in seen])
        dense = torch.relu(model.project(means))
        expected = model.classifier((dense * torch.tensor([16.0, 16.0, 4.0])[:, None]).sum(0) / 36)
        torch.testing.assert_close(model(clip).logits[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_eager_and_sdpa_agree_and_attention_weights_are_shares(name: str) -> None:
    model = tiny_model(name)
    values, mask = _padded_batch()
    with torch.inference_mode():
        fused = model(values, attention_mask=mask)
        weighed = model(values, attention_mask=mask, output_attentions=True, output_hidden_states=True)
        model.set_attn_implementation("eager")
        eager = model(values, attention_mask=mask)
    torch.testing.assert_close(fused.logits, weighed.logits, atol=1e-5, rtol=1e-5)
    assert torch.equal(eager.logits, weighed.logits)
    assert fused.attentions is None and eager.attentions is None and fused.hidden_states is None
    layers, blocks = model.config.encoder_layers, len(model.blocks)
    assert len(weighed.attentions) == layers and len(weighed.hidden_states) == blocks + 1 + layers
    tokens = weighed.hidden_states[-1].shape[1]
    for shares in weighed.attentions:
        assert shares.shape == (3, 2, tokens, tokens)
        torch.testing.assert_close(shares.sum(-1), torch.ones(3, 2, tokens))
        assert float(shares[2, :, :, tokens // 2 :].abs().max()) == 0  # padding gets nothing


@pytest.mark.parametrize("name", ["lite_audio", "mel_cnn"])
def test_without_an_encoder_there_are_no_attentions_and_nothing_to_checkpoint(name: str) -> None:
    model = tiny_model(name)
    with pytest.raises(ValueError, match="no encoder"):
        model(**tiny_inputs(name, 1), output_attentions=True)
    with pytest.raises(ValueError, match="checkpointing"):
        model.activation_checkpointing_enable()
    made = model(**tiny_inputs(name, 1), output_hidden_states=True, return_dict=False)
    assert len(made) == 2 and made[1][0].shape[0] == 1


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_checkpointing_changes_no_gradient(name: str) -> None:
    plain = tiny_model(name, dropout=0.0).train()
    saving = copy.deepcopy(plain)
    saving.activation_checkpointing_enable()
    values, mask = _padded_batch()
    for model in (plain, saving):
        model(values, attention_mask=mask, labels=torch.tensor([0, 1, 0])).loss.backward()
    assert all(layer.gradient_checkpointing for layer in saving.encoder)
    for (key, one), two in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, msg=key)
    for one, two in zip(plain.buffers(), saving.buffers(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    "parts",
    [
        {"widths": [], "time_strides": [], "bin_strides": [], "convs_per_block": [], "patch_size": [4, 4]},
        {"patch_size": [2, 4], "patch_stride": [1, 3]},
        {"patch_size": [4, 2], "pooling": "statistics"},
        {"patch_size": None, "pooling": "class_token"},
        {"block": "pooled", "num_channels": 2},
    ],
)
def test_any_parts_go_together(parts: dict[str, object], tmp_path: Path) -> None:
    """AST without a stem, overlapping patches, statistics of patches, a class token over frames, pooled blocks."""
    model = tiny_model("mel_cnn_ast", **parts)
    values, mask = _padded_batch()
    with torch.inference_mode():
        together = model(values, attention_mask=mask).logits
        alone = [model(values[i : i + 1, : int(mask[i].sum())]).logits for i in range(3)]
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
        model.save_pretrained(tmp_path)
        again = AudioDetectorForAudioClassification.from_pretrained(tmp_path)
        torch.testing.assert_close(again(values, attention_mask=mask).logits, together, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": "dense"}, "choose from"),
        ({"pooling": "max"}, "choose from"),
        ({"patch_stride": [1, 1]}, "Give patch_size"),
        ({"patch_size": [2, 2], "patch_stride": [3, 2]}, "leave gaps"),
        ({"pooling": "class_token", "encoder_layers": 0}, "class token"),
        ({"pooling": "global"}, "unread"),
        ({"pooling": "global", "encoder_layers": 0, "patch_size": [2, 2]}, "unread"),
        ({"window_frames": -1}, "below zero"),
    ],
)
def test_parts_that_cannot_act_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AudioDetectorConfig(**options)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="attention_mask is"):
        tiny_model("mel_cnn")(torch.randn(1, 9, 20), attention_mask=torch.ones(1, 8))
