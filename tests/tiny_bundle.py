"""A tiny bundle with random weights, for tests of everything around the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from deepfake_hf.hub.bundle import Bundle, write_bundle
from deepfake_hf.models.configuration_audio import AudioDetectorConfig
from deepfake_hf.models.configuration_frame import FrameDetectorConfig
from deepfake_hf.models.modeling_audio import AudioDetectorForAudioClassification
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.feature_extraction_spectrogram import SpectrogramFeatureExtractor
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.scoring.decision import BranchCalibration


def write_tiny_bundle(folder: Path) -> Bundle:
    """Both branches, a few thousand parameters each, marked ``random``."""
    torch.manual_seed(0)
    work = folder.parent / f"{folder.name}_branches"
    face = FrameDetectorForImageClassification(
        FrameDetectorConfig(backbone="test_efficientnet", image_size=64, mirror_average=True)
    )
    torch.nn.init.normal_(face.head.weight, std=0.1)
    face.save_pretrained(work / "face")
    FaceImageProcessor(size={"height": 64, "width": 64}).save_pretrained(work / "face")
    extractor = SpectrogramFeatureExtractor(kind="log_linear", n_fft=256, win_length=256, hop_length=160)
    config = AudioDetectorConfig(
        num_bins=extractor.feature_size,
        widths=[4, 8],
        time_strides=[2, 2],
        bin_strides=[2, 2],
        convs_per_block=[1, 1],
        hidden_size=16,
        encoder_heads=2,
    )
    AudioDetectorForAudioClassification(config).save_pretrained(work / "speech")
    extractor.save_pretrained(work / "speech")
    limits = BranchCalibration(NullDistribution.fit(np.random.default_rng(0).normal(-2, 1, 400)))
    branches = {"face": ("frame", work / "face", limits), "speech": ("audio", work / "speech", limits)}
    return write_bundle(folder, "tiny", branches, None, "random", {})
