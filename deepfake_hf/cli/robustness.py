"""``deepfake-hf robustness``: perturb, score, resume; tables and curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deepfake_hf.cli.terminal import SOME_UNREADABLE, plain_errors, progress

if TYPE_CHECKING:
    from deepfake_hf.detector import Detector
    from deepfake_hf.evaluation.robustness import Item, Scorer, StepFigures


@dataclass(frozen=True)
class RobustnessOptions:
    """What the command was asked for."""

    out: Path
    only: str = ""
    levels: str = ""
    limit: int | None = None
    split: str = ""
    threshold: str = "fpr1"
    fps: float | None = None
    bundle: str | None = None
    device: str | None = None
    runtime: str = "auto"
    seed: int = 0


def run(manifest: Path | None, crops: Path | None, options: RobustnessOptions) -> int:
    """Do the command; returns its exit status."""
    with plain_errors():
        return _run(manifest, crops, options)


def _run(manifest: Path | None, crops: Path | None, options: RobustnessOptions) -> int:
    from deepfake_hf.detector import Detector
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.robustness import CLEAN, ScoreFile, draw, run_robustness
    from deepfake_hf.media.perturb_grid import Kind, choose

    if (manifest is None) == (crops is None):
        raise UsageError("what to measure on", "it is a manifest or --crops, one of them", "name one")
    steps = choose([name.strip() for name in options.only.split(",") if name.strip()], parse_levels(options.levels))
    if crops is not None:
        steps = [step for step in steps if step.ladder.kind is not Kind.SOUND]
        if not steps:
            raise UsageError(f"--only {options.only}", "crops have no sound", "name perturbations of pictures")
    detector = Detector.from_pretrained(options.bundle, device=options.device, runtime=options.runtime)
    scorer = _media(manifest, detector, options) if manifest is not None else _crops(crops, detector, options)
    items = draw(scorer.items, options.limit, options.seed)
    scores = ScoreFile(options.out / "scores.jsonl", scorer.settings)
    try:
        with progress("perturbing and scoring") as tell:
            rows = run_robustness(scorer, items, steps, scores, tell)
    finally:
        scores.close()
    _write(rows, items, scorer, options)
    unread = {}
    for item in items:
        answer = scores.get(item, CLEAN)
        if answer is not None and answer.status in ("unreadable", "unsupported"):
            unread[item.key] = answer.reason
    for reason in unread.values():
        typer.echo(reason, err=True)
    return SOME_UNREADABLE if unread else 0


def parse_levels(text: str) -> list[int] | None:
    """``1,3-5`` as [1, 3, 4, 5]; None where nothing is said.

    Raises:
        UsageError: Something else.
    """
    from deepfake_hf.errors import UsageError

    levels: list[int] = []
    try:
        for part in filter(None, (part.strip() for part in text.split(","))):
            first, dash, last = part.partition("-")
            levels.extend(range(int(first), int(last if dash else first) + 1))
    except ValueError:
        raise UsageError(f"--levels {text}", "these are no levels", "write --levels 1,3,5 or --levels 1-3") from None
    return levels or None


def _media(manifest: Path | None, detector: Detector, options: RobustnessOptions) -> Scorer:
    from deepfake_hf.data.manifest import read_manifest
    from deepfake_hf.errors import DataError
    from deepfake_hf.evaluation.robustness_scorers import MediaScorer
    from deepfake_hf.scoring.decision import parse_threshold

    assert manifest is not None
    rows = [row for row in read_manifest(manifest) if options.split in ("", row.split)]
    if not rows:
        raise DataError(f"{manifest} has no row to measure", f"none is in split {options.split}", "name another split")
    limit = parse_threshold(options.threshold)
    settings = {"weights": detector.bundle.label, "runtime": detector.runtime, "threshold": limit}
    return MediaScorer(
        rows, lambda path, sampling: detector.detect(path, sampling=sampling, threshold=limit), settings, options.fps,
        options.seed, detector.limits,
    )  # fmt: skip


def _crops(crops: Path | None, detector: Detector, options: RobustnessOptions) -> Scorer:
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.robustness_scorers import CropsScorer, read_crops
    from deepfake_hf.scoring.decision import parse_threshold

    assert crops is not None
    if detector.face_branch is None:
        raise UsageError("--crops", "this detector has no face branch", "give another --bundle")
    limit = parse_threshold(options.threshold)
    if isinstance(limit, str):
        points = detector.operating_points().get("face")
        if points is None:
            raise UsageError(f"--threshold {limit}", "this model is not calibrated", "give a number as --threshold")
        limit = points[limit]
    settings = {"weights": detector.bundle.label, "runtime": detector.runtime}
    return CropsScorer(read_crops(crops, options.split or None), detector.face_branch, limit, settings, options.seed)


def _write(rows: Sequence[StepFigures], items: Sequence[Item], scorer: Scorer, options: RobustnessOptions) -> None:
    from deepfake_hf.errors import DataError
    from deepfake_hf.evaluation.robustness_table import TABLE, to_csv, to_curves, to_json, to_markdown
    from deepfake_hf.labels import FAKE, REAL
    from deepfake_hf.report.robustness_figure import robustness_figure

    counts = [sum(item.label == label for item in items) for label in (REAL, FAKE)]
    settings: dict[str, Any] = {**scorer.settings, "limit_items": options.limit, "split": options.split}
    try:
        for name, text in (
            ("table.md", to_markdown(rows)),
            ("table.csv", to_csv(rows)),
            (TABLE, to_json(rows, settings)),
        ):
            (options.out / name).write_text(text, encoding="utf-8")
        curves = to_curves(rows)
        if curves:
            kind = "face crops" if settings["data"] == "crops" else "files"
            heading = f"{counts[0]} genuine and {counts[1]} fake {kind}; bands are 95 % intervals"
            robustness_figure(curves, heading).savefig(options.out / "curves.png", dpi=130)
    except OSError as error:
        raise DataError(f"{options.out} cannot be written", str(error), "name another folder with --out") from error
    typer.echo(to_markdown(rows), nl=False)
    typer.echo(f"{counts[0]} genuine and {counts[1]} fake; scores, tables and curves in {options.out}")
