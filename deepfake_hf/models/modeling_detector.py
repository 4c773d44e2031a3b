"""What the detectors' model classes share: strict loading."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel


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
