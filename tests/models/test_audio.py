"""The audio detector: padding, batching, saving, gradients, and whether it can learn."""

from __future__ import annotations

import pytest
import torch

from deepfake_hf.models.configuration_audio import AudioDetectorConfig
from deepfake_hf.models.modeling_audio import AudioDetectorForAudioClassification
from deepfake_hf.models.presets import PRESETS


def _tiny(**changes) -> AudioDetectorForAudioClassification:
    torch.manual_seed(0)
    settings = {
        "num_bins": 40,
        "widths": [4, 8],
        "time_strides": [2, 2],
        "bin_strides": [2, 2],
        "convs_per_block": [1, 2],
        "hidden_size": 16,
        "encoder_heads": 2,
        "dropout": 0.0,
    }
    return AudioDetectorForAudioClassification(AudioDetectorConfig(**{**settings, **changes})).eval()


@pytest.mark.parametrize(("layers", "channels"), [(0, 1), (1, 1), (0, 2)])
@pytest.mark.parametrize("length", [1, 30, 33])
def test_padding_never_changes_the_answer(layers: int, channels: int, length: int) -> None:
    model = _tiny(encoder_layers=layers, num_channels=channels)
    clip = torch.randn(1, length, 40)
    padded = torch.full((1, 50, 40), 7.0)  # garbage, not zeros: the mask alone must decide
    padded[:, :length] = clip
    mask = (torch.arange(50) < length).long()[None]
    with torch.no_grad():
        assert torch.allclose(model(clip).logits, model(padded, attention_mask=mask).logits, atol=1e-5)


def test_a_row_of_a_batch_is_the_single_answer() -> None:
    model = _tiny()
    batch = torch.randn(3, 40, 40)
    with torch.no_grad():
        together = model(batch).logits
        alone = torch.cat([model(row[None]).logits for row in batch])
    assert torch.allclose(together, alone, atol=1e-5)


def test_nothing_but_padding_is_finite() -> None:
    logits = _tiny()(torch.randn(2, 20, 40), attention_mask=torch.zeros(2, 20, dtype=torch.long)).logits
    assert torch.isfinite(logits).all()


def test_save_and_load_keeps_weights_buffers_and_calibration(tmp_path) -> None:
    model = _tiny(calibration={"scale": 2.0, "bias": 0.5}, operating_points={"fpr1": 0.9})
    model.train()
    model(torch.randn(4, 40, 40))  # moves the batch-norm buffers
    model.eval().save_pretrained(tmp_path)
    loaded = AudioDetectorForAudioClassification.from_pretrained(tmp_path).eval()
    state = loaded.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert loaded.config.calibration == {"scale": 2.0, "bias": 0.5}
    assert loaded.config.operating_points == {"fpr1": 0.9}
    assert loaded.config.id2label == {0: "real", 1: "fake"}
    assert (tmp_path / "model.safetensors").is_file()
    clip = torch.randn(1, 40, 40)
    assert torch.equal(model(clip).logits, loaded(clip).logits)


def test_every_parameter_gets_a_gradient() -> None:
    model = _tiny().train()
    model(torch.randn(4, 40, 40), labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    empty = [n for n, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not empty


def test_logits_are_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert _tiny()(torch.randn(1, 40, 40)).logits.dtype == torch.float32


def test_overfits_four_items() -> None:
    model = _tiny().train()
    inputs, labels = torch.randn(4, 40, 40), torch.tensor([0, 1, 0, 1])
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(60):
        loss = model(inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_wrong_bins_and_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match="this model needs"):
        _tiny()(torch.randn(1, 40, 41))
    with pytest.raises(ValueError, match="length"):
        AudioDetectorConfig(widths=[4])
    with pytest.raises(ValueError, match="heads"):
        AudioDetectorConfig(hidden_size=10, encoder_heads=4)


def test_the_preset_of_the_bundle_is_small() -> None:
    with torch.device("meta"):
        model = AudioDetectorForAudioClassification(AudioDetectorConfig(**PRESETS["lite_audio"].config))
    assert model.num_parameters() <= 1_500_000
