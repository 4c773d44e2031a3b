"""SyncNet: the published towers' sizes, the converter, the loss and the offset, without any weights but its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from transformers import AutoConfig, AutoModel

from deepfake_hf.models import PRESETS, SyncNetConfig, SyncNetModel, build_model
from deepfake_hf.models.convert_syncnet import (
    convert_syncnet_state,
    read_syncnet_checkpoint,
    syncnet_from_published,
)
from deepfake_hf.models.modeling_syncnet import contrastive_loss, offset_and_confidence

SMALL = {
    "image_size": 112,
    "visual_widths": [4, 6, 6, 6, 6, 8],
    "sound_widths": [4, 6, 8, 6, 6, 8],
    "hidden_size": 8,
    "embedding_size": 16,
}

# The published layers by their place in the four nn.Sequential: convolutions and linear layers with their weights'
# shapes, batch norms with their width. ReLUs and pools have a place and no tensor.
PUBLISHED: dict[str, dict[int, tuple[int, ...]]] = {
    "netcnnaud": {
        0: (64, 1, 3, 3),
        4: (192, 64, 3, 3),
        8: (384, 192, 3, 3),
        11: (256, 384, 3, 3),
        14: (256, 256, 3, 3),
        18: (512, 256, 5, 4),
    },
    "netcnnlip": {
        0: (96, 3, 5, 7, 7),
        4: (256, 96, 1, 5, 5),
        8: (256, 256, 1, 3, 3),
        11: (256, 256, 1, 3, 3),
        14: (256, 256, 1, 3, 3),
        18: (512, 256, 1, 6, 6),
    },
    "netfcaud": {0: (512, 512), 3: (1024, 512)},
    "netfclip": {0: (512, 512), 3: (1024, 512)},
}


def published_state(counters: bool = False) -> dict[str, Tensor]:
    """A state dict of the published names and shapes, filled with small random numbers."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    for module, layers in PUBLISHED.items():
        for place, shape in layers.items():
            state[f"{module}.{place}.weight"] = torch.randn(shape, generator=rng) * 0.01
            state[f"{module}.{place}.bias"] = torch.randn(shape[0], generator=rng) * 0.01
            if module.startswith("netfc") and place == 3:
                continue  # no norm behind an embedding
            for name in ("weight", "bias", "running_mean"):
                state[f"{module}.{place + 1}.{name}"] = torch.randn(shape[0], generator=rng) * 0.1
            state[f"{module}.{place + 1}.running_var"] = torch.rand(shape[0], generator=rng) + 0.5
            if counters:
                state[f"{module}.{place + 1}.num_batches_tracked"] = torch.tensor(7)
    return state


def small_model(**options: object) -> SyncNetModel:
    torch.manual_seed(0)
    return SyncNetModel(SyncNetConfig(**{**SMALL, **options})).eval()


