"""A model's forward pass by onnxruntime, called as the model itself is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from deepfake_hf.errors import BundleError
from deepfake_hf.inference.threads import num_threads

if TYPE_CHECKING:
    from torch import Tensor

# Kinds whose padding must stand behind what is real, which the graph itself can't check.
_PADDED_BEHIND = ("clip", "series", "waveform")


class OnnxModel:
    """What ``hub.onnx_export`` has written, on the CPU, with :func:`~.threads.num_threads` threads. It needs no torch.

    The graph holds the whole forward pass in eval mode, the calibrator included: logits are those of the torch model.

    Args:
        path: Of the ``.onnx`` file.

    Raises:
        BundleError: It can't be read, or was not written by this library.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads()
        options.log_severity_level = 3  # errors only
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own classes have no common base
            raise BundleError(
                f"{path} cannot be loaded",
                str(error).splitlines()[0].rstrip("."),
                "export it again with deepfake-hf export onnx",
            ) from error
        self.facts: dict[str, str] = dict(self.session.get_modelmeta().custom_metadata_map)
        if "kind" not in self.facts or "source" not in self.facts:
            raise BundleError(
                f"{path} cannot be used",
                "it does not say which model it was made from",
                "export it with deepfake-hf export onnx",
            )
        self._names = [node.name for node in self.session.get_inputs()]
        self._outputs = [node.name for node in self.session.get_outputs()]

    def run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Outputs by name, of contiguous inputs by name."""
        made = self.session.run(self._outputs, dict(feed))
        return dict(zip(self._outputs, made, strict=True))

    def __call__(self, *values: Tensor, **named: Tensor) -> SimpleNamespace:
        """The model's forward pass.

        Args:
            values: The inputs in the order of the model's arguments, all float32 but for ``attention_mask``, int64.
            named: The same by name. A mask that is left out is one without padding.

        Returns:
            Float32 tensors on the CPU by name: ``logits`` (B, 2) of a detector; ``visual_embeds``, ``sound_embeds`` and
            ``distances`` of a lip-sync model.

        Raises:
            ValueError: Padding stands before something real.
        """
        import torch

        from deepfake_hf.models.layers_mask import check_padding

        given = {**dict(zip(self._names, values, strict=False)), **named}
        if "attention_mask" in self._names and given.get("attention_mask") is None:
            given["attention_mask"] = torch.ones(given[self._names[0]].shape[:2], dtype=torch.int64)
        if self.facts["kind"] in _PADDED_BEHIND:
            check_padding(given["attention_mask"].bool(), "part")
        feed = {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in given.items()}
        return SimpleNamespace(**{name: torch.from_numpy(value) for name, value in self.run(feed).items()})
