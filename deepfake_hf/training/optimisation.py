"""Optimiser, rates by layer, schedules, and what stays frozen for how long."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from timm.models import group_parameters
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from deepfake_hf.errors import UsageError
from deepfake_hf.training.config import OptimiserConfig, ScheduleConfig


def build_optimiser(model: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """Adam or AdamW over the parameters that learn, grouped by their rate.

    Raises:
        UsageError: Layers can't be told apart, an expression matches nothing, or nothing is left to learn.
    """
    factors = _layer_factors(model, config.layer_decay)
    names = [name for name, value in model.named_parameters() if value.requires_grad]
    if not names:
        raise UsageError("optimiser.freeze", "it leaves no parameter to learn", "leave out the widest expression")
    for expression in config.rates:
        _matching(model, expression, "rates")
    groups: dict[float, list[nn.Parameter]] = {}
    parameters = dict(model.named_parameters())
    for name in names:
        factor = next((value for key, value in config.rates.items() if re.search(key, name)), 1.0)
        groups.setdefault(factor * factors.get(name, 1.0), []).append(parameters[name])
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    return kind(
        [{"params": part, "lr": factor * config.learning_rate} for factor, part in groups.items()],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
    )


def _layer_factors(model: nn.Module, decay: float) -> dict[str, float]:
    """By parameter name of the backbone, ``decay`` once for each layer between it and the head."""
    if decay == 1.0:
        return {}
    backbone: Any = getattr(model, "backbone", None)
    if backbone is None or not hasattr(backbone, "group_matcher"):
        raise UsageError(
            f"optimiser.layer_decay {decay}", "this model has no backbone whose layers timm can tell", "leave it at 1"
        )
    depth = group_parameters(backbone, backbone.group_matcher(coarse=False), reverse=True)
    last = max(depth.values())
    return {f"backbone.{name}": decay ** (last - place + 1) for name, place in depth.items()}


def _matching(model: nn.Module, expression: str, option: str) -> list[str]:
    try:
        found = [name for name, _ in model.named_parameters() if re.search(expression, name)]
    except re.error as error:
        raise UsageError(f"optimiser.{option} {expression}", str(error), "give a regular expression") from None
    if not found:
        first = next(name for name, _ in model.named_parameters())
        raise UsageError(f"optimiser.{option} {expression}", "no parameter has such a name", f"names look like {first}")
    return found


Schedule = LRScheduler | ReduceLROnPlateau


def build_schedule(optimiser: torch.optim.Optimizer, config: ScheduleConfig, steps: int) -> Schedule:
    """The schedule; ``plateau`` is stepped at evaluations, the others at every step."""
    rates = [group["lr"] for group in optimiser.param_groups]
    if config.name == "one_cycle":
        return OneCycleLR(
            optimiser, rates, total_steps=steps + 1, pct_start=config.warmup or 0.3, div_factor=config.div
        )
    if config.name == "plateau":
        floors = [config.floor * rate for rate in rates]
        return ReduceLROnPlateau(optimiser, factor=config.factor, patience=config.patience, min_lr=floors)
    warm = config.warmup * steps

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / (warm + 1)
        if config.name == "constant":
            return 1.0
        done = (step - warm) / max(steps - warm, 1)
        return config.floor + (1 - config.floor) * (1 + math.cos(math.pi * min(done, 1.0))) / 2

    return LambdaLR(optimiser, factor)


class Freezing:
    """Keeps parameters as they are until a step.

    Those that stay so to the end need no gradient at all. Those that thaw later get one, which is dropped: processes
    that share gradients must agree on who has one from the start. Modules of which nothing learns stay in eval mode, so
    that batch statistics below a frozen layer don't move.

    Args:
        model: Before it is wrapped.
        freeze: Regular expression to the share of the steps.
        steps: Of the whole run.
    """

    def __init__(self, model: nn.Module, freeze: dict[str, float], steps: int) -> None:
        self.model = model
        self.until: dict[str, int] = {}
        for expression, share in freeze.items():
            for name in _matching(model, expression, "freeze"):
                self.until[name] = max(self.until.get(name, 0), round(share * steps))
        self.parameters = dict(model.named_parameters())
        for name, until in self.until.items():
            if until >= steps:
                self.parameters[name].requires_grad_(False)

    def _frozen(self, step: int) -> set[str]:
        return {name for name, until in self.until.items() if step < until}

    def set_modes(self, step: int) -> None:
        """After ``model.train()``."""
        frozen = self._frozen(step)
        if not frozen:
            return
        for prefix, module in self.model.named_modules():
            own = [f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters()]
            if own and all(name in frozen for name in own):
                module.eval()

    def drop_gradients(self, step: int) -> None:
        for name in self._frozen(step):
            self.parameters[name].grad = None
