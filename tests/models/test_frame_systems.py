"""The frame systems: sizes of the full presets, what attention and frequency layers compute, and what is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn, fft2, fftfreq, fftshift
from torch import nn
from transformers import AutoModelForImageClassification

from deepfake_hf.models import PRESETS, FrameDetectorConfig, FrameDetectorForImageClassification
from deepfake_hf.models.layers_attention import MultiAttention, MultiHeadAttention, bilinear_attention_pooling
from deepfake_hf.models.layers_backbone import masked_features
from deepfake_hf.models.layers_frequency import FrequencyPlanes, haar_planes
from tests.models.tiny import BACKBONE, FRAME_SIDE, tiny_inputs, tiny_model

FRAMES = sorted(name for name, preset in PRESETS.items() if preset.kind == "frame")
B4, HEAD_B4 = 17_548_616, 1792 * 2 + 2
BRANCH = 32 * 64 * 9 + 64 * 128 * 9 + 2 * (32 + 64 + 128)  # without its first convolution and the norm of the planes
PIXELS = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


@cache
def full_size(name: str) -> FrameDetectorForImageClassification:
    with torch.device("meta"):
        return FrameDetectorForImageClassification(FrameDetectorConfig(**PRESETS[name].config)).eval()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("efficientnet_b4", B4 + HEAD_B4),  # 17.6 million
        ("efficientnet_b4_st", B4 + HEAD_B4),
        ("efficientnet_auto_att_b4", B4 + HEAD_B4 + 56 + 1),
        ("efficientnet_auto_att_b4_st", B4 + HEAD_B4 + 56 + 1),
        ("multi_head_att_b4", B4 + HEAD_B4 + 2 * 1792**2),
        ("xception", 20_806_952 + 2048 * 2 + 2),  # 20.8 million
        ("frequency_fft", B4 + HEAD_B4 + 128 * 2 + BRANCH + 4 * 32 * 9 + 2 * 4),
        ("frequency_dct", B4 + HEAD_B4 + 128 * 2 + BRANCH + 9 * 32 * 9 + 2 * 9 + 3 * 8 * 8),
        ("frequency_dwt", B4 + HEAD_B4 + 128 * 2 + BRANCH + 12 * 32 * 9 + 2 * 12),
    ],
)
def test_parameters_of_the_full_size(name: str, parameters: int) -> None:
    assert sum(parameter.numel() for parameter in full_size(name).parameters()) == parameters


@pytest.mark.parametrize("name", FRAMES)
def test_the_mirror_image_counts_as_much_as_the_crop(name: str) -> None:
    calibration = {"scale": 2.0, "bias": -0.5}
    plain = tiny_model(name, dropout=0.0, calibration=calibration)
    model = tiny_model(name, dropout=0.0, calibration=calibration, mirror_average=True)
    (pixels,) = tiny_inputs(name, 3).values()
    with torch.inference_mode():
        upright, mirrored, both = plain(pixels), plain(pixels.flip(3)), model(pixels)
        torch.testing.assert_close(both.logits, (upright.logits + mirrored.logits) / 2)
        assert not torch.allclose(upright.logits, both.logits, atol=1e-3)
        torch.testing.assert_close(model(pixels.flip(3)).logits, both.logits)
        torch.testing.assert_close(both.embedding, upright.embedding)
        labels = torch.tensor([0, 1, 0])
        torch.testing.assert_close(model(pixels, labels=labels).loss, plain(pixels, labels=labels).loss)
        assert torch.equal(model.train()(pixels).logits, plain.train()(pixels).logits)


def test_the_tap_of_auto_attention() -> None:
    model = full_size("efficientnet_auto_att_b4")
    seen: list[torch.Size] = []
    model.attention.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    pixels = torch.empty(1, 3, 224, 224, device="meta")
    features, stages, mask = masked_features(model.backbone, pixels, model.attention, 2)
    assert seen == [(1, 56, 28, 28)] and mask.shape == (1, 1, 28, 28) and features.shape == (1, 1792, 7, 7)
    assert [info["module"] for info in model.backbone.feature_info][2] == "blocks.2" and len(stages) == 5


def test_the_stages_of_multi_attention() -> None:
    model = full_size("multi_attention")
    with torch.inference_mode():
        made = model(torch.empty(1, 3, 380, 380, device="meta"))
    assert made.attention_mask_map.shape == (1, 4, 24, 24)
    assert made.embedding.shape == (1, 4 * (32 + 3 * 32) + 1792)


@pytest.mark.parametrize("name", FRAMES)
def test_a_row_says_where_it_comes_from(name: str) -> None:
    preset = PRESETS[name]
    side = preset.config["image_size"]
    assert preset.processor["size"] == {"height": side, "width": side}
    assert preset.licence and "arXiv:" in preset.citation and preset.pretrained
    statistics = full_size(name).backbone.pretrained_cfg
    assert preset.processor["image_mean"] == pytest.approx(statistics["mean"])
    assert preset.processor["image_std"] == pytest.approx(statistics["std"])


@pytest.mark.parametrize("kind", ["fft", "dct", "dwt"])
def test_planes_are_counted_on_the_meta_device(kind: str) -> None:
    planes = FrequencyPlanes(kind).to("meta")(torch.empty(1, 3, 224, 224, device="meta"))
    assert planes.shape == (1, *{"fft": (4, 224, 224), "dct": (9, 224, 224), "dwt": (12, 112, 112)}[kind])


@pytest.mark.parametrize("name", FRAMES)
def test_hidden_states_embedding_and_masks(name: str) -> None:
    model, inputs = tiny_model(name), tiny_inputs(name, 2)
    with torch.inference_mode():
        plain, asked = model(**inputs), model(**inputs, output_hidden_states=True)
        by_hand = model.head(plain.embedding)
    torch.testing.assert_close(asked.logits, plain.logits, atol=1e-6, rtol=1e-6)
    assert plain.hidden_states is None
    assert [state.shape[-1] for state in asked.hidden_states] == [32, 16, 8, 4, 2, 2]
    torch.testing.assert_close(by_hand, plain.logits)
    shape = {"auto": (2, 1, 8, 8), "multi_head": (2, 8, 2, 2), "multi": (2, 4, 4, 4)}.get(model.config.attention)
    if shape is None:
        assert plain.attention_mask_map is None
    else:
        assert plain.attention_mask_map.shape == shape and float(plain.attention_mask_map.min()) >= 0
    if model.config.attention in ("auto", "multi_head"):
        assert float(plain.attention_mask_map.max()) <= 1


def test_the_mask_is_multiplied_on_the_features() -> None:
    model, inputs = tiny_model("efficientnet_auto_att_b4"), tiny_inputs("efficientnet_auto_att_b4", 2)
    plain = tiny_model("efficientnet_b4")
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if not key.startswith("attention.")})
    with torch.inference_mode():
        assert float((model(**inputs).logits - plain(**inputs).logits).abs().max()) > 1e-3
        nn.init.zeros_(model.attention.conv.weight)
        nn.init.constant_(model.attention.conv.bias, 30.0)  # a mask of ones
        made = model(**inputs)
        torch.testing.assert_close(made.logits, plain(**inputs).logits, atol=1e-5, rtol=1e-5)
    assert bool((made.attention_mask_map == 1).all())


def test_multi_head_attention_against_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = MultiHeadAttention(16, 4), nn.MultiheadAttention(16, 4, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat((ours.query.weight, ours.key.weight, torch.eye(16))))
        theirs.out_proj.weight.copy_(torch.eye(16))
    features = torch.randn(2, 16, 3, 5)
    tokens = features.flatten(2).transpose(1, 2)
    expected, expected_weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
    pooled, share, weights = ours(features)
    torch.testing.assert_close(pooled, expected.mean(1))
    torch.testing.assert_close(weights, expected_weights)
    torch.testing.assert_close(share.sum((2, 3)), torch.ones(2, 4))


def test_attention_weights_on_request() -> None:
    model, inputs = tiny_model("multi_head_att_b4"), tiny_inputs("multi_head_att_b4", 2)
    with torch.inference_mode():
        (weights,) = model(**inputs, output_attentions=True).attentions
    assert weights.shape == (2, 8, 4, 4)
    with pytest.raises(ValueError, match="output_attentions can't act with attention 'auto'"):
        tiny_model("efficientnet_auto_att_b4")(**inputs, output_attentions=True)


def test_bilinear_attention_pooling_by_hand() -> None:
    features, maps = torch.rand(1, 3, 4, 4), torch.zeros(1, 2, 4, 4)
    maps[0, 0, 1, 2] = 5.0
    pooled = bilinear_attention_pooling(features, maps)
    torch.testing.assert_close(pooled[0, 0], features[0, :, 1, 2] / features[0, :, 1, 2].norm())
    assert torch.equal(pooled[0, 1], torch.zeros(3))


def test_regional_independence_acts_in_training_only() -> None:
    inputs, labels = tiny_inputs("multi_attention", 4), torch.tensor([0, 1, 1, 0])
    model = tiny_model("multi_attention", dropout=0.0, region_loss_weight=1.0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    made = model(**inputs, labels=labels)
    torch.testing.assert_close(made.loss, nn.functional.cross_entropy(made.logits, labels))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    model.train()
    made = model(**inputs, labels=labels)
    assert float((made.loss - nn.functional.cross_entropy(made.logits, labels)).detach()) > 1e-3
    assert int(model.attention.batches_seen) == 1 and bool(model.attention.centres.any())
    off = tiny_model("multi_attention", dropout=0.0, region_loss_weight=0.0).train()
    made = off(**inputs, labels=labels)
    torch.testing.assert_close(made.loss, nn.functional.cross_entropy(made.logits, labels))
    assert int(off.attention.batches_seen) == 0


def test_regional_independence_by_hand() -> None:
    layer = MultiAttention(2, 4, 6, num_maps=2, patch=2)
    regions = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]], requires_grad=True)
    assert float(layer.region_loss(regions, torch.tensor([0, 1])).detach()) == 0.0  # at their centres, far apart
    torch.testing.assert_close(layer.centres, regions[0].detach())
    # all at one place: the first region lies on its centre, which moved by half; the second is 2**0.5 from its old one
    same = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    loss = layer.region_loss(same, torch.tensor([1]))
    torch.testing.assert_close(layer.centres, torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    assert float(loss) == pytest.approx(0.5**0.5 - 0.1)  # a fake may lie 0.1 away; the centres are 0.7 apart
    layer = MultiAttention(2, 4, 6, num_maps=2, patch=2)
    assert float(layer.region_loss(same, torch.tensor([0]))) == pytest.approx(2 * 0.2, abs=1e-5)  # centres in one place


def test_fourier_planes_against_scipy() -> None:
    planes = FrequencyPlanes("fft")(PIXELS)
    expected = np.log1p(np.abs(fftshift(fft2(PIXELS.numpy(), norm="ortho"), axes=(-2, -1))))
    np.testing.assert_allclose(planes[:, :3].numpy(), expected, atol=1e-5)
    radius = np.hypot(*np.meshgrid(fftshift(fftfreq(32)), fftshift(fftfreq(48)), indexing="ij"))
    np.testing.assert_allclose(planes[1, 3].numpy(), radius, atol=1e-6)


def test_cosine_bands_against_scipy() -> None:
    layer = FrequencyPlanes("dct")
    planes = layer(PIXELS).detach().unflatten(1, (3, 3))  # (B, channels, bands, H, W)
    torch.testing.assert_close(planes.sum(2), PIXELS, atol=1e-5, rtol=1e-5)
    block = dctn(PIXELS[1, 2, 8:16, 24:32].numpy(), norm="ortho")
    diagonal = np.add.outer(np.arange(8), np.arange(8))
    for band, (low, high) in enumerate(((0, 2), (2, 5), (5, 15))):
        found = dctn(planes[1, 2, band, 8:16, 24:32].numpy(), norm="ortho")
        np.testing.assert_allclose(found, np.where((diagonal >= low) & (diagonal < high), block, 0), atol=1e-5)
    nn.init.constant_(layer.shift, 100.0)  # tanh: one more of every coefficient in every band
    more = layer(PIXELS).detach().unflatten(1, (3, 3))
    torch.testing.assert_close(more, planes + PIXELS[:, :, None], atol=1e-5, rtol=1e-5)


def test_haar_planes_by_two_filters() -> None:
    low, high = np.array([1, 1]) / 2**0.5, np.array([1, -1]) / 2**0.5
    planes = haar_planes(PIXELS).unflatten(1, (4, 3)).numpy()
    for place, (rows, columns) in enumerate(((low, low), (low, high), (high, low), (high, high))):
        filters = torch.tensor(np.outer(rows, columns), dtype=torch.float32).expand(3, 1, 2, 2)
        expected = nn.functional.conv2d(PIXELS, filters, stride=2, groups=3)
        np.testing.assert_allclose(planes[:, place], expected.numpy(), atol=1e-6)
    assert float(np.square(planes).sum()) == pytest.approx(float(PIXELS.square().sum()), rel=1e-5)


@pytest.mark.parametrize(("kind", "side"), [("dct", 36), ("dwt", 33)])
def test_a_side_that_does_not_fit_is_named(kind: str, side: int) -> None:
    with pytest.raises(ValueError, match=f"{side} x {side}: .*resize"):
        FrequencyPlanes(kind)(torch.zeros(1, 3, side, side))


@pytest.mark.parametrize("kind", ["fft", "dct"])
def test_autocast_does_not_reach_the_planes(kind: str) -> None:
    layer = FrequencyPlanes(kind)
    with torch.autocast("cpu", torch.bfloat16):
        inside = layer(PIXELS)
    assert torch.equal(inside, layer(PIXELS))


@pytest.mark.parametrize("kind", ["fft", "dct", "dwt"])
def test_frequency_instead_of_pixels(kind: str, tmp_path: Path) -> None:
    name = f"frequency_{kind}"
    model, inputs = tiny_model(name, frequency_place="instead"), tiny_inputs(name, 4)
    model.train()(**inputs, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    model.eval().save_pretrained(tmp_path)
    again = AutoModelForImageClassification.from_pretrained(tmp_path)
    with torch.inference_mode():
        torch.testing.assert_close(again(**inputs).logits, model(**inputs).logits, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["efficientnet_b4", "efficientnet_auto_att_b4", "multi_attention"])
def test_gradient_checkpointing_changes_no_gradient(name: str) -> None:
    gradients = []
    for on in (False, True):
        model = tiny_model(name, dropout=0.0)  # in eval mode: batch norm would see everything twice
        if on:
            model.activation_checkpointing_enable()
            assert model.is_activation_checkpointing and model.backbone.grad_checkpointing
        model(**tiny_inputs(name, 2), labels=torch.tensor([0, 1])).loss.backward()
        gradients.append(model.backbone.conv_stem.weight.grad)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-4)


def test_xception_says_that_it_has_no_checkpoints() -> None:
    with pytest.raises(ValueError, match="legacy_xception has no gradient checkpointing"):
        full_size("xception").activation_checkpointing_enable()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "some"}, "give one of none, auto"),
        ({"attention": "auto"}, "'auto' needs attention_stage"),
        ({"attention_heads": 4}, "attention_heads can't act with attention 'none'"),
        ({"attention": "auto", "attention_stage": 2, "texture_stage": 1}, "texture_stage can't act"),
        ({"attention": "multi_head", "attention_heads": 0}, "attention_heads is 0"),
        (
            {
                "attention": "multi",
                "attention_stage": 1,
                "texture_stage": 1,
                "num_attention_maps": 2,
                "region_loss_weight": 1.0,
            },
            "texture_stage 1 is not before attention_stage 1",
        ),
        ({"frequency": "dwt"}, "'dwt' needs frequency_place"),
        ({"frequency_place": "beside"}, "frequency_place can't act with frequency 'none'"),
        ({"frequency": "dwt", "frequency_place": "behind"}, "give 'beside' or 'instead'"),
    ],
)
def test_options_that_can_not_act_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrameDetectorConfig(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "auto", "attention_stage": 7}, "stage 7 is not there: this backbone has stages 0 to 4"),
        ({"attention": "auto", "attention_stage": 2, "backbone": "test_convnext"}, "blocks of an EfficientNet"),
        ({"attention": "multi_head", "attention_heads": 7}, "7 heads don't divide the 256 channels"),
    ],
)
def test_a_backbone_that_does_not_fit_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrameDetectorForImageClassification(FrameDetectorConfig(**{"backbone": BACKBONE, **options}))


def test_the_embedded_face_weights_load_unchanged() -> None:
    folder = Path(__file__).parents[2] / "deepfake_hf" / "weights" / "face"
    model = FrameDetectorForImageClassification.from_pretrained(folder)
    assert model.config.attention == model.config.frequency == "none" and model.config.frequency_place is None
    assert {name.split(".")[0] for name in model.state_dict()} == {"backbone", "head"}
    pixels = torch.randn(1, 3, FRAME_SIDE, FRAME_SIDE, generator=torch.Generator().manual_seed(0))
    assert model.config.mirror_average
    with torch.inference_mode():
        raw = (model.head(model.backbone(pixels)) + model.head(model.backbone(pixels.flip(3)))) / 2
        margin = (raw[:, 1] - raw[:, 0]) * model.config.calibration["scale"] + model.config.calibration["bias"]
        made = model(pixels).logits
    torch.testing.assert_close(made[:, 1] - made[:, 0], margin)
