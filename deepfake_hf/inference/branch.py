"""A branch: a processor and a model that turn crops or windows of sound into calibrated margins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
from transformers.utils import logging

from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.inference.scorers import BATCH, CPU_FACES, CPU_WINDOWS, SoundScorer, in_batches
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.models.modeling_speech_statistics import SpeechStatisticsForAudioClassification
from deepfake_hf.processing import FaceImageProcessor  # this name tells AutoFeatureExtractor of all of ours


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers' loading bars off the terminal of whoever only wants a verdict."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def margins_of(logits: Tensor) -> NDArray[np.float64]:
    """``logit_fake`` of our models' logits: (B, 2) -> float64 (B,)."""
    return np.asarray((logits[:, FAKE] - logits[:, REAL]).double().cpu().numpy())


class FrameBranch:
    """Face crops to margins."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.processor = FaceImageProcessor.from_pretrained(folder)
        with quiet_loading():
            model = FrameDetectorForImageClassification.from_pretrained(folder, dtype=torch.float32)
        self.model: Any = model.to(device=device, memory_format=torch.channels_last).eval()
        self.device = device

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Args: crops: N of uint8 (H, W, 3). Returns: float64 (N,), calibrated ``logit_fake``."""
        return in_batches(crops, self._margins, CPU_FACES if self.device.type == "cpu" else BATCH)

    @torch.inference_mode()
    def _margins(self, crops: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        pixels = self.processor(crops, return_tensors="pt")["pixel_values"].to(self.device)
        return margins_of(self.model(pixels.contiguous(memory_format=torch.channels_last)).logits)


class SpeechBranch(SoundScorer):
    """Windows of sound to margins, by a model of spectrograms or of the waveform itself."""

    def __init__(self, folder: Path, device: torch.device, graph: OnnxModel | None = None) -> None:
        """``graph`` takes the model's place."""
        self.extractor = AutoFeatureExtractor.from_pretrained(folder)
        self.model: Any = graph
        if graph is None:
            with quiet_loading():
                model = AutoModelForAudioClassification.from_pretrained(folder, dtype=torch.float32)
            self.model = model.to(device).eval()
        self.device = device

    @property
    def sampling_rate(self) -> int:
        return int(self.extractor.sampling_rate)

    def score(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Args: windows: N of float32 (num_samples,). Returns: float64 (N,), calibrated ``logit_fake``."""
        return in_batches(windows, self._margins, CPU_WINDOWS if self.device.type == "cpu" else BATCH)

    def score_along(self, sound: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """As of the protocol; a model on statistics works out once what windows share, at one level for all of them."""
        if not isinstance(self.model, SpeechStatisticsForAudioClassification):
            return super().score_along(sound, spans)
        return self.score_both(sound, spans)[:, 0]

    @torch.inference_mode()
    def score_both(self, sound: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """As of the protocol."""
        if not isinstance(self.model, SpeechStatisticsForAudioClassification):
            return super().score_both(sound, spans)
        waveform = torch.from_numpy(np.ascontiguousarray(sound))[None].to(self.device)
        logits, short = self.model.along(waveform, torch.tensor(spans, device=self.device))
        return np.stack((margins_of(logits), short.double().cpu().numpy()), axis=1)

    @torch.inference_mode()
    def _margins(self, windows: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        batch = self.extractor(windows, sampling_rate=self.sampling_rate, padding=True, return_tensors="pt")
        return margins_of(self.model(**batch.to(self.device)).logits)
