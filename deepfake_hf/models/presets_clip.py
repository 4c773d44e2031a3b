"""Systems that look at face crops of consecutive moments."""

from __future__ import annotations

from typing import Final

from .preset_row import Preset

CLIP_PRESETS: Final[dict[str, Preset]] = {
    "lite_clip": Preset(
        kind="clip",
        config={"backbone": "tf_efficientnet_lite0", "image_size": 128, "num_frames": 16, "temporal_layers": 2},
        processor={"size": {"height": 128, "width": 128}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
        citation="this project; Transformer encoder of Vaswani et al. 2017 over frame features",
        licence="Apache-2.0",
        notes="random: no clip branch is shipped until it beats robust averaging of frame scores",
    ),
}
