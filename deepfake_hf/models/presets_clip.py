"""Systems that look at a face through time: crops, landmarks, or the mouth beside the sound."""

from __future__ import annotations

from typing import Any, Final

from .preset_row import Preset

_IMAGENET: Final[dict[str, list[float]]] = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALF: Final[dict[str, list[float]]] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def _processor(side: int, num_frames: int, constants: dict[str, list[float]]) -> dict[str, Any]:
    return {"size": {"height": side, "width": side}, "num_frames": num_frames, **constants}


def _xception_conv(temporal: str, bidirectional: bool, source: str) -> Preset:
    return Preset(
        kind="clip",
        config={
            "backbone": "legacy_xception",
            "image_size": 224,
            "num_frames": 16,
            "conv_widths": [128, 256],
            "temporal": temporal,
            "bidirectional": bidirectional,
            "hidden_size": 256,
            "temporal_layers": 1,
            "head": "dense",
            "head_widths": [512, 256],
            "frame_loss_weight": 0.5,
            "dropout": 0.3,
        },
        processor=_processor(224, 16, _HALF),
        citation=f"Chollet 2017, Xception (arXiv:1610.02357); {source}",
        licence="Apache-2.0",
        pretrained="legacy_xception.tf_in1k",
        notes=(
            "Conv 3x3 128 and 256 on the last feature map, which is then averaged; the dense head answers for every "
            "frame and, at the recurrence's end, for the clip. 16 frames and equal shares of both losses are ours"
        ),
    )


_LSTM: Final = "Hochreiter & Schmidhuber 1997, Long Short-Term Memory (doi:10.1162/neco.1997.9.8.1735)"

CLIP_PRESETS: Final[dict[str, Preset]] = {
    "lite_clip": Preset(
        kind="clip",
        config={"backbone": "tf_efficientnet_lite0", "image_size": 128, "num_frames": 16, "temporal_layers": 2},
        processor=_processor(128, 16, _HALF),
        citation="this project; Transformer encoder of Vaswani et al. 2017 (arXiv:1706.03762) over frame features",
        licence="Apache-2.0",
        pretrained="tf_efficientnet_lite0.in1k",
        notes="no clip branch is shipped until it beats robust averaging of frame scores",
    ),
    "efficientnet_b3_transformer": Preset(
        kind="clip",
        config={
            "backbone": "efficientnet_b3",
            "image_size": 112,
            "num_frames": 30,
            "temporal": "transformer",
            "hidden_size": 512,
            "temporal_layers": 4,
            "temporal_heads": 8,
            "head": "reduction",
            "head_widths": [256],
            "dropout": 0.1,
        },
        processor=_processor(112, 30, _IMAGENET),
        citation=(
            "Tan & Le 2019, EfficientNet (arXiv:1905.11946); Vaswani et al. 2017, Transformer encoder "
            "(arXiv:1706.03762)"
        ),
        licence="Apache-2.0",
        pretrained="efficientnet_b3.ra2_in1k",
        notes="10 to 30 frames a clip, padded and masked; width, depth and the pre-norm layers are ours",
    ),
    "resnext50_lstm": Preset(
        kind="clip",
        config={
            "backbone": "resnext50_32x4d",
            "image_size": 112,
            "num_frames": 20,
            "temporal": "lstm",
            "hidden_size": 2048,
            "temporal_layers": 1,
            "dropout": 0.4,
        },
        processor=_processor(112, 20, _IMAGENET),
        citation=(
            f"Xie et al. 2017, ResNeXt (arXiv:1611.05431); {_LSTM}; frame features and an LSTM against deepfakes: "
            "Güera & Delp 2018 (doi:10.1109/AVSS.2018.8639163)"
        ),
        licence="Apache-2.0",
        pretrained="resnext50_32x4d.a1h_in1k",
    ),
    "xception_conv_lstm": _xception_conv("lstm", False, _LSTM),
    "xception_conv_bilstm": _xception_conv(
        "lstm", True, f"{_LSTM}; Schuster & Paliwal 1997, bidirectional (doi:10.1109/78.650093)"
    ),
    "xception_conv_gru": _xception_conv("gru", False, "Cho et al. 2014, GRU (arXiv:1406.1078)"),
    "landmark_gru": Preset(
        kind="series",
        config={"feature_size": 9, "hidden_size": 64, "num_layers": 2, "bidirectional": True, "dropout": 0.2},
        processor={"blink_threshold": 0.2, "longest_blink_s": 0.5, "rate_window_s": 10.0},
        citation=(
            "Soukupová & Čech 2016, eye aspect ratio (21st Computer Vision Winter Workshop); Li, Chang & Lyu 2018, "
            "blinks (arXiv:1806.02877); Yang, Li & Lyu 2019, head poses (arXiv:1811.00661); Cho et al. 2014, GRU "
            "(arXiv:1406.1078)"
        ),
        licence="Apache-2.0",
        notes="68 iBUG points a frame in, no pixels: nine values a frame, any number of frames; widths are ours",
    ),
    "syncnet": Preset(
        kind="sync",
        config={"image_size": 224, "num_frames": 5, "num_coefficients": 13, "num_steps": 20},
        processor={"image_size": 224, "num_frames": 5, "num_coefficients": 13, "sampling_rate": 16_000},
        citation="Chung & Zisserman 2016, Out of time: automated lip sync (doi:10.1007/978-3-319-54427-4_19)",
        licence="Apache-2.0",
        notes=(
            "random; embeddings, no verdict; pixels stay in [0, 255], 16-bit cepstra at 100 Hz. convert_syncnet.py "
            "reads the published syncnet_v2.model (joonson/syncnet_python, MIT). The margin of the loss is ours"
        ),
    ),
}
