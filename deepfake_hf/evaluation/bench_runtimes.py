"""The bundle's branches by runtime, beside two published nets: torch in three kinds, onnxruntime in two; batches."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.evaluation.bench_inputs import Inputs
from deepfake_hf.evaluation.bench_naive import RandomScorer
from deepfake_hf.evaluation.bench_timing import Row, alternate, ratio
from deepfake_hf.hub.bundle import GRAPH
from deepfake_hf.hub.graphs import source_hash
from deepfake_hf.hub.onnx_export import export_onnx
from deepfake_hf.hub.onnx_files import graph_of, load_branch
from deepfake_hf.hub.onnx_int8 import MIN_CROPS, quantise_graph
from deepfake_hf.inference.branch import FrameBranch
from deepfake_hf.inference.face_graph import FaceGraph
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.inference.scorers import BATCH, CPU_FACES, in_batches
from deepfake_hf.inference.speech_pass import WINDOW_S, hear
from deepfake_hf.media import read_audio
from deepfake_hf.models import PRESETS, build_model
from deepfake_hf.types import AudioTrack

_FACES: Final = 32
_WINDOWS: Final = 8
_CPU_BATCHES: Final = (1, 2, 4, 8, 16, 32)
_GPU_BATCHES: Final = (16, 64, 256, 1024)
_B4: Final = "EfficientNet-B4 (random)"
_AASIST: Final = "AASIST (random)"
_HEARD: Final = "speech with gate and overlap"
Contestant = Callable[[], Any]


def runtimes(inputs: Inputs, compiled: bool = True) -> list[Row]:
    """Milliseconds a face and a second of sound by runtime, preprocessing included.

    Args:
        inputs: As of the benchmark.
        compiled: Also ``torch.compile`` of the face branch, which takes a minute to build.
    """
    device = inputs.torch_device
    crops = inputs.crops(_FACES)
    samples = np.concatenate([block.waveform for block in read_audio(inputs.sound, inputs.speech.sampling_rate)])
    length = int(WINDOW_S * inputs.speech.sampling_rate)
    windows = [np.resize(samples, length * _WINDOWS)[place * length :][:length] for place in range(_WINDOWS)]
    faces: dict[str, Contestant] = {"torch fp32": partial(inputs.face.score, crops)}
    sound: dict[str, Contestant] = {"torch fp32": partial(inputs.speech.score, windows)}
    halves = {"bf16": torch.bfloat16, **({"fp16": torch.float16} if device.type == "cuda" else {})}
    for name, dtype in halves.items():
        faces[f"torch {name}"] = partial(_cast, device, dtype, inputs.face.score, crops)
        sound[f"torch {name}"] = partial(_cast, device, dtype, inputs.speech.score, windows)
    published = RandomScorer("efficientnet_b4", device)
    faces[f"{_B4}, torch fp32"] = partial(_a_batch_at_a_time, published, crops)
    if compiled:
        faces["torch compiled"] = partial(_compiled_face(inputs).score, crops)
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="deepfake_hf_bench_") as folder:
        if inputs.onnx and device.type == "cpu":
            for name, make in {"onnx fp32": _exact, "onnx int8": _int8}.items():
                try:
                    graph = make(inputs, Path(folder))
                    faces[name] = partial(FaceGraph(inputs.detector.bundle.path / "face", graph).score, crops)
                except DeepfakeHFError as error:
                    missing[name] = str(error)
        rows = _measured("face", "ms a face", faces, 1000 / len(crops), inputs.rounds)
        rows += [Row("runtimes", f"face, {name}", "ms a face", (), why) for name, why in missing.items()]
        note = "of windows that follow each other; the detector's overlap by half"
        rows += _measured("speech", "ms a second", sound, 1000 / (WINDOW_S * _WINDOWS), inputs.rounds, note)
    rows.append(Row("runtimes", "speech, onnx", "ms a second", (), "this kind of model has no export"))
    seconds = len(samples) / inputs.speech.sampling_rate
    heard: dict[str, Contestant] = {
        f"{_HEARD}, torch fp32": partial(hear, inputs.speech, [AudioTrack(samples, inputs.speech.sampling_rate, 0.0)]),
        **_aasist(samples, inputs.onnx and device.type == "cpu"),
    }
    rows += _measured("", "ms a second", heard, 1000 / seconds, inputs.rounds)
    return rows + _against_published(rows)


def _against_published(rows: list[Row]) -> list[Row]:
    """How many times faster than the published nets, round by round."""
    held = {row.name: row for row in rows if row.values}
    pairs = (
        ("a face", "face, torch fp32", f"face, {_B4}, torch fp32"),
        ("a second of sound", f"{_HEARD}, torch fp32", f"{_AASIST}, torch fp32"),
        ("a second of sound", f"{_HEARD}, torch fp32", f"{_AASIST}, onnx fp32"),
    )
    return [
        ratio("runtimes", f"times faster than {theirs.removeprefix('face, ')}, {what}", held[theirs], held[ours])
        for what, ours, theirs in pairs
        if ours in held and theirs in held
    ]


def batches(inputs: Inputs, sizes: tuple[int, ...] | None = None) -> list[Row]:
    """Milliseconds a face by size of batch, the forward pass alone; on a GPU in three kinds of numbers.

    Args:
        inputs: As of the benchmark.
        sizes: Rising; None for 1 to 32 on a CPU and 16 to 1,024 on a GPU.
    """
    device = inputs.torch_device
    gpu = device.type == "cuda"
    sizes = sizes or (_GPU_BATCHES if gpu else _CPU_BATCHES)
    pixels = inputs.face.processor(inputs.crops(sizes[-1]), return_tensors="pt")["pixel_values"].to(device)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    kinds = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16} if gpu else {"fp32": None}

    def forward(size: int, dtype: torch.dtype | None) -> None:
        with torch.inference_mode(), torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None):
            for start in range(0, len(pixels), size):
                inputs.face.model(pixels[start : start + size])

    contestants = {
        f"{kind}, batch {size}": partial(forward, size, dtype) for kind, dtype in kinds.items() for size in sizes
    }
    seconds = alternate(contestants, inputs.rounds)
    return [
        Row("scaling", f"face {name}", "ms a face", tuple(1000 * value / len(pixels) for value in values))
        for name, values in seconds.items()
    ]


def _measured(
    what: str, unit: str, contestants: dict[str, Contestant], factor: float, rounds: int, note: str = ""
) -> list[Row]:
    """Those that run, in turn; the others with their reason. Rows are named ``what, contestant``."""
    before = f"{what}, " if what else ""
    broken: dict[str, str] = {}
    for name, run in list(contestants.items()):
        try:
            run()  # warms up, too
        except Exception as error:  # a compiler that is not there, an operation without a kernel
            broken[name] = f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason given'])[0]}"
            del contestants[name]
    seconds = alternate(contestants, rounds, warm_up=False)
    rows = [
        Row("runtimes", f"{before}{name}", unit, tuple(factor * value for value in values), note)
        for name, values in seconds.items()
    ]
    return rows + [Row("runtimes", f"{before}{name}", unit, (), why) for name, why in broken.items()]


def _cast(device: torch.device, dtype: torch.dtype, score: Callable[[Any], Any], items: Any) -> None:
    with torch.autocast(device.type, dtype):
        score(items)


def _compiled_face(inputs: Inputs) -> FrameBranch:
    branch = FrameBranch(inputs.detector.bundle.path / "face", inputs.torch_device)
    branch.model = torch.compile(branch.model)
    return branch


def _exact(inputs: Inputs, folder: Path) -> OnnxModel:
    return graph_of(inputs.detector.bundle.path / "face")


def _int8(inputs: Inputs, folder: Path) -> OnnxModel:
    home = folder / "face"
    shutil.copytree(inputs.detector.bundle.path / "face", home)
    export_onnx(load_branch(home), home / GRAPH, source_hash(home))
    quantise_graph(home / GRAPH, inputs.crops(MIN_CROPS))
    return OnnxModel(home / GRAPH)


def _a_batch_at_a_time(scorer: RandomScorer, crops: list[NDArray[np.uint8]]) -> None:
    """In the batches that ours takes."""
    in_batches(crops, scorer.score, CPU_FACES if scorer.device.type == "cpu" else BATCH)


def _aasist(samples: NDArray[np.float32], onnx: bool) -> dict[str, Contestant]:
    """AASIST over the whole sound in its own pieces, neither gate nor overlap: for its time alone."""
    model = build_model("aasist").eval().requires_grad_(False)
    length = int(PRESETS["aasist"].processor["num_samples"])
    count = max(1, round(len(samples) / length))
    pieces = [torch.from_numpy(np.resize(samples, count * length)[place * length :][:length]) for place in range(count)]

    def run(net: Any) -> None:
        with torch.inference_mode():
            for piece in pieces:
                net(piece[None])

    made: dict[str, Contestant] = {f"{_AASIST}, torch fp32": partial(run, model)}
    if onnx:
        with tempfile.TemporaryDirectory(prefix="deepfake_hf_bench_") as folder:
            path = Path(folder) / GRAPH
            export_onnx(model, path, "random")
            made[f"{_AASIST}, onnx fp32"] = partial(run, OnnxModel(path))
    return made
