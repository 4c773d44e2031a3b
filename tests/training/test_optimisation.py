"""Rates by layer and by name, schedules, and what stays frozen."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepfake_hf.errors import UsageError
from deepfake_hf.models import FrameDetectorConfig, FrameDetectorForImageClassification
from deepfake_hf.training.config import OptimiserConfig, ScheduleConfig
from deepfake_hf.training.optimisation import Freezing, build_optimiser, build_schedule


def model() -> FrameDetectorForImageClassification:
    return FrameDetectorForImageClassification(FrameDetectorConfig(backbone="test_efficientnet", image_size=64))


def rate_of(net: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, float]:
    by_id = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    return {name: by_id[id(p)] for name, p in net.named_parameters()}


def test_rates_fall_towards_the_input_and_follow_names() -> None:
    net = model()
    config = OptimiserConfig(learning_rate=1.0, layer_decay=0.5, rates={r"conv_head": 0.25})
    rates = rate_of(net, build_optimiser(net, config))
    assert rates["head.weight"] == 1.0
    assert rates["backbone.conv_stem.weight"] < rates["backbone.blocks.0.0.conv.weight"] < 1.0
    plainly = rate_of(net, build_optimiser(net, OptimiserConfig(learning_rate=1.0, layer_decay=0.5)))
    assert rates["backbone.conv_head.weight"] == 0.25 * plainly["backbone.conv_head.weight"]
    one = build_optimiser(net, OptimiserConfig(name="adam", weight_decay=0.1))
    assert type(one) is torch.optim.Adam and len(one.param_groups) == 1
    with pytest.raises(UsageError, match="no parameter has such a name"):
        build_optimiser(net, OptimiserConfig(rates={"nowhere": 1.0}))
    with pytest.raises(UsageError, match="no backbone"):
        build_optimiser(nn.Linear(2, 2), OptimiserConfig(layer_decay=0.9))


def rates(config: ScheduleConfig, steps: int = 20) -> list[float]:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = build_schedule(optimiser, config, steps)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step(*([1.0] if config.name == "plateau" else []))
    return found


def test_schedules() -> None:
    cosine = rates(ScheduleConfig("cosine", warmup=0.2, floor=0.1))
    assert cosine[0] < cosine[3] < max(cosine) == pytest.approx(2.0) and cosine[-1] == pytest.approx(0.2, abs=0.03)
    assert rates(ScheduleConfig("constant")) == [2.0] * 20
    cycle = rates(ScheduleConfig("one_cycle", warmup=0.3, div=10))
    assert cycle[0] == pytest.approx(0.2) and max(cycle) == pytest.approx(2.0, rel=0.05) and cycle[-1] < 0.1
    plateau = rates(ScheduleConfig("plateau", factor=0.5, patience=2, floor=0.2))
    assert plateau[:4] == [2.0] * 4 and plateau[4] == 1.0 and plateau[-1] == pytest.approx(0.4)


def test_frozen_parameters_stay_until_their_step() -> None:
    net = model()
    freezing = Freezing(net, {r"^backbone\.": 0.5, r"^backbone\.conv_stem": 1.0}, steps=4)
    assert not net.backbone.conv_stem.weight.requires_grad and net.backbone.conv_head.weight.requires_grad
    optimiser = build_optimiser(net, OptimiserConfig(name="adam", learning_rate=0.1))
    changed = []
    for step in range(4):
        before = {name: value.clone() for name, value in net.state_dict().items()}
        net.train()
        freezing.set_modes(step)
        net(torch.randn(4, 3, 64, 64), labels=torch.tensor([0, 1, 1, 1])).loss.backward()
        freezing.drop_gradients(step)
        optimiser.step()
        optimiser.zero_grad()
        changed.append({name for name, value in net.state_dict().items() if not torch.equal(value, before[name])})
    assert changed[0] == changed[1] == {"head.weight", "head.bias"}  # batch statistics neither
    assert "backbone.conv_head.weight" in changed[2] and "backbone.bn1.running_mean" in changed[2]
    assert all("backbone.conv_stem.weight" not in names for names in changed)
    with pytest.raises(UsageError, match="no parameter to learn"):
        Freezing(net, {".": 1.0}, 4)
        build_optimiser(net, OptimiserConfig())
