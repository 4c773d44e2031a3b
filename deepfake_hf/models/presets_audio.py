"""Systems that listen."""

from __future__ import annotations

from typing import Final

from .preset_row import Preset

AUDIO_PRESETS: Final[dict[str, Preset]] = {
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
