"""What holds for every detector in the table of presets, on tiny backbones."""

from __future__ import annotations

import pytest
import torch

from deepfake_hf.models import PRESETS, build_model
from deepfake_hf.models.build import CLASSES
from tests.models.tiny import DETECTORS, SMALLER, tiny_inputs, tiny_model

# Softmax sees no shift: but for rounding, this one's gradient is zero.
SHIFTS = ["pool.score.2.bias"]
PADDED = [name for name in DETECTORS if PRESETS[name].kind in ("clip", "audio", "waveform", "statistics", "series")]
CALIBRATION = {"scale": 0.5, "bias": 1.0}


def test_every_preset_has_a_class_and_every_detector_is_tested() -> None:
    assert {preset.kind for preset in PRESETS.values()} <= set(CLASSES)
    assert set(CLASSES) - set(SMALLER) == {"landmarks", "sync"}  # no detectors: their own tests


@pytest.mark.parametrize("name", DETECTORS)
def test_shape_and_finite(name: str) -> None:
    model = tiny_model(name)
    with torch.inference_mode():
        logits = model(**tiny_inputs(name, 3)).logits
    assert logits.shape == (3, 2) and logits.dtype == torch.float32 and bool(logits.isfinite().all())
    assert float(logits.std(0).min()) > 1e-3  # the input matters


@pytest.mark.parametrize("name", DETECTORS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = tiny_model(name).train()
    model(**tiny_inputs(name, 4), labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    without = [key for key, value in model.named_parameters() if value.grad is None or not bool(value.grad.any())]
    assert [key for key in without if key not in SHIFTS] == []


@pytest.mark.parametrize("name", DETECTORS)
def test_a_row_of_a_batch_equals_the_single_item(name: str) -> None:
    model, inputs = tiny_model(name), tiny_inputs(name, 4)
    with torch.inference_mode():
        together = model(**inputs).logits
        alone = torch.cat([model(**{key: value[i : i + 1] for key, value in inputs.items()}).logits for i in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", PADDED)
def test_padding_never_changes_an_answer(name: str) -> None:
    model, inputs = tiny_model(name), tiny_inputs(name, 2)
    ((key, values),) = inputs.items()
    half = values.shape[1] // 2
    mask = torch.ones(values.shape[:2], dtype=torch.int64)
    mask[1, half:] = 0
    values[1, half:] = 1e4  # what stands in padding is never read
    with torch.inference_mode():
        together = model(**{key: values}, attention_mask=mask).logits
        long, short = (model(**{key: part}).logits for part in (values[:1], values[1:, :half]))
    torch.testing.assert_close(together, torch.cat([long, short]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_bfloat16(name: str) -> None:
    model, inputs = tiny_model(name), tiny_inputs(name, 3)
    with torch.inference_mode():
        full = model(**inputs).logits
        half = model.to(torch.bfloat16)(**{key: value.bfloat16() for key, value in inputs.items()}).logits
    assert half.dtype == torch.float32 and bool(half.isfinite().all())
    assert float((half - full).abs().max()) < 0.1 * max(1.0, float(full.abs().max()))


@pytest.mark.parametrize("name", DETECTORS)
def test_four_items_are_learnt_by_heart(name: str) -> None:
    model = tiny_model(name, dropout=0.0).train()
    inputs, labels = tiny_inputs(name, 4), torch.tensor([0, 1, 1, 0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    while len(losses) < 75 and (not losses or losses[-1] > 0.09):
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 < losses[0], losses


@pytest.mark.parametrize("name", DETECTORS)
def test_the_calibrator_acts_in_eval_mode_only(name: str) -> None:
    plain, calibrated = tiny_model(name, dropout=0.0), tiny_model(name, dropout=0.0, calibration=CALIBRATION)
    inputs, labels = tiny_inputs(name, 4), torch.tensor([0, 1, 1, 0])
    with torch.inference_mode():
        raw, made = plain(**inputs, labels=labels), calibrated(**inputs, labels=labels)
        margin = raw.logits[:, 1] - raw.logits[:, 0]
        torch.testing.assert_close(made.logits[:, 1] - made.logits[:, 0], 0.5 * margin + 1.0)
        torch.testing.assert_close(made.loss, raw.loss)  # training and its early stopping look at raw logits
        in_training = [model.train()(**inputs).logits for model in (plain, calibrated)]
    assert torch.equal(*in_training)


@pytest.mark.parametrize("name", ["lite_frame", "lite_clip"])
def test_build_model_is_honest_about_its_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SMALLER[PRESETS[name].kind]
    monkeypatch.setitem(PRESETS[name].config, "backbone", small["backbone"])
    state = {key: torch.full_like(value, 0.5) for key, value in build_model(name).backbone.state_dict().items()}
    model = build_model(name, state)
    assert model.training and model.config.weights_origin == "random"
    assert all(bool((value == 0.5).all()) for value in model.backbone.parameters())
    with pytest.raises(ValueError, match="missing from the weights"):
        build_model(name, {})


def test_build_model_names_what_it_knows() -> None:
    with pytest.raises(ValueError, match=r"unknown preset 'no_such_system'\. Known are .*lite_frame"):
        build_model("no_such_system")
    with pytest.raises(ValueError, match="no backbone"):
        build_model("lite_audio", {})
