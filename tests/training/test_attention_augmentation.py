"""Attention-guided augmentation: what is attended to loses its detail, and nothing else changes."""

from __future__ import annotations

import torch
from torch import Tensor

from deepfake_hf.training.attention_augmentation import guided_drop
from deepfake_hf.training.stage_faces import crop_loss
from tests.models.tiny import tiny_inputs, tiny_model


def detail(pixels: Tensor) -> float:
    return float(pixels.diff(dim=-1).abs().mean())


def test_only_what_one_map_attends_to_is_degraded() -> None:
    pixels = torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(6, 2, 8, 8)
    maps[:, 0, :, :3], maps[:, 1, :, 5:] = 5.0, 0.1  # left and right; how strong a map is does not count
    torch.manual_seed(0)
    made = guided_drop(pixels, maps)
    sides = [
        (detail(made[i, ..., :20]) < 0.2 * detail(pixels[i, ..., :20]),
         detail(made[i, ..., 44:]) < 0.2 * detail(pixels[i, ..., 44:]))
        for i in range(6)
    ]  # fmt: skip
    assert set(sides) == {(True, False), (False, True)}
    assert torch.equal(made[..., 30:34], pixels[..., 30:34])  # nothing attends to the middle
    assert torch.equal(guided_drop(pixels, torch.zeros_like(maps)), pixels)
    with torch.autocast("cpu", torch.bfloat16):
        assert guided_drop(pixels, maps.bfloat16()).dtype == torch.float32


def test_training_of_several_maps_sees_the_dropped_crops_too() -> None:
    labels = torch.tensor([0, 1, 0, 1])
    for name, passes in (("multi_attention", 2), ("efficientnet_auto_att_b4", 1)):
        model = tiny_model(name).train()
        seen: list[Tensor] = []
        model.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        (pixels,) = tiny_inputs(name, 4).values()
        batch = {"pixel_values": pixels, "labels": labels, "kind": torch.zeros_like(labels)}
        loss, _ = crop_loss(model, model.config.attention, batch, 1.0)
        loss.backward()
        assert len(seen) == passes and seen[0] is pixels and bool(loss.isfinite())
        assert all(detail(other) < detail(pixels) for other in seen[1:])
