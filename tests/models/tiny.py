"""Tiny versions of the presets, and inputs for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepfake_hf.models import PRESETS
from deepfake_hf.models.build import CLASSES

BACKBONE = "test_efficientnet"
SIDE = 32
FRAME_SIDE = 64  # the last map has 2 x 2 places, so that attention has something to choose from
# By kind: what makes a preset small; everything else stays as the preset has it.
SMALLER = {
    "frame": {"backbone": BACKBONE, "image_size": FRAME_SIDE},
    "clip": {"backbone": BACKBONE, "image_size": SIDE, "num_frames": 4, "hidden_size": 32},
    "audio": {
        "num_bins": 20,
        "widths": [4, 8],
        "time_strides": [2, 1],
        "bin_strides": [2, 2],
        "convs_per_block": [1, 2],
        "hidden_size": 16,
        "encoder_heads": 2,
        "initializer_range": 0.2,  # 0.02 is for hundreds of channels: through so few, almost nothing would come
    },
    "waveform": {
        "num_samples": 400,
        "num_filters": 18,
        "filter_taps": 17,
        "widths": [4, 4, 8],
        "graph_widths": [8, 8],
        "graph_dropout": 0.0,
        "pool_dropout": 0.0,
        "branch_dropout": 0.0,
    },
    "statistics": {},
    "series": {"hidden_size": 16},
}
# By preset, where the kind's are not enough.
SMALLER_ROWS: dict[str, dict[str, object]] = {
    # in full, 25 steps by heart would go into pushing the regions apart
    "multi_attention": {"region_loss_weight": 0.01},
}
DETECTORS = sorted(name for name, preset in PRESETS.items() if preset.kind in SMALLER)


def tiny_model(preset_name: str, **options: object) -> nn.Module:
    """A preset's class and configuration, made small; the head random (a fresh one may be zero and hide everything)."""
    torch.manual_seed(0)
    preset = PRESETS[preset_name]
    config_class, model_class = CLASSES[preset.kind]
    settings = {**preset.config, **SMALLER[preset.kind], **SMALLER_ROWS.get(preset_name, {})}
    if settings.get("encoder_layers"):
        settings["encoder_layers"] = 2  # as good as six here, and rounding in bf16 adds up less
    model = model_class(config_class(**{**settings, **options}))
    last = [module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == 2][-1]
    nn.init.normal_(last.weight, std=0.3)
    model.train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d) and preset.kind == "clip"]
    for norm in norms:
        norm.momentum = 1.0  # a fresh backbone's features hardly differ before its norms know their spread
    with torch.no_grad():
        model(**tiny_inputs(preset_name, 8, seed=9))  # batch norm sees something: its buffers differ from fresh ones
    for norm in norms:
        norm.momentum = 0.1
    return model.eval()


def tiny_inputs(preset_name: str, batch: int, seed: int = 0, length: int = 4) -> dict[str, Tensor]:
    """Random inputs; ``length`` counts frames of a clip, tens of them for sound, and hundreds of samples."""
    rng = torch.Generator().manual_seed(seed)
    shapes = {
        "frame": ("pixel_values", (batch, 3, FRAME_SIDE, FRAME_SIDE)),
        "clip": ("pixel_values", (batch, length, 3, SIDE, SIDE)),
        "audio": ("input_values", (batch, 10 * length, 20)),
        "waveform": ("input_values", (batch, 100 * length)),
        "statistics": ("input_values", (batch, 2_000 * length)),
        "series": ("landmark_values", (batch, 2 * length, 9)),
    }
    name, shape = shapes[PRESETS[preset_name].kind]
    return {name: torch.randn(shape, generator=rng)}
