"""What every preset weighs and costs: parameters, operations and time for one item, measured here."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import PretrainedConfig, PreTrainedModel

from deepfake_hf.hub.onnx_export import TORCH_ONLY, export_onnx
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.models import PRESETS, Preset, build_model

SOUND_S: Final = 4.0  # of sound in an item
_REPEATS: Final = 5


@dataclass(frozen=True)
class PresetFacts:
    """One row.

    ``item`` says what one input is; ``parameters`` counts all, trainable or not; ``gflops`` are 10^9 floating-point
    operations for one item (a multiplication and an addition are two); ``fp32_ms``, ``bf16_ms`` and ``onnx_ms`` (by
    onnxruntime, in float32) are medians of five runs in milliseconds on this machine's CPU with the threads torch has,
    ``onnx_difference`` is the largest between a logit of both (of a lip-sync model, a value of an embedding); None
    where not timed.
    """

    name: str
    item: str
    parameters: int
    gflops: float
    fp32_ms: float | None
    bf16_ms: float | None
    onnx_ms: float | None
    onnx_difference: float | None
    preset: Preset


def sample_inputs(name: str, config: PretrainedConfig) -> tuple[str, dict[str, Tensor]]:
    """One item of a preset at its own size: what it is in words, and random tensors of its shape."""
    preset = PRESETS[name]
    constants = preset.processor
    if preset.kind in ("frame", "clip"):
        height, width = constants["size"]["height"], constants["size"]["width"]
        if preset.kind == "frame":
            return f"face {height} x {width} px", {"pixel_values": torch.randn(1, 3, height, width)}
        frames = constants["num_frames"]
        return f"{frames} faces {height} x {width} px", {"pixel_values": torch.randn(1, frames, 3, height, width)}
    if preset.kind == "series":
        return "100 frames of landmarks", {"landmark_values": torch.randn(1, 100, config.feature_size)}
    if preset.kind == "sync":
        side = constants["image_size"]
        mouth, sound = torch.randn(1, 3, constants["num_frames"], side, side), torch.randn(1, 1, 13, 20)
        return f"{constants['num_frames']} faces {side} x {side} px and 0.2 s of sound", {
            "pixel_values": mouth,
            "input_values": sound,
        }
    if preset.kind in ("waveform", "statistics"):
        samples = constants["num_samples"] or int(SOUND_S * constants["sampling_rate"])
        seconds = samples / constants["sampling_rate"]
        return f"{seconds:.1f} s of sound", {"input_values": torch.randn(1, samples)}
    num_frames = int(SOUND_S * constants["sampling_rate"]) // constants["hop_length"]
    return f"{SOUND_S:.0f} s of sound", {"input_values": torch.randn(1, num_frames, config.num_bins)}


def measure(name: str, timed: bool) -> PresetFacts:
    """Build one preset, with random weights, and measure it."""
    torch.manual_seed(0)
    model = build_model(name).eval().requires_grad_(False)
    item, inputs = sample_inputs(name, model.config)
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model(**inputs)
        fp32 = _median_ms(lambda: model(**inputs)) if timed else None
        bf16 = None
        if timed:
            with torch.autocast("cpu", torch.bfloat16):
                bf16 = _median_ms(lambda: model(**inputs))
    exported = timed and PRESETS[name].kind not in TORCH_ONLY
    onnx, difference = _onnx(model, inputs) if exported else (None, None)
    count = sum(parameter.numel() for parameter in model.parameters())
    return PresetFacts(name, item, count, counter.get_total_flops() / 1e9, fp32, bf16, onnx, difference, PRESETS[name])


def measure_all(timed: bool) -> Iterator[PresetFacts]:
    """Every row of the table, in its order."""
    for name in PRESETS:
        yield measure(name, timed)


def markdown(rows: list[PresetFacts]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| preset | one item | parameters | GFLOPs | ms fp32 | ms bf16 | ms onnx | onnx − torch "
        "| backbone weights from | licence | citation |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = [f"{value:.0f}" if value is not None else "–" for value in (row.fp32_ms, row.bf16_ms, row.onnx_ms)]
        times.append("–" if row.onnx_difference is None else f"{row.onnx_difference:.0e}")
        lines.append(
            f"| `{row.name}` | {row.item} | {row.parameters:,} | {row.gflops:.2f} | {' | '.join(times)} | "
            f"{row.preset.weights_from} | {row.preset.licence} | {row.preset.citation} |"
        )
    return "\n".join(lines) + "\n"


def _onnx(model: PreTrainedModel, inputs: dict[str, Tensor]) -> tuple[float, float]:
    """Milliseconds by onnxruntime, and the largest difference from torch.

    A fresh head may be zero, and fresh norms know nothing of what comes: either would hide every difference. An
    embedding hides none, and norms over two of them would magnify chance.
    """
    heads = [part for part in model.modules() if isinstance(part, nn.Linear) and part.out_features == 2]
    if heads:
        nn.init.normal_(heads[-1].weight, std=heads[-1].in_features ** -0.5)
        for norm in (part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)):
            norm.momentum = 1.0
        others = 1 if inputs.get("pixel_values", torch.empty(0)).ndim == 5 else 7  # a clip has many pictures by itself
        with torch.no_grad():
            model.train()(
                **{
                    name: torch.cat((value, *(torch.randn_like(value) for _ in range(others))))
                    for name, value in inputs.items()
                }
            )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        difference = export_onnx(model, path, "measured")
        graph = OnnxModel(path)
        return _median_ms(lambda: graph(**inputs)), difference


def _median_ms(run: Callable[[], Any]) -> float:
    run()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)
