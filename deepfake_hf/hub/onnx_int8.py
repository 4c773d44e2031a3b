"""A face branch's graph in 8-bit integers: smaller and faster, calibrated on face crops."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.processing.image_processing_face import FaceImageProcessor

MIN_CROPS: Final = 64
_BATCH: Final = 16


def quantise_graph(path: Path, crops: Sequence[NDArray[np.uint8]]) -> float:
    """Replace a graph by one whose convolutions and products are of 8-bit integers.

    Weights are signed with a scale for each channel, activations unsigned with the range that they have on the crops
    (static, with quantise and dequantise nodes around every operation).

    Args:
        path: Of a ``frame`` model's graph, its processor beside it.
        crops: uint8 (H, W, 3) each, face crops of the kind that it will see; 64 or more.

    Returns:
        The mean absolute difference that this makes to ``logit_fake`` on the crops.

    Raises:
        BundleError: The graph is of another kind of model, for which nobody has measured what is lost.
        UsageError: There are too few crops.
    """
    exact = OnnxModel(path)
    if exact.facts["kind"] != "frame":
        raise BundleError(
            f"{path} stays in float32",
            f"int8 was measured for face crops only, not for {exact.facts['kind']}",
            "use it as it is",
        )
    if len(crops) < MIN_CROPS:
        raise UsageError(
            f"{len(crops)} crops for int8", f"ranges from fewer than {MIN_CROPS} are chance", "give more face crops"
        )
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    processor = FaceImageProcessor.from_pretrained(path.parent)
    batches = [
        processor(list(crops[start : start + _BATCH]), return_tensors="pt")["pixel_values"]
        for start in range(0, len(crops), _BATCH)
    ]
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it asks for the preparation that has been done
    try:
        with tempfile.TemporaryDirectory() as work:
            prepared, made = Path(work) / "prepared.onnx", Path(work) / "int8.onnx"
            quant_pre_process(str(path), str(prepared))
            quantize_static(
                str(prepared),
                str(made),
                _Crops(batches),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
            graph = onnx.load(made)
            onnx.helper.set_model_props(graph, {**exact.facts, "numbers": "int8"})
            onnx.save(graph, path)
    finally:
        logging.getLogger().setLevel(level)
    rough = OnnxModel(path)
    differences = []
    for pixels in batches:
        one, two = (model(pixels).logits for model in (exact, rough))
        differences.append(((one[:, 1] - one[:, 0]) - (two[:, 1] - two[:, 0])).abs())
    return float(torch.cat(differences).mean())


class _Crops:
    """Batches as onnxruntime's calibration reads them."""

    def __init__(self, batches: list[torch.Tensor]) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{"pixel_values": pixels.numpy()} for pixels in batches])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
