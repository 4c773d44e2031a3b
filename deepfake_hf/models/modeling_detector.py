"""What the detectors' model classes share: strict loading, and how a forward pass begins and ends."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from .layers_calibration import calibrated_logits


class DetectorModel(PreTrainedModel):
    """A model that is loaded whole or not at all.

    The base class fills missing tensors with whatever memory holds and only warns: here they are an error.
    """

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As of the base class, from safetensors only.

        Raises:
            ValueError: A tensor is missing, has another shape or is left over; or the labels have another polarity.
        """
        wanted = kwargs.pop("output_loading_info", False)
        kwargs.setdefault("use_safetensors", True)
        model, info = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        for fault, keys in (
            ("missing", "missing_keys"),
            ("misshapen", "mismatched_keys"),
            ("left over", "unexpected_keys"),
        ):
            names = sorted(str(key) for key in info[keys])
            if names:
                raise ValueError(
                    f"{len(names)} tensors are {fault} in the weights for {cls.__name__}, the first is {names[0]}: "
                    "they are of another model or damaged. Load weights and config.json that were saved together"
                )
        return (model, info) if wanted else model

    def get_input_embeddings(self) -> None:
        """None: pictures and sound have no table of embeddings. Accelerate asks before it shards by FSDP."""

    def wanted(self, output_hidden_states: bool | None, output_attentions: bool | None) -> tuple[bool, bool]:
        """Whether a call gives hidden states, and attention weights: as it says, or as the configuration says."""
        return (
            self.config.output_hidden_states if output_hidden_states is None else output_hidden_states,
            self.config.output_attentions if output_attentions is None else output_attentions,
        )

    def answer(self, raw: Tensor, labels: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """A detector's last step.

        Args:
            raw: (B, 2), what the head says.
            labels: int64 (B,), 0 real and 1 fake, or None.

        Returns:
            The cross entropy of the raw logits, None without labels; logits float32 (B, 2), in eval mode calibrated by
            the configuration's calibrator, where it has one.
        """
        logits = raw.float()
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return loss, logits if self.training else calibrated_logits(logits, self.config.calibration)
