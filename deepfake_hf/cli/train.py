"""The tree behind ``train.py``: one command a branch, and one that makes the bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepfake_hf.cli.terminal import plain_errors
from deepfake_hf.cli.train_measure import app as measures
from deepfake_hf.cli.train_stages import app as stages

app = typer.Typer(help="Train the branches of a detector and make a bundle of them.", no_args_is_help=True)
app.add_typer(stages)
app.add_typer(measures)


@app.command()
def reconstructor(
    data: Annotated[Path, typer.Option(help="Folder of the parquet shards.")] = Path("../shared/data/faces"),
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
    from deepfake_hf.synthesis.reconstructor import ReconstructorConfig
    from deepfake_hf.training.reconstructor import ReconstructorRecipe, train_reconstructor
    from deepfake_hf.training.run import set_threads

    set_threads(threads)
    asked = {"steps": steps, "batch": batch, "seed": seed, "mixed_precision": mixed_precision}
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    with plain_errors():
        config = ReconstructorConfig(upsampling, image_size, adversarial=adversarial)
        folder = train_reconstructor(ReconstructorRecipe(str(data), str(out), config, **given), resume=resume)
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
    keep: Annotated[
        list[str] | None, typer.Option(help="face, speech or landmarks: stays as it is in --out; several times.")
    ] = None,
) -> None:
    """Calibrate the branches on the parts set aside, measure them, and write the bundle.

    It keeps the lip-sync net that lies in --out, or takes along that of the box; publish-sync puts in another.
    """
    from deepfake_hf.scoring.decision import BranchCalibration
    from deepfake_hf.training.publish_bundle import parts_to_make, publish_bundle
    from deepfake_hf.training.publish_face import publish_face
    from deepfake_hf.training.publish_speech import publish_speech

    ways = {
        "face": lambda folder: BranchCalibration(publish_face(face_model, face_data, folder)),
        "speech": lambda folder: publish_speech(speech_run, left_out, folder, speech_data, cache),
    }
    with plain_errors():
        wanted = parts_to_make(keep or [])
        regressor = landmarks_model if "landmarks" in wanted else None
        made, answers = publish_bundle(name, out, work, {k: ways[k] for k in wanted if k in ways}, regressor)
    for answer in answers:
        typer.echo(f"canary {answer.branch}: {answer}")
    typer.echo(made.label)


@app.command()
def average(
    models: Annotated[list[Path], typer.Argument(help="Model folders of runs that went on from one another.")],
    out: Annotated[Path, typer.Option(help="Run folder of the mean.")],
    share: Annotated[list[float] | None, typer.Option(help="Of each, in order; default: even.")] = None,
) -> None:
    """Average the weights of two or more models of one system."""
    from deepfake_hf.training.average import average_models

    with plain_errors():
        made = average_models(models, share or [1 / len(models)] * len(models), out)
    typer.echo(f"saved {made}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="The bundle.")],
    name: Annotated[str | None, typer.Option(help="Of the bundle; default: the run's.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
) -> None:
    """Make a bundle of any frame or sound run: calibrated on one part that it held out, measured on the other."""
    from deepfake_hf.training.publish_run import publish_run
    from deepfake_hf.training.run import set_threads

    set_threads(threads)
    with plain_errors():
        made = publish_run(run, out, name)
    typer.echo(made.label)


@app.command("publish-sync")
def publish_sync(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run of train.py sync.")],
    out: Annotated[Path, typer.Option(help="The folder sync of a bundle.")] = Path("deepfake_hf/weights/sync"),
) -> None:
    """Put a lip-sync net into a bundle's folder, in half precision: it gives evidence in reports and is no branch."""
    from deepfake_hf.training.publish_sync import publish_sync as publish_net

    with plain_errors():
        size = publish_net(run, out)
    typer.echo(f"saved {out}, {size:,} bytes of weights")


@app.command()
def reproduce(
    faces: Annotated[Path, typer.Option(help="Folder of the face shards.")] = Path("../shared/data/faces"),
    speech: Annotated[Path, typer.Option(help="Folder of the genuine recordings.")] = Path("../shared/data/speech"),
    video: Annotated[Path, typer.Option(help="Folder with talking/ and grid/.")] = Path("../shared/data/video"),
    start: Annotated[str | None, typer.Option("--from", help="The first step.")] = None,
    until: Annotated[str | None, typer.Option(help="The last step.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Print the commands, run none.")] = False,
) -> None:
    """Make the weights in the box again, from data to card: every command in order, what is done already left out."""
    from deepfake_hf.training.reproduction import as_text, read_steps, run_steps

    steps = read_steps()
    if only_list:
        typer.echo(as_text(steps))
        return
    with plain_errors():
        folders = {"FACES": str(faces), "SPEECH": str(speech), "VIDEO": str(video)}
        run_steps(steps, folders, start, until, tell=typer.echo)


@app.command("short-head")
def short_head(
    data: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    bundle: Annotated[Path, typer.Option(help="Its speech branch gets the head.")] = Path("deepfake_hf/weights"),
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
) -> None:
    """Fit the head for windows of a second, and the limits of stretches, after the speech branch is published."""
    from deepfake_hf.training.run import set_threads
    from deepfake_hf.training.short_head import put_short_head

    set_threads(threads)
    with plain_errors():
        null = put_short_head(bundle, data, cache, lambda line: typer.echo(line, err=True))
    typer.echo(f"saved {bundle}/speech; limits from {null.num_samples} pieces")


def main() -> None:
    """Entry point of ``train.py``."""
    app()
