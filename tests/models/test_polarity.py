"""A head of another polarity, an incomplete one or a turned calibrator never gives an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from deepfake_hf import labels
from deepfake_hf.models.build import CLASSES
from deepfake_hf.models.configuration_detector import DetectorConfig
from tests.models.tiny import tiny_model

CONFIGS = [config for config, _ in CLASSES.values() if issubclass(config, DetectorConfig)]
SWAPPED = {"id2label": {0: "fake", 1: "real"}, "label2id": {"fake": 0, "real": 1}}


@pytest.mark.parametrize("config_class", CONFIGS)
def test_fresh_labels_are_the_projects(config_class: type[DetectorConfig]) -> None:
    config = config_class()
    assert config.id2label == labels.ID2LABEL and config.label2id == labels.LABEL2ID and config.num_labels == 2


@pytest.mark.parametrize("config_class", CONFIGS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SWAPPED, "turn its answers round"),
        ({"id2label": {0: "LABEL_0", 1: "LABEL_1"}}, "turn its answers round"),
        ({"id2label": {0: "real"}}, "turn its answers round"),
        ({"label2id": {"real": 1, "fake": 0}}, "turn its answers round"),
        ({"num_labels": 1}, "two logits"),
        ({"calibration": {"scale": -1.0, "bias": 0.0}}, "turns answers round"),
        ({"calibration": {"scale": 1.0}}, "give {'scale': a, 'bias': b}"),
        ({"weights_origin": "downloaded"}, "'trained' or 'random'"),
    ],
)
def test_a_wrong_configuration_is_refused(
    config_class: type[DetectorConfig], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        config_class(**options)


def test_a_folder_with_other_labels_is_refused(tmp_path: Path) -> None:
    model = tiny_model("lite_frame")
    model.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    saved = json.loads(file.read_text())
    assert saved["id2label"] == {"0": "real", "1": "fake"}
    with pytest.raises(ValueError, match="turn its answers round"):
        type(model).from_pretrained(tmp_path, **SWAPPED)
    file.write_text(json.dumps(saved | SWAPPED))
    with pytest.raises(ValueError, match="turn its answers round"):
        type(model).from_pretrained(tmp_path)
    file.write_text(json.dumps({key: value for key, value in saved.items() if key not in SWAPPED}))
    with pytest.raises(ValueError, match="no id2label"):
        type(model).from_pretrained(tmp_path)


def test_a_configuration_changed_later_builds_no_model() -> None:
    model = tiny_model("lite_frame")
    model.config.id2label = SWAPPED["id2label"]
    with pytest.raises(ValueError, match="turn its answers round"):
        type(model)(model.config)


def test_weights_are_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    model = tiny_model("lite_frame")
    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    state = load_file(file)
    for changed, message in (
        ({key: value for key, value in state.items() if key != "head.weight"}, "missing.*head.weight"),
        ({**state, "head.extra": state["head.bias"].clone()}, "left over.*head.extra"),
    ):
        save_file(changed, file, {"format": "pt"})
        with pytest.raises(ValueError, match=message):
            type(model).from_pretrained(tmp_path)
    save_file({**state, "head.bias": state["head.weight"].clone()}, file, {"format": "pt"})
    with pytest.raises((ValueError, RuntimeError), match=r"head\.bias|shape|mismatch"):
        type(model).from_pretrained(tmp_path)
