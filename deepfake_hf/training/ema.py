"""An exponential moving average of a model's weights and buffers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Keeps ``average = decay * average + (1 - decay) * weights``; the decay warms up over the first steps."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, tensor in model.state_dict().items():
            kept = self.state[name]
            if kept.is_floating_point():
                kept.lerp_(tensor.detach().to(kept.dtype), 1 - decay)
            else:
                kept.copy_(tensor)

    def contiguous(self) -> dict[str, Tensor]:
        """The averaged tensors in plain memory order, as safetensors wants them."""
        return {name: tensor.contiguous() for name, tensor in self.state.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.steps = int(state["steps"])
        for name in self.state:
            self.state[name].copy_(state[name])
