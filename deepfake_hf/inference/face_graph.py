"""The face branch by onnxruntime: crops to margins without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.inference.scorers import CPU_FACES, in_batches
from deepfake_hf.processing.pixels import checked_constants, normalised_pixels

if TYPE_CHECKING:
    from deepfake_hf.inference.branch import FrameBranch

_CONSTANTS: Final = ("size", "image_mean", "image_std")


class FaceGraph:
    """Face crops to margins.

    Args:
        folder: of the branch; its processor's constants are read from it.
        graph: of a ``frame`` model.

    Raises:
        ValueError: A constant is out of its range, or the file is no JSON.
    """

    def __init__(self, folder: Path, graph: OnnxModel) -> None:
        held = json.loads((folder / "preprocessor_config.json").read_text())
        self.size, self.mean, self.std = checked_constants(**{key: held[key] for key in _CONSTANTS if key in held})
        self.folder, self.graph = folder, graph

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Args: crops: N of uint8 (H, W, 3). Returns: float64 (N,), calibrated ``logit_fake``."""
        return in_batches(crops, self._margins, CPU_FACES)

    def _margins(self, crops: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        height, width = self.size["height"], self.size["width"]
        pixels = np.empty((len(crops), 3, height, width), np.float32)
        for place, crop in enumerate(crops):
            pixels[place] = normalised_pixels(crop, height, width, self.mean, self.std)
        logits = self.graph.run({"pixel_values": pixels})["logits"]  # (B, 2)
        return np.asarray(logits[:, 1] - logits[:, 0], np.float64)

    @cached_property
    def in_torch(self) -> FrameBranch:
        """The same weights in torch on the CPU, for what looks into a net: maps need its gradients."""
        import torch

        from deepfake_hf.inference.branch import FrameBranch

        return FrameBranch(self.folder, torch.device("cpu"))
