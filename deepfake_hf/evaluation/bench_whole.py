"""End to end against the naive pipelines, and how the detector uses threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import cv2
import torch

from deepfake_hf.detector import Detector
from deepfake_hf.evaluation.bench_inputs import Inputs
from deepfake_hf.evaluation.bench_media import FPS
from deepfake_hf.evaluation.bench_naive import RandomScorer, naive_detect
from deepfake_hf.evaluation.bench_timing import Row, alternate, ratio, scaled
from deepfake_hf.inference.scorers import CropScorer

OURS: Final = "deepfake-hf"
OURS_TORCH: Final = "deepfake-hf, torch"
NAIVE: Final = "naive, EfficientNet-B4"
NAIVE_ATT: Final = "naive, efficientnet_auto_att_b4"
NAIVE_OURS: Final = "naive, our weights"


def whole(inputs: Inputs) -> list[Row]:
    """Seconds for each clip by pipeline, and how much faster ours is; speech of 10 s alone beside them."""
    device = inputs.torch_device
    scorers: dict[str, CropScorer] = {
        NAIVE: RandomScorer("efficientnet_b4", device),
        NAIVE_ATT: RandomScorer("efficientnet_auto_att_b4", device),
        NAIVE_OURS: inputs.face,
    }
    detectors = {OURS: inputs.detector}
    if inputs.detector.runtime != "torch":
        detectors[OURS_TORCH] = Detector.from_pretrained(device=inputs.device, runtime="torch")
    limit = round(inputs.naive_s * FPS)
    share = inputs.clip_s / min(inputs.naive_s, inputs.clip_s)
    contestants: dict[str, Callable[[], Any]] = {}
    for size in inputs.sizes:
        path = inputs.clip(size)
        for name, detector in detectors.items():
            contestants[f"{name} {size}"] = partial(detector.detect, path)
        for name, scorer in scorers.items():
            contestants[f"{name} {size}"] = partial(
                naive_detect, path, inputs.detector.face_detector, scorer, inputs.concluder, limit
            )
    contestants["sound"] = partial(inputs.detector.detect, inputs.sound)
    for name in scorers:  # a few frames are enough to warm up
        scorers[name].score(inputs.crops(1))
    inputs.detector.detect(inputs.clip(inputs.sizes[0]))
    seconds = alternate(contestants, inputs.rounds, warm_up=False)
    note = f"measured on the first {inputs.naive_s:g} s: each frame costs the same; pictures alone, ours with sound"
    rows: dict[str, Row] = {}
    for name, values in seconds.items():
        row = Row("whole", name, "s", tuple(values), note if name.startswith("naive") else "")
        rows[name] = scaled(row, share, name, "s") if name.startswith("naive") else row
    found = list(rows.values())
    for size in inputs.sizes:
        for other in scorers:
            name = f"times faster than {other} {size}"
            found.append(ratio("whole", name, rows[f"{other} {size}"], rows[f"{OURS} {size}"]))
        found.append(_speed(rows[f"{OURS} {size}"], inputs.clip_s, f"times real time {size}"))
    found.append(_speed(rows["sound"], inputs.clip_s, "times real time, sound"))
    return found


def _speed(row: Row, clip_s: float, name: str) -> Row:
    return Row(row.group, name, "x", tuple(clip_s / value for value in row.values))


def threads(inputs: Inputs) -> list[Row]:
    """Seconds for the first clip by number of threads, of the nets and of OpenCV."""
    before, before_cv = torch.get_num_threads(), cv2.getNumThreads()
    most = max(before, 1)
    counts = sorted({1, *(count for count in (2, 4, 8, 16, 32) if count < most), most})
    path = inputs.clip(inputs.sizes[0])

    detectors = {}
    for count in counts:
        torch.set_num_threads(count)  # a graph keeps the number that it was loaded with
        detectors[count] = Detector.from_pretrained(device=inputs.device)

    def detect_with(count: int) -> None:
        torch.set_num_threads(count)
        cv2.setNumThreads(count)
        detectors[count].detect(path)

    try:
        seconds = alternate({str(count): partial(detect_with, count) for count in counts}, inputs.rounds)
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(before_cv)
    size = inputs.sizes[0]
    return [Row("scaling", f"{size}, threads {count}", "s", tuple(seconds[str(count)])) for count in counts]
