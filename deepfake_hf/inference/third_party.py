"""Third-party classifiers as branches: any ``transformers`` image or audio classifier, timm models among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import (
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
)

from deepfake_hf.errors import BundleError
from deepfake_hf.inference.branch import quiet_loading
from deepfake_hf.inference.scorers import SoundScorer, in_batches
from deepfake_hf.inference.speech_gate import GATE_RATE
from deepfake_hf.labels import FAKE, REAL


def fake_margin(logits: Tensor, meaning: Sequence[int]) -> NDArray[np.float64]:
    """How much a head says fake rather than real.

    Args:
        logits: float (B, N).
        meaning: for each of the N outputs ``REAL`` or ``FAKE``. Several outputs of one class count together, as their
            softmax shares add up; a single output is a sigmoid's and stands for its class alone.

    Returns:
        float64 (B,): ``logit_fake``, above 0 where fake is the likelier.
    """
    values = logits.double().cpu()  # (B, N)
    if len(meaning) == 1:
        return np.asarray((values if meaning[0] == FAKE else -values)[:, 0].numpy())
    fake, real = (values[:, [i for i, one in enumerate(meaning) if one == label]] for label in (FAKE, REAL))
    return np.asarray((fake.logsumexp(1) - real.logsumexp(1)).numpy())


class ThirdPartyImages:
    """Face crops to uncalibrated margins, through the model's own processor. The framing of the crops is ours."""

    def __init__(self, folder: Path, meaning: Sequence[int], device: torch.device) -> None:
        self.processor = AutoImageProcessor.from_pretrained(folder)
        self.model = _load(AutoModelForImageClassification, folder, device)
        self.meaning, self.device = tuple(meaning), device

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Args: crops: N of uint8 (H, W, 3). Returns: float64 (N,), uncalibrated ``logit_fake``."""
        return in_batches(crops, self._margins)

    @torch.inference_mode()
    def _margins(self, crops: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        pixels = self.processor(images=crops, return_tensors="pt")["pixel_values"].to(self.device)
        return fake_margin(self.model(pixel_values=pixels).logits, self.meaning)


class ThirdPartySounds(SoundScorer):
    """Windows of sound to uncalibrated margins, through the model's own feature extractor."""

    def __init__(self, folder: Path, meaning: Sequence[int], device: torch.device) -> None:
        self.extractor = AutoFeatureExtractor.from_pretrained(folder)
        if self.sampling_rate != GATE_RATE:
            raise BundleError(
                f"{folder} cannot be used as a branch",
                f"it reads sound at {self.sampling_rate} Hz and the speech gate {GATE_RATE} Hz",
                f"use a model for {GATE_RATE} Hz",
            )
        self.model = _load(AutoModelForAudioClassification, folder, device)
        self.meaning, self.device = tuple(meaning), device

    @property
    def sampling_rate(self) -> int:
        return int(self.extractor.sampling_rate)

    def score(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Args: windows: N of float32 (num_samples,). Returns: float64 (N,), uncalibrated ``logit_fake``."""
        return in_batches(windows, self._margins)

    @torch.inference_mode()
    def _margins(self, windows: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        # Whisper's encoder takes one length only, which its extractor pads to; the others pad to the longest.
        padding = "max_length" if hasattr(self.extractor, "nb_max_frames") else True
        batch = self.extractor(windows, sampling_rate=self.sampling_rate, padding=padding, return_tensors="pt")
        return fake_margin(self.model(**batch.to(self.device)).logits, self.meaning)


def _load(auto: Any, folder: Path, device: torch.device) -> Any:
    """From safetensors only, never with the folder's own code; a tensor that is missing is an error."""
    with quiet_loading():
        model, info = auto.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True)
    absent = sorted(map(str, (*info["missing_keys"], *info["mismatched_keys"])))
    if absent:
        raise ValueError(f"{len(absent)} tensors are missing or misshapen, the first is {absent[0]}")
    return model.to(device).eval()
