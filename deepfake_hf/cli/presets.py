"""``deepfake-hf presets``: the table of systems, measured here."""

from __future__ import annotations

import platform
from pathlib import Path

from rich.console import Console
from rich.progress import track


def run(timed: bool, out: Path | None) -> None:
    """Measure every preset and print the page, or write it to ``out``."""
    import onnxruntime
    import torch

    from deepfake_hf._version import __version__
    from deepfake_hf.evaluation.preset_table import markdown, measure
    from deepfake_hf.models import PRESETS

    names = track(PRESETS, "measuring", console=Console(stderr=True), transient=True)
    rows = [measure(name, timed) for name in names]
    page = (
        "# Presets\n\n"
        f"Made by `deepfake-hf presets{' --time' if timed else ''}` of version {__version__}: one item, batch of one, "
        "random weights. A multiplication and an addition count as two operations; torch counts none for LSTM layers. "
        f"Times: median of five runs, {torch.get_num_threads()} threads, {platform.machine()}, torch "
        f"{torch.__version__}, onnxruntime {onnxruntime.__version__}; another machine gives others, so compare rows. "
        "*onnx − torch* is the largest difference of a logit on random inputs of other batches and lengths, with "
        "random heads; `deepfake-hf export onnx` refuses to write more than 1e-4.\n\n"
    ) + markdown(rows)
    if out is None:
        print(page)
    else:
        out.write_text(page)
