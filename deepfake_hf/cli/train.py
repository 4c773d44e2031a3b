"""The tree behind ``train.py``: one command a branch, and one that makes the bundle."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train the branches of a detector and make a bundle of them.", no_args_is_help=True)
Data = Annotated[Path, typer.Option(help="Folder of the training data.")]


@app.command()
def face(
    data: Data = Path("../shared/data/faces"),
    out: Annotated[Path, typer.Option(help="Run folder: log, checkpoint, model.")] = Path("runs/face"),
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; default: the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the one-cycle schedule.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that make batches.")] = None,
    mixed_precision: Annotated[str | None, typer.Option(help="bf16, fp16 or no.")] = None,
    start_from: Annotated[Path | None, typer.Option(help="A trained model to go on from, instead of ImageNet.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train the face branch from ImageNet weights on genuine faces, their fakes and self-blends."""
    from deepfake_hf.training.face import FaceRecipe, train_face

    _threads(threads)
    asked = {
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "workers": workers,
        "mixed_precision": mixed_precision,
        "start_from": str(start_from) if start_from else None,
    }
    recipe = dataclasses.replace(
        FaceRecipe(data=str(data), out=str(out)), **{key: value for key, value in asked.items() if value is not None}
    )
    typer.echo(f"saved {train_face(recipe, resume=resume)}")


@app.command()
def landmarks(
    data: Data = Path("../shared/data/faces"),
    out: Annotated[Path, typer.Option(help="Where the model goes.")] = Path("runs/landmarks"),
    epochs: int = 10,
    seed: int = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
) -> None:
    """Train the 68-point landmark regressor."""
    from deepfake_hf.training.landmarks import train_landmarks

    _threads(threads)
    typer.echo(json.dumps(train_landmarks(data, out, epochs=epochs, seed=seed)))


def _threads(count: int | None) -> None:
    if count is not None:
        import torch

        torch.set_num_threads(count)


def main() -> None:
    """Entry point of ``train.py``."""
    app()
