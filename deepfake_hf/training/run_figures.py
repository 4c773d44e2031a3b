"""Pictures of a run: its curves, and the confusion matrix of the best weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_INK, _BLUE, _RED, _GREY = "#1f2933", "#2166ac", "#b2182b", "#9aa5b1"
_SHOWN: Final = ("auc", "f1", "accuracy", "triplet_accuracy", "nme", "eer")


def draw_curves(path: Path, log: list[dict[str, Any]], title: str) -> None:
    """Loss, held-out figures and the rate over the steps, as PNG.

    Args:
        path: Of the picture.
        log: Lines of the run.
        title: Above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training = [line for line in log if line["kind"] == "training"]
    held = [line for line in log if line["kind"] == "evaluation"]
    figure = Figure(figsize=(9, 6.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 1, height_ratios=(3, 3, 1.2))
    first = figure.add_subplot(grid[0])
    axes = [first, figure.add_subplot(grid[1], sharex=first), figure.add_subplot(grid[2], sharex=first)]
    steps, losses = [line["step"] for line in training], [line["loss"] for line in training]
    axes[0].plot(steps, losses, color=_BLUE, alpha=0.3 if len(losses) > 8 else 1.0, linewidth=1)
    if len(losses) > 8:
        axes[0].plot(steps, _smooth(losses), color=_BLUE, linewidth=2, label="training (smoothed)")
    if held and "held_out_loss" in held[0]:
        axes[0].plot(*_series(held, "held_out_loss"), color=_RED, marker="o", markersize=4, label="held out")
    axes[0].set_ylabel("loss")
    colours = iter((_BLUE, _RED, _INK, "#4d9221", "#8073ac", _GREY))
    for name in _SHOWN:
        if held and name in held[0]:
            axes[1].plot(*_series(held, name), color=next(colours), marker="o", markersize=4, label=name)
    axes[1].set_ylabel("held out")
    axes[2].plot(steps, [line["learning_rate"] for line in training], color=_GREY)
    axes[2].set_ylabel("rate")
    axes[2].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes[2].set_xlabel("optimiser step")
    for place, one in enumerate(axes):
        one.grid(color="#e4e7eb", linewidth=0.8)
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelbottom=place == 2, colors=_INK)
        if one.get_legend_handles_labels()[1]:
            one.legend(frameon=False, fontsize=9, loc="best")
    figure.suptitle(title, color=_INK, fontsize=12, x=0.01, ha="left")
    figure.savefig(path)


def draw_confusion(path: Path, labels: NDArray[np.int64], margins: NDArray[np.float64], title: str) -> None:
    """Counts of verdicts at margin 0, as PNG: rows what it is, columns what the model says."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = np.zeros((2, 2), int)
    for label, margin in zip(labels, margins, strict=True):
        counts[int(label), int(margin > 0)] += 1
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(4.6, 4.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(2):
        for column in range(2):
            ink = "white" if shares[row, column] > 0.55 else _INK
            text = f"{counts[row, column]}\n{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=13)
    axes.set_xticks([0, 1], ["says real", "says fake"])
    axes.set_yticks([0, 1], ["is real", "is fake"], rotation=90, va="center")
    axes.tick_params(length=0, colors=_INK)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=11, color=_INK)
    figure.savefig(path)


def _series(lines: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    return [line["step"] for line in lines], [line[name] for line in lines]


def _smooth(values: list[float]) -> NDArray[np.float64]:
    """Mean over a window of a tenth of the run that ends at each value."""
    width = max(3, len(values) // 10)
    sums = np.cumsum(np.insert(np.asarray(values, float), 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - width, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins))
