"""Systems that listen."""

from __future__ import annotations

from typing import Any, Final

from .preset_row import Preset

_MEL: Final[dict[str, Any]] = {
    "kind": "log_mel",
    "sampling_rate": 16_000,
    "n_fft": 1024,  # of a shorter window: at 16 Hz a step, no mel band is without an FFT bin
    "win_length": 400,
    "hop_length": 160,
    "num_mel_bins": 128,
}


def _cnn_ast(num_bins: int, patch_size: list[int], processor: dict[str, Any], source: str = "") -> Preset:
    """Convolutions and an encoder over patches: time and frequency are halved twice before a patch of 4 moments, which
    is then 16 frames, 160 ms, long."""
    return Preset(
        kind="audio",
        config={
            "num_bins": num_bins,
            "block": "strided",
            "widths": [32, 64],
            "time_strides": [2, 2],
            "bin_strides": [2, 2],
            "convs_per_block": [2, 2],
            "patch_size": patch_size,
            "hidden_size": 192,
            "encoder_layers": 6,
            "encoder_heads": 3,
            "encoder_mlp_ratio": 4,
            "pooling": "class_token",
            "window_frames": 1024,
        },
        processor=dict(processor),
        citation=f"after Gong et al. 2021, AST (arXiv:2104.01778), with a convolutional stem{source}",
        licence="Apache-2.0",
        notes="random; clips of any length by windows of 1,024 frames, 10.24 s",
    )


def _aasist(widths: list[int], graph_widths: list[int], pool_ratios: list[float]) -> Preset:
    heard = {"sampling_rate": 16_000, "num_samples": 64_600}
    return Preset(
        kind="waveform",
        config={
            **heard,
            "widths": widths,
            "graph_widths": graph_widths,
            "pool_ratios": pool_ratios,
            "temperatures": [2.0, 2.0, 100.0],
        },
        processor=heard,
        citation="Jung et al. 2022, AASIST, ICASSP (arXiv:2110.01200)",
        licence="Apache-2.0",
        notes=(
            "random; clips are repeated or cut to 64,600 samples, about 4 s; convert_aasist takes published weights, "
            "whose licence is their publisher's"
        ),
    )


AUDIO_PRESETS: Final[dict[str, Preset]] = {
    "lite_audio": Preset(
        kind="audio",
        config={
            "num_bins": 960,
            "num_channels": 2,
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
    "lite_speech": Preset(
        kind="statistics",
        config={"sampling_rate": 16_000, "limit": 1.5, "soft": True, "two_sided": True},
        processor={"sampling_rate": 16_000, "num_samples": 0},
        citation="this project; linear-frequency cepstra (Sahidullah et al. 2015), group delay and phase steps, "
        "envelopes, a linear head",
        licence="Apache-2.0",
        notes="random; the embedded bundle's speech branch",
    ),
    "mel_cnn": Preset(
        kind="audio",
        config={
            "num_bins": 128,
            "block": "pooled",
            "widths": [32, 64, 128, 256],
            "time_strides": [2, 2, 2, 2],
            "bin_strides": [2, 2, 2, 2],
            "convs_per_block": [1, 1, 1, 1],
            "hidden_size": 128,
            "encoder_layers": 0,
            "pooling": "global",
            "dropout": 0.3,
        },
        processor=dict(_MEL),
        citation="this project; convolution, batch norm (Ioffe & Szegedy 2015, arXiv:1502.03167), ReLU and pooling",
        licence="Apache-2.0",
        notes="random",
    ),
    "mel_cnn_ast": _cnn_ast(128, [4, 4], _MEL),
    "logspec_cnn_ast": _cnn_ast(
        242,
        [4, 8],
        {"kind": "log_linear", "sampling_rate": 16_000, "n_fft": 512, "win_length": 400, "hop_length": 160},
    ),
    "cqt_cnn_ast": _cnn_ast(
        106,
        [4, 4],
        {
            "kind": "log_cqt",
            "sampling_rate": 16_000,
            "win_length": 4_608,  # 288 ms: the lowest kernel, 16 bins to the octave at 80 Hz, is 4,517 samples long
            "hop_length": 160,
            "bins_per_octave": 16,
            "min_hz": 80.0,
        },
        "; constant-Q transform of Brown 1991 (J. Acoust. Soc. Am. 89(1), 425-434)",
    ),
    "aasist": _aasist([32, 32, 64, 64, 64, 64], [64, 32], [0.5, 0.7, 0.5]),
    "aasist_l": _aasist([32, 32, 24, 24, 24, 24], [24, 32], [0.4, 0.5, 0.7]),
}
