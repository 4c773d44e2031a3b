"""The clip detector's own manners: order matters, padding does not, also in training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from deepfake_hf.models import PRESETS, ClipDetectorConfig, ClipDetectorForVideoClassification
from tests.models.tiny import BACKBONE, SIDE, tiny_inputs, tiny_model

CLIPS = [name for name, preset in PRESETS.items() if preset.kind == "clip"]
ATTENTIVE = [name for name in CLIPS if PRESETS[name].config.get("temporal", "transformer") == "transformer"]
RECURRENT = [name for name in CLIPS if name not in ATTENTIVE]
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


@pytest.mark.parametrize("name", CLIPS)
def test_the_order_of_frames_matters(name: str) -> None:
    model = tiny_model(name)
    pixels = tiny_inputs(name, 1)["pixel_values"]
    with torch.inference_mode():
        forth, back = model(pixels).logits, model(pixels.flip(1)).logits
    assert float((forth - back).abs().max()) > 1e-5


@pytest.mark.parametrize("name", CLIPS)
def test_padding_reaches_neither_batch_norm_nor_a_gradient(name: str) -> None:
    made = []
    for junk, length in ((0.0, 4), (100.0, 4), (100.0, 7)):
        model = tiny_model(name, dropout=0.0).train()
        pixels = torch.full((2, length, 3, SIDE, SIDE), junk)
        pixels[:, :4] = tiny_inputs(name, 2)["pixel_values"]
        pixels[1, 2:] = junk
        mask = nn.functional.pad(MASK, (0, length - 4))
        out = model(pixels, mask, labels=torch.tensor([0, 1]))
        out.loss.backward()
        made.append((out, model.state_dict(), [value.grad for value in model.parameters()]))
    for other in made[1:]:
        torch.testing.assert_close(other[0].loss, made[0][0].loss)
        torch.testing.assert_close(other[0].logits, made[0][0].logits)
        torch.testing.assert_close(other[0].frame_logits[:, :4], made[0][0].frame_logits)
        assert not bool(other[0].frame_logits[:, 4:].any()) and not bool(other[0].frame_logits[1, 2:].any())
        assert all(torch.equal(value, other[1][key]) for key, value in made[0][1].items())
        torch.testing.assert_close(other[2], made[0][2], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_frame_where_a_recurrence_ends_answers_as_the_clip(name: str) -> None:
    model = tiny_model(name, bidirectional=False)
    with torch.inference_mode():
        out = model(tiny_inputs(name, 2)["pixel_values"], MASK)
    assert out.frame_logits.shape == (2, 4, 2) and out.frame_logits.dtype == torch.float32
    torch.testing.assert_close(out.logits, torch.stack([out.frame_logits[0, 3], out.frame_logits[1, 1]]))


def test_both_ways_the_clip_is_what_each_direction_saw_last() -> None:
    """The reference reads the reversed clip with the weights of the backward direction, without any packing."""
    name = "xception_conv_bilstm"
    model = tiny_model(name)
    features = torch.randn(1, 3, model.temporal.cells.input_size)
    back = nn.LSTM(features.shape[2], 32, batch_first=True)
    forth = nn.LSTM(features.shape[2], 32, batch_first=True)
    weights = model.temporal.cells.state_dict()
    back.load_state_dict({key: weights[f"{key}_reverse"] for key in back.state_dict()})
    forth.load_state_dict({key: weights[key] for key in forth.state_dict()})
    padded = torch.cat([features, torch.full((1, 2, features.shape[2]), 9.0)], 1)
    with torch.inference_mode():
        states, last = model.temporal(padded, torch.tensor([[True, True, True, False, False]]))
        forth_states, back_states = forth(features)[0], back(features.flip(1))[0].flip(1)
    torch.testing.assert_close(states[:, :3], torch.cat([forth_states, back_states], 2))
    torch.testing.assert_close(last, torch.cat([forth_states[:, -1], back_states[:, 0]], 1))
    assert not bool(states[:, 3:].any())


def test_frames_share_in_the_loss() -> None:
    name, labels = "xception_conv_lstm", torch.tensor([0, 1])
    model = tiny_model(name)
    assert model.config.frame_loss_weight == 0.5
    with torch.inference_mode():
        out = model(tiny_inputs(name, 2)["pixel_values"], MASK, labels=labels)
    by_hand = [nn.functional.cross_entropy(out.frame_logits[i, t], labels[i]) for i, t in MASK.nonzero().tolist()]
    clips = nn.functional.cross_entropy(out.logits, labels)
    torch.testing.assert_close(out.loss, 0.5 * clips + 0.5 * torch.stack(by_hand).mean())


@pytest.mark.parametrize("name", ATTENTIVE)
def test_eager_and_fused_attention_agree(name: str, tmp_path: Path) -> None:
    model, pixels = tiny_model(name), tiny_inputs(name, 2)["pixel_values"]
    assert model.config._attn_implementation == "sdpa"
    model.save_pretrained(tmp_path)
    eager = type(model).from_pretrained(tmp_path, attn_implementation="eager")
    assert eager.config._attn_implementation == "eager"
    with torch.inference_mode():
        fused = model(pixels, MASK)
        seen = model(pixels, MASK, output_attentions=True, output_hidden_states=True)
        torch.testing.assert_close(eager(pixels, MASK).logits, fused.logits, atol=1e-5, rtol=1e-5)
        model.set_attn_implementation("eager")
        torch.testing.assert_close(model(pixels, MASK).logits, fused.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(seen.logits, fused.logits, atol=1e-5, rtol=1e-5)
    assert fused.attentions is None and fused.hidden_states is None
    layers, heads = model.config.temporal_layers, model.config.temporal_heads
    assert [tuple(map_.shape) for map_ in seen.attentions] == [(2, heads, 4, 4)] * layers
    assert [tuple(hidden.shape) for hidden in seen.hidden_states] == [(2, 4, 32)] * (layers + 1)
    for map_ in seen.attentions:
        torch.testing.assert_close(map_.sum(-1), torch.ones(2, heads, 4))
        assert not bool(map_[1, :, :, 2:].any())  # nothing looks at padding


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrence_has_states_but_no_attention(name: str) -> None:
    model, pixels = tiny_model(name), tiny_inputs(name, 1)["pixel_values"]
    with torch.inference_mode():
        features, states = model(pixels, output_hidden_states=True).hidden_states
    assert features.shape[:2] == (1, 4) and states.shape == (1, 4, model.temporal.out_features)
    with pytest.raises(ValueError, match="no attention weights"):
        model(pixels, output_attentions=True)


@pytest.mark.parametrize("name", CLIPS)
def test_gradient_checkpointing_changes_no_gradient(name: str) -> None:
    inputs, labels = tiny_inputs(name, 2)["pixel_values"], torch.tensor([0, 1])
    made = []
    for recompute in (False, True):
        model = tiny_model(name, dropout=0.0).train()
        if recompute:
            model.activation_checkpointing_enable()
        assert model.is_activation_checkpointing is recompute
        model(inputs, MASK, labels=labels).loss.backward()
        made.append([value.grad for value in model.parameters()])
    torch.testing.assert_close(made[1], made[0], atol=1e-5, rtol=1e-4)
    model.activation_checkpointing_disable()
    assert not model.is_activation_checkpointing


def test_a_backbone_that_cannot_be_checkpointed_says_so() -> None:
    with torch.device("meta"):
        model = ClipDetectorForVideoClassification(ClipDetectorConfig(**PRESETS["xception_conv_gru"].config))
    with pytest.raises(ValueError, match="legacy_xception has no gradient checkpointing"):
        model.activation_checkpointing_enable()


@pytest.mark.parametrize(
    ("name", "backbone", "rest"),
    [
        # projection 1536 -> 512, its norm, four layers of d = 512: 4 d^2 + 4 d attention, 4 d^2 + 3 d perceptron,
        # 4 d norms; last norm; reduction 512 -> 256, its norm, two logits
        (
            "efficientnet_b3_transformer",
            10_696_232,
            1536 * 512 + 3 * 512 + 4 * (8 * 512**2 + 11 * 512) + 2 * 512 + 512 * 256 + 3 * 256 + 2 * 257,
        ),
        ("resnext50_lstm", 22_979_904, 4 * (2048 * 2048 + 2048 * 2048 + 2 * 2048) + 2 * 2049),
        # convolutions without bias and their norms; gates; dense 512, dense 256, two logits
        *(
            (
                f"xception_conv_{cell}",
                20_806_952,
                9 * 2048 * 128 + 2 * 128 + 9 * 128 * 256 + 2 * 256
                + ways * gates * (256 * 256 + 256 * 256 + 2 * 256)
                + (ways * 256 + 1) * 512 + 513 * 256 + 257 * 2,
            )
            for cell, gates, ways in (("lstm", 4, 1), ("bilstm", 4, 2), ("gru", 3, 1))
        ),
    ],
)  # fmt: skip
def test_parameters_of_the_full_size(name: str, backbone: int, rest: int) -> None:
    with torch.device("meta"):
        model = ClipDetectorForVideoClassification(ClipDetectorConfig(**PRESETS[name].config))
    assert sum(value.numel() for value in model.backbone.parameters()) == backbone
    assert model.num_parameters() == backbone + rest


def test_convolutions_need_maps() -> None:
    config = ClipDetectorConfig(backbone="test_vit", image_size=160, conv_widths=[8], hidden_size=16)
    with pytest.raises(ValueError, match="not maps with channels first"):
        ClipDetectorForVideoClassification(config)(torch.zeros(1, 2, 3, 160, 160))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temporal": "mamba"}, "choose from"),
        ({"head": "mlp"}, "choose from"),
        ({"bidirectional": True}, "sees both ways"),
        ({"temporal": "gru", "temporal_heads": 4}, "has no attention"),
        ({"head": "reduction"}, "reduction: one"),
        ({"head_widths": [8]}, "linear: none"),
        ({"head": "dense"}, "dense: some"),
        ({"frame_loss_weight": 1.0}, "give a share"),
    ],
)
def test_options_that_cannot_act_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClipDetectorConfig(backbone=BACKBONE, **options)


@pytest.mark.parametrize("row", [[0, 0, 0, 0], [0, 1, 1, 1], [1, 0, 1, 1]])
def test_padding_stands_behind_real_frames(row: list[int]) -> None:
    with pytest.raises(ValueError, match="pad behind the real frames"):
        tiny_model("lite_clip")(tiny_inputs("lite_clip", 1)["pixel_values"], torch.tensor([row]))


def test_wrong_shapes_are_named() -> None:
    model, pixels = tiny_model("lite_clip"), tiny_inputs("lite_clip", 1)["pixel_values"]
    with pytest.raises(ValueError, match=r"needs \(B, T, 3, H, W\)"):
        model(pixels[:, 0])
    with pytest.raises(ValueError, match=r"attention_mask is \(1, 3\)"):
        model(pixels, torch.ones(1, 3))
    with pytest.raises(ValueError, match="multiple of temporal_heads"):
        ClipDetectorConfig(hidden_size=30, temporal_heads=4)
    with pytest.raises(ValueError, match="one of each"):
        ClipDetectorConfig(temporal_layers=0)
