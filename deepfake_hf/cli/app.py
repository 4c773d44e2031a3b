"""The command's tree and its options. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepfake_hf._version import __version__
from deepfake_hf.cli.bench import bench
from deepfake_hf.cli.data import app as data_app
from deepfake_hf.cli.evaluation import Runtime, calibrate, evaluate
from deepfake_hf.cli.evidence import evidence_check
from deepfake_hf.cli.export import app as export_app
from deepfake_hf.cli.gallery import gallery
from deepfake_hf.cli.hub import app as hub_app
from deepfake_hf.cli.maps import maps_check
from deepfake_hf.cli.reporting import annotate, live, report, verify
from deepfake_hf.cli.scan import scan
from deepfake_hf.cli.space import space
from deepfake_hf.cli.sync_check import sync_check
from deepfake_hf.cli.synth import app as synth_app

app = typer.Typer(
    name="deepfake-hf",
    help="Tell genuine video, pictures and speech from deepfakes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


app.add_typer(hub_app, name="hub")
app.add_typer(export_app, name="export")
app.add_typer(data_app, name="data")
app.add_typer(synth_app, name="synth")
app.command()(bench)
app.command()(evaluate)
app.command()(calibrate)
app.command()(report)
app.command()(verify)
app.command()(annotate)
app.command()(live)
app.command()(gallery)
app.command()(maps_check)
app.command()(evidence_check)
app.command()(sync_check)
app.command()(scan)
app.command()(space)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"deepfake-hf {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Tell genuine video, pictures and speech from deepfakes."""


@app.command()
def detect(
    paths: Annotated[list[str], typer.Argument(help="Files, folders (searched in depth) or globs.", metavar="PATH…")],
    jsonl: Annotated[Path | None, typer.Option(help="Also write one JSON object a line to this file.")] = None,
    threshold: Annotated[
        str,
        typer.Option(help="Limit for the word fake: fpr1, fpr5 (1 % or 5 % of genuine media reach it) or a P(fake)."),
    ] = "fpr1",
    every: Annotated[int | None, typer.Option(help="Analyse every n-th frame.", min=1)] = None,
    fps: Annotated[float | None, typer.Option(help="Analyse this many frames per second.", min=0.01)] = None,
    frames: Annotated[int | None, typer.Option(help="Analyse this many frames, evenly to the very end.", min=1)] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, mps; default: a GPU where there is one.")
    ] = None,
    runtime: Runtime = "auto",
    bundle: Annotated[
        str | None, typer.Option(help="Weights: a folder or a Hub id; default: those in the box.")
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Refuse media longer than this (default 120).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")] = False,
) -> None:
    """Analyse media and say for each: real, fake or uncertain, or why it could not be scored.

    Exit status: 0 all done (whatever the verdicts), 2 bad usage, 3 some files could not be read.
    """
    from deepfake_hf.cli.detect import DetectOptions, run

    options = DetectOptions(jsonl, threshold, every, fps, frames, device, runtime, bundle, max_minutes, quiet)
    raise typer.Exit(run(paths, options))


@app.command()
def doctor(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A bundle, whose canary pair is scored, or a third-party image or audio classifier, whose labels are "
            "read; a folder or a Hub id. Default: the weights in the box.",
        ),
    ] = None,
) -> None:
    """Show what is installed, which backends work, where the weights come from and which way they point.

    Exit status: 0 all works, 1 something is broken.
    """
    from deepfake_hf.cli.doctor import run

    raise typer.Exit(run(model))


@app.command()
def robustness(
    manifest: Annotated[
        Path | None, typer.Argument(help="A CSV or parquet manifest of videos, pictures and sound files.")
    ] = None,
    crops: Annotated[
        Path | None, typer.Option(help="Measure on face crops instead: parquet shards with image, label, source_video.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for scores (a second run goes on from them), tables, curves.")] = (
        Path("runs/robustness")
    ),
    only: Annotated[
        str,
        typer.Option(
            help="Names, joined by commas: saturation, contrast, blocks, noise, blur, pixelation, h264, jpeg, resize, "
            "white_noise, pink_noise, reverberation, mp3, aac, opus, g711_mu, g711_a, band, slower, faster, trim, "
            "length; or deeperforensics, picture, clip, sound."
        ),
    ] = "",
    levels: Annotated[str, typer.Option(help="Levels, such as 1,3,5 or 1-3; default: all.")] = "",
    limit: Annotated[int | None, typer.Option(help="Take this many items at random, classes in turn.", min=1)] = None,
    split: Annotated[str, typer.Option(help="Only this split of the manifest or the crops.")] = "",
    threshold: Annotated[str, typer.Option(help="The clean limit that is kept: fpr1, fpr5 or a P(fake).")] = "fpr1",
    fps: Annotated[float | None, typer.Option(help="Frames analysed a second; default: as detect.", min=0.01)] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: in the box.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; default: a GPU where there is one.")] = None,
    runtime: Runtime = "auto",
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
) -> None:
    """Perturb genuine and fake media step by step and see what the detector, its limit unchanged, makes of them.

    AUC, genuine called fake, fakes called fake and flipped verdicts for each step, with n and 95 % intervals. What
    can't be done to an item (H.264 to a sound file) is left out of that row.

    Exit status: 0 all done, 2 bad usage, 3 some files could not be read.
    """
    from deepfake_hf.cli.robustness import RobustnessOptions, run

    options = RobustnessOptions(out, only, levels, limit, split, threshold, fps, bundle, device, runtime, seed)
    raise typer.Exit(run(manifest, crops, options))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a result."""
    from deepfake_hf.report.schema import result_schema_text

    typer.echo(result_schema_text())


@app.command()
def presets(
    time: Annotated[bool, typer.Option("--time", help="Also time one item on this CPU (a few minutes).")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page of presets here instead of printing it.")] = None,
) -> None:
    """List the systems: parameters, operations, weights, licence and source of each."""
    from deepfake_hf.cli.presets import run

    run(time, out)
