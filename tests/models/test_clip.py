"""The clip detector's own manners: order matters, padding does not, also in training."""

from __future__ import annotations

import pytest
import torch

from deepfake_hf.models import ClipDetectorConfig
from tests.models.tiny import tiny_inputs, tiny_model


def test_the_order_of_frames_matters() -> None:
    model = tiny_model("lite_clip")
    pixels = tiny_inputs("lite_clip", 1)["pixel_values"]
    with torch.inference_mode():
        forth, back = model(pixels).logits, model(pixels.flip(1)).logits
    assert float((forth - back).abs().max()) > 1e-5


def test_padding_does_not_reach_batch_norm() -> None:
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    made = []
    for junk in (0.0, 100.0):
        model = tiny_model("lite_clip", dropout=0.0).train()
        pixels = tiny_inputs("lite_clip", 2)["pixel_values"]
        pixels[1, 2:] = junk
        made.append((model(pixels, mask).logits, model.state_dict()))
    torch.testing.assert_close(made[0][0], made[1][0])
    assert all(torch.equal(value, made[1][1][key]) for key, value in made[0][1].items())


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