def small_pairs(batch: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return {
        "pixel_values": torch.randn(batch, 3, 5, 112, 112, generator=rng),
        "input_values": torch.randn(batch, 1, 13, 20, generator=rng),
    }


def test_parameters_of_the_published_towers() -> None:
    """Convolution: in x out x kernel + out. Batch norm: 2 x width. Linear: in x out + out."""
    with torch.device("meta"):
        model = SyncNetModel(SyncNetConfig(**PRESETS["syncnet"].config))
    visual = (
        (3 * 96 * 5 * 7 * 7 + 96 + 2 * 96)  # 70,848
        + (96 * 256 * 5 * 5 + 256 + 2 * 256)  # 615,168
        + 3 * (256 * 256 * 3 * 3 + 256 + 2 * 256)  # 3 x 590,592
        + (256 * 512 * 6 * 6 + 512 + 2 * 512)  # 4,720,128
    )
    sound = (
        (1 * 64 * 3 * 3 + 64 + 2 * 64)  # 768
        + (64 * 192 * 3 * 3 + 192 + 2 * 192)  # 111,168
        + (192 * 384 * 3 * 3 + 384 + 2 * 384)  # 664,704
        + (384 * 256 * 3 * 3 + 256 + 2 * 256)  # 885,504
        + (256 * 256 * 3 * 3 + 256 + 2 * 256)  # 590,592
        + (256 * 512 * 5 * 4 + 512 + 2 * 512)  # 2,622,976
    )
    embedding = (512 * 512 + 512 + 2 * 512) + (512 * 1024 + 1024)  # 263,680 + 525,312
    assert (visual, sound, embedding) == (7_177_920, 4_875_712, 788_992)

    def count(*parts: torch.nn.Module) -> int:
        return sum(value.numel() for part in parts for value in part.parameters())

    assert count(model.visual_tower) == visual and count(model.sound_tower) == sound
    assert count(model.visual_embedding) == count(model.sound_embedding) == embedding
    assert model.num_parameters() == visual + sound + 2 * embedding == 13_631_616
    assert model.config.visual_cells == 6 and model.config.sound_cells == (5, 4)


def test_embeddings_row_by_row_and_in_half_precision() -> None:
    model, pairs = small_model(), small_pairs(3)
    with torch.inference_mode():
        made = model(**pairs)
        alone = model(**{key: value[1:2] for key, value in pairs.items()})
        half = model.to(torch.bfloat16)(**{key: value.bfloat16() for key, value in pairs.items()})
    assert made.visual_embeds.shape == made.sound_embeds.shape == (3, 16)
    assert made.loss is None and made.visual_embeds.dtype == half.sound_embeds.dtype == torch.float32
    torch.testing.assert_close(made.distances, (made.visual_embeds - made.sound_embeds).square().sum(1).sqrt())
    torch.testing.assert_close(made.visual_embeds[1:2], alone.visual_embeds, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made.sound_embeds[1:2], alone.sound_embeds, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(half.distances, made.distances, atol=0.05, rtol=0.05)


def test_every_parameter_gets_a_gradient_and_four_pairs_are_learnt() -> None:
    model, pairs, labels = small_model(margin=2.0).train(), small_pairs(4), torch.tensor([1, 0, 1, 0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for step in range(40):
        loss = model(**pairs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            assert [key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    model = small_model(weights_origin="trained")
    model.train()(**small_pairs(4))  # moves the norms' buffers
    model.eval().save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert type(again) is SyncNetModel and type(AutoConfig.from_pretrained(tmp_path)) is SyncNetConfig
    assert again.config.weights_origin == "trained" and not again.training
    theirs, ours = again.state_dict(), model.state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[key], ours[key]) for key in ours)


def test_the_code_that_is_exported_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    for cls in (SyncNetModel, SyncNetConfig):
        monkeypatch.setattr(cls, "_auto_class", cls._auto_class)  # put back afterwards
    SyncNetModel.register_for_auto_class("AutoModel")
    SyncNetConfig.register_for_auto_class()
    model.save_pretrained(tmp_path)
    files = {file.stem: file.read_text() for file in tmp_path.glob("*.py")}
    assert {"configuration_syncnet", "modeling_syncnet", "modeling_detector"} <= set(files)
    for code in files.values():
        assert set(re.findall(r"^\s*from \.(\S*) import", code, re.MULTILINE)) <= set(files)


def test_the_contrastive_loss_by_hand() -> None:
    visual = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    sound = torch.tensor([[3.0, 4.0], [0.6, 0.8], [3.0, 4.0]])
    made = contrastive_loss(visual, sound, torch.tensor([1, 0, 0]), margin=2.0)
    assert float(made) == pytest.approx((25 + (2 - 1) ** 2 + 0) / (2 * 3))


def test_the_loss_of_equal_embeddings_has_a_finite_slope() -> None:
    visual = torch.zeros(1, 4, requires_grad=True)
    contrastive_loss(visual, torch.zeros(1, 4), torch.tensor([0]), 1.0).backward()
    assert bool(visual.grad.isfinite().all())


@pytest.mark.parametrize("early", [-4, -1, 0, 3])
def test_the_offset_is_found_with_its_sign(early: int) -> None:
    """Sound that comes ``early`` frames too soon: what is heard at frame i is seen at frame i + early."""
    moments = np.random.default_rng(0).normal(size=(60, 8))
    visual, sound = torch.tensor(moments[10:50]), torch.tensor(moments[10 + early : 50 + early])
    found = offset_and_confidence(visual, sound, max_offset_frames=6)
    assert found.offset_frames == early and found.offsets == tuple(range(-6, 7))
    # the reference, pair by pair
    means = []
    for offset in range(-6, 7):
        pairs = [(i, i - offset) for i in range(40) if 0 <= i - offset < 40]
        means.append(np.mean([np.linalg.norm(visual[i].numpy() - sound[j].numpy()) for i, j in pairs]))
    np.testing.assert_allclose(found.distances, means, rtol=1e-5, atol=1e-5)
    assert found.confidence == pytest.approx(np.median(means) - np.min(means), rel=1e-5)


def test_where_nothing_fits_better_there_is_no_confidence() -> None:
    still = torch.ones(20, 8)
    assert offset_and_confidence(still, still, 5).confidence == 0


@pytest.mark.parametrize(("looks", "sounds", "limit"), [(6, 20, 6), (20, 6, 6), (20, 20, 0)])
def test_clips_too_short_for_an_offset_are_refused(looks: int, sounds: int, limit: int) -> None:
    with pytest.raises(ValueError, match="no pair at every offset"):
        offset_and_confidence(torch.zeros(looks, 4), torch.zeros(sounds, 4), limit)
    with pytest.raises(ValueError, match="give \\(N, D\\)"):
        offset_and_confidence(torch.zeros(9, 4), torch.zeros(9, 5))


@pytest.mark.parametrize("counters", [False, True])
@pytest.mark.parametrize("suffix", [".model", ".safetensors"])
def test_a_published_checkpoint_is_converted(suffix: str, counters: bool, tmp_path: Path) -> None:
    state, path = published_state(counters), tmp_path / f"syncnet_v2{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    model = syncnet_from_published(path)
    assert not model.training and model.config.weights_origin == "trained"
    own = model.state_dict()
    assert torch.equal(own["visual_tower.0.weight"], state["netcnnlip.0.weight"].flip(1))  # BGR to RGB
    assert torch.equal(own["visual_tower.18.weight"], state["netcnnlip.18.weight"])
    assert torch.equal(own["sound_tower.3.weight"], state["netcnnaud.4.weight"])
    assert torch.equal(own["sound_tower.18.running_var"], state["netcnnaud.19.running_var"])
    assert torch.equal(own["sound_embedding.3.bias"], state["netfcaud.3.bias"])
    assert torch.equal(own["visual_embedding.1.running_mean"], state["netfclip.1.running_mean"])


def test_converted_towers_compute_what_the_published_layers_do() -> None:
    """The sound tower against its layers written out with torch's functions, from the published names."""
    state = published_state()
    model = SyncNetModel(SyncNetConfig()).eval()
    model.load_state_dict(convert_syncnet_state(state), strict=False)

    def layer(x: Tensor, module: str, place: int, padding: int) -> Tensor:
        name = f"{module}.{place}"
        x = functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)
        norm = f"{module}.{place + 1}"
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return functional.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"]).relu()

    sound = torch.randn(2, 1, 13, 20)
    x = layer(sound, "netcnnaud", 0, 1)
    x = functional.max_pool2d(layer(x, "netcnnaud", 4, 1), (3, 3), (1, 2))
    x = layer(layer(x, "netcnnaud", 8, 1), "netcnnaud", 11, 1)
    x = functional.max_pool2d(layer(x, "netcnnaud", 14, 1), (3, 3), (2, 2))
    x = layer(x, "netcnnaud", 18, 0).flatten(1)
    with torch.inference_mode():
        torch.testing.assert_close(model.sound_tower(sound), x, atol=1e-5, rtol=1e-4)


class Evil:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("pwned", "w"))


@pytest.mark.parametrize("content", [Evil(), {"model": Evil()}, torch.nn.Linear(2, 2)])
def test_nothing_but_tensors_is_read(content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "evil.model")
    with pytest.raises(ValueError, match="is not opened"):
        read_syncnet_checkpoint("evil.model")
    assert not Path("pwned").exists()


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkpoint"):
        read_syncnet_checkpoint(tmp_path / "none.model")
    torch.save({"epoch": 3}, tmp_path / "a.model")
    with pytest.raises(ValueError, match="no state dict"):
        read_syncnet_checkpoint(tmp_path / "a.model")
    with pytest.raises(ValueError, match=r"layer1\.weight is no tensor"):
        convert_syncnet_state({"layer1.weight": torch.zeros(1)})
    state = published_state()
    state["netfcaud.3.bias"] = torch.zeros(5)
    save_file(state, tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"misshapen.*sound_embedding\.3\.bias"):
        syncnet_from_published(tmp_path / "b.safetensors")
    del state["netfcaud.3.bias"]
    save_file(state, tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"missing.*sound_embedding\.3\.bias"):
        syncnet_from_published(tmp_path / "b.safetensors")


def test_wrong_shapes_are_named() -> None:
    model, pairs = small_model(), small_pairs(2)
    with pytest.raises(ValueError, match=r"needs \(B, 3, 5, 112, 112\)"):
        model(pairs["pixel_values"][:, :, :4], pairs["input_values"])
    with pytest.raises(ValueError, match=r"needs \(B, 1, 13, 20\)"):
        model(pairs["pixel_values"], pairs["input_values"][..., :19])
    with pytest.raises(ValueError, match="2 looks and 1 sounds"):
        model(pairs["pixel_values"], pairs["input_values"][:1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"visual_widths": [8]}, "six channels"),
        ({"image_size": 48}, "leave nothing"),
        ({"num_steps": 5}, "leave nothing"),
        ({"weights_origin": "downloaded"}, "'trained' or 'random'"),
    ],
)
def test_impossible_configurations(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SyncNetConfig(**options)


def test_a_fresh_one_is_random_and_takes_no_backbone() -> None:
    assert build_model("syncnet").config.weights_origin == "random"
    with pytest.raises(ValueError, match="no backbone"):
        build_model("syncnet", {})
