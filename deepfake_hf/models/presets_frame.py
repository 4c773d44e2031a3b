"""Systems that look at one face crop."""

from __future__ import annotations

from typing import Any, Final

from .preset_row import Preset

_LICENCE = "Apache-2.0"
_B4_WEIGHTS = "tf_efficientnet_b4.ns_jft_in1k"
_BONETTINI = "Bonettini et al. 2020, Video Face Manipulation Detection Through Ensemble of CNNs (arXiv:2004.07676)"
_ZHAO = "Zhao et al. 2021, Multi-attentional Deepfake Detection (arXiv:2103.02406)"
_SIAMESE = "trained by train.py face-siamese: triplet margin on the embedding, then the head on frozen features"


def _imagenet(side: int) -> dict[str, Any]:
    """Crops of ``side`` pixels with the mean and std of timm's ImageNet weights."""
    return {
        "size": {"height": side, "width": side},
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }


def _halves(side: int) -> dict[str, Any]:
    """Crops of ``side`` pixels in [-1, 1]."""
    return {"size": {"height": side, "width": side}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


# blocks.2 of EfficientNet-B4: 56 channels, 28 x 28 cells at 224 pixels
_AUTO: Final[dict[str, Any]] = {"attention": "auto", "attention_stage": 2}


def _b4(parts: dict[str, Any], citation: str, notes: str = "", side: int = 224) -> Preset:
    """EfficientNet-B4 with what ``parts`` add to it."""
    return Preset(
        kind="frame",
        config={"backbone": "tf_efficientnet_b4", "image_size": side, "dropout": 0.4, **parts},
        processor=_imagenet(side),
        citation=citation,
        licence=_LICENCE,
        pretrained=_B4_WEIGHTS,
        notes=notes,
    )


def _beside(frequency: str, citation: str) -> Preset:
    """EfficientNet-B4 beside a branch that sees frequencies."""
    parts = {"frequency": frequency, "frequency_place": "beside"}
    return _b4(parts, f"after {citation}", "frequency branch: random")


FRAME_PRESETS: Final[dict[str, Preset]] = {
    "lite_frame": Preset(
        kind="frame",
        config={"backbone": "tf_efficientnet_lite0", "image_size": 192, "dropout": 0.2},
        processor=_halves(192),
        citation="Tan & Le 2019, EfficientNet (arXiv:1905.11946), lite variant",
        licence=_LICENCE,
        pretrained="tf_efficientnet_lite0.in1k",
    ),
    "efficientnet_b4": _b4({}, f"{_BONETTINI}; Tan & Le 2019, EfficientNet (arXiv:1905.11946)"),
    "efficientnet_b4_st": _b4({}, _BONETTINI, _SIAMESE),
    "efficientnet_auto_att_b4": _b4(_AUTO, _BONETTINI),
    "efficientnet_auto_att_b4_st": _b4(_AUTO, _BONETTINI, _SIAMESE),
    "multi_head_att_b4": _b4(
        {"attention": "multi_head", "attention_heads": 8},
        f"{_BONETTINI}, its attention read as that of Vaswani et al. 2017 (arXiv:1706.03762)",
    ),
    "xception": Preset(
        kind="frame",
        config={"backbone": "legacy_xception", "image_size": 299, "dropout": 0.5},
        processor=_halves(299),
        citation="Rössler et al. 2019, FaceForensics++ (arXiv:1901.08971); Chollet 2017, Xception (arXiv:1610.02357)",
        licence=_LICENCE,
        pretrained="legacy_xception.tf_in1k",
        notes="no gradient checkpointing: timm's legacy_xception has none",
    ),
    "multi_attention": _b4(
        {
            "attention": "multi",
            "attention_stage": 3,  # blocks.4: 160 channels, stride 16
            "texture_stage": 1,  # blocks.1: 32 channels, stride 4
            "num_attention_maps": 4,
            "region_loss_weight": 1.0,
        },
        _ZHAO,
        "train.py face adds the paper's attention-guided augmentation",
        side=380,
    ),
    "frequency_fft": _beside("fft", "Durall et al. 2019, Unmasking DeepFakes with simple Features (arXiv:1911.00686)"),
    "frequency_dct": _beside("dct", "Qian et al. 2020, Thinking in Frequency (arXiv:2007.09355)"),
    "frequency_dwt": _beside(
        "dwt", "Wolter et al. 2021, Wavelet-Packets for Deepfake Image Analysis (arXiv:2106.09369)"
    ),
}
