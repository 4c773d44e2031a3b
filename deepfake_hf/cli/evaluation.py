"""The options of ``deepfake-hf evaluate`` and ``deepfake-hf calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Manifest = Annotated[
    Path | None,
    typer.Argument(help="A CSV or parquet manifest, or a folder with real/ and fake/ in it.", metavar="MANIFEST"),
]
Scores = Annotated[
    Path | None,
    typer.Option(help="Read this scores table (parquet, .jsonl, CSV), or a finished folder, instead of scoring."),
]
Bundle = Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: those in the box.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; default: a GPU where there is one.")]
Runtime = Annotated[
    str,
    typer.Option(
        help="auto: on a CPU onnxruntime for faces where the bundle brings the graph, else torch. torch. onnx: "
        "onnxruntime on the CPU for all that has an export, from graphs that the first run exports."
    ),
]
Every = Annotated[int | None, typer.Option(help="Analyse every n-th frame.", min=1)]
Fps = Annotated[float | None, typer.Option(help="Analyse this many frames per second.", min=0.01)]
Frames = Annotated[int | None, typer.Option(help="Analyse this many frames, evenly to the very end.", min=1)]
MaxMinutes = Annotated[float | None, typer.Option(help="Refuse media longer than this (default 120).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


def evaluate(
    manifest: Manifest = None,
    out: Annotated[
        Path, typer.Option(help="Folder for scores.jsonl, metrics.json and index.html; scoring goes on there.")
    ] = Path("evaluation"),
    scores: Scores = None,
    split: Annotated[str | None, typer.Option(help="Only this split of the manifest.")] = None,
    threshold: Annotated[
        str, typer.Option(help="Limit for the word fake: fpr1 or fpr5, stored with the weights, or a P(fake).")
    ] = "fpr1",
    slice: Annotated[
        list[str] | None, typer.Option(help="Figures for each value of this column (group_sex …). Several times.")
    ] = None,
    smallest: Annotated[int, typer.Option(help="Hide a slice's share of fewer videos.", min=1)] = 20,
    prevalence: Annotated[float, typer.Option(help="Share of fakes for the predictive value.")] = 0.01,
    against: Annotated[
        list[str] | None, typer.Option(help="Compare with [NAME=]scores of another model (DeLong, paired bootstrap).")
    ] = None,
    matrix: Annotated[
        list[str] | None, typer.Option(help="NAME=scores of a model trained on NAME: train-on by test-on matrix.")
    ] = None,
    asv_scores: Annotated[Path | None, typer.Option(help="ASV scores of ASVspoof 2019, for min t-DCF.")] = None,
    run: Annotated[Path | None, typer.Option(help="A training run's folder: draw its log.jsonl.")] = None,
    video: Annotated[
        str, typer.Option(help="What a video is: file, folder (files are its frames) or source (the column).")
    ] = "file",
    title: Annotated[str, typer.Option(help="Of the page.")] = "Evaluation",
    bundle: Bundle = None,
    device: Device = None,
    runtime: Runtime = "auto",
    every: Every = None,
    fps: Fps = None,
    frames: Frames = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Measure a model on labelled media: figures with intervals, coverage, curves, one HTML page.

    A run that was stopped goes on in the same folder. --scores makes figures and pictures again without scoring.

    Exit status: 0 all done, 2 bad usage, 3 some files could not be read (they are counted under coverage).
    """
    from deepfake_hf.cli.detect import DetectOptions
    from deepfake_hf.cli.evaluate import EvaluateOptions
    from deepfake_hf.cli.evaluate import run as measure

    model = DetectOptions(None, threshold, every, fps, frames, device, runtime, bundle, max_minutes, quiet)
    options = EvaluateOptions(
        out=out,
        scores=scores,
        split=split,
        video_by=video,
        slices=tuple(slice or ()),
        smallest=smallest,
        prevalence=prevalence,
        against=tuple(against or ()),
        matrix=tuple(matrix or ()),
        asv_scores=asv_scores,
        run=run,
        title=title,
    )
    raise typer.Exit(measure(manifest, model, options))


def calibrate(
    manifest: Manifest = None,
    out: Annotated[Path, typer.Option(help="Folder for the new bundle, in bundle/, and the report.")] = Path(
        "calibrated"
    ),
    scores: Scores = None,
    method: Annotated[str, typer.Option(help="temperature, platt or isotonic.")] = "platt",
    branch: Annotated[
        str | None, typer.Option(help="face or speech: where the fakes are; needed where both were scored.")
    ] = None,
    fit_on: Annotated[str, typer.Option(help="The split set aside for it.")] = "validation",
    report_on: Annotated[str, typer.Option(help="The split that figures are reported on; never the same.")] = "test",
    refit_limits: Annotated[
        bool, typer.Option(help="Take the limits from the genuine videos of the split set aside, 50 or more.")
    ] = False,
    bundle: Bundle = None,
    device: Device = None,
    every: Every = None,
    fps: Fps = None,
    frames: Frames = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Fit a branch's calibrator anew on a part set aside, store it in a new bundle, report before and after.

    The report tells in- from off-distribution: data sets and methods that were fitted on, and others.

    Exit status: 0 all done, 2 bad usage.
    """
    from deepfake_hf.cli.calibrate import CalibrateOptions
    from deepfake_hf.cli.calibrate import run as fit
    from deepfake_hf.cli.detect import DetectOptions

    model = DetectOptions(None, "fpr1", every, fps, frames, device, "torch", bundle, max_minutes, quiet)
    options = CalibrateOptions(out, scores, method, branch, fit_on, report_on, refit_limits)
    raise typer.Exit(fit(manifest, model, options))
