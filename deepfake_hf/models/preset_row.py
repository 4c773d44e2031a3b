"""What a row of the table of systems holds. No classes of models here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["frame", "clip", "audio", "waveform", "statistics", "landmarks", "series", "sync"]


@dataclass(frozen=True)
class Preset:
    """One system.

    ``config`` are keyword arguments of the kind's configuration class, ``processor`` those of its processor (input
    size in pixels, mean and std, sampling rate in Hz, …); ``pretrained`` says where backbone weights come from, or
    is None where there are none and a fresh model is ``random``.
    """

    kind: Kind
    config: dict[str, Any]
    processor: dict[str, Any]
    citation: str
    licence: str
    pretrained: str | None = None
    notes: str = field(default="")
