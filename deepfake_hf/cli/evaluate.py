"""``deepfake-hf evaluate``: score a manifest or read scores, write figures and one HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.terminal import DONE, SOME_UNREADABLE, plain_errors, progress
from deepfake_hf.errors import UsageError

if TYPE_CHECKING:
    from deepfake_hf.data import ManifestRow
    from deepfake_hf.evaluation.runner import Scorer
    from deepfake_hf.evaluation.scores import Score

_SHOWN: Final = ("auc", "eer", "ap", "f1", "recall", "fpr", "ece")


@dataclass(frozen=True)
class EvaluateOptions:
    """What the command was asked for, beside the model and its sampling."""

    out: Path
    scores: Path | None = None
    split: str | None = None
    video_by: str = "file"
    slices: tuple[str, ...] = ()
    smallest: int = 20
    prevalence: float = 0.01
    against: tuple[str, ...] = ()
    matrix: tuple[str, ...] = ()
    asv_scores: Path | None = None
    run: Path | None = None
    title: str = "Evaluation"


def run(manifest: Path | None, model: DetectOptions, options: EvaluateOptions) -> int:
    """Do the command; returns its exit status."""
    with plain_errors():
        return _run(manifest, model, options)


def _run(manifest: Path | None, model: DetectOptions, options: EvaluateOptions) -> int:
    from deepfake_hf.evaluation.cases import speech_cases
    from deepfake_hf.evaluation.measure import Wanted, measure
    from deepfake_hf.evaluation.scores import VIDEO
    from deepfake_hf.evaluation.tdcf import read_asv_scores
    from deepfake_hf.report.evaluation_page import evaluation_sections
    from deepfake_hf.report.page import write_page
    from deepfake_hf.report.training_curves import read_log
    from deepfake_hf.scoring.decision import parse_threshold

    if (manifest is None) == (options.scores is None):
        raise UsageError("evaluate", "it needs a MANIFEST or --scores, and not both", "give one of them")
    wanted = Wanted(
        threshold=parse_threshold(model.threshold),
        slices=options.slices,
        smallest=options.smallest,
        prevalence=options.prevalence,
        against={name: read_split(path, options.split) for name, path in map(named_scores, options.against)},
        models={name: read_split(path, options.split) for name, path in map(named_scores, options.matrix)},
        asv=None if options.asv_scores is None else read_asv_scores(options.asv_scores),
    )
    training = [] if options.run is None else read_log(options.run)
    if options.scores is not None:
        scores = read_split(find_scores(options.scores), options.split)
    else:
        assert manifest is not None
        rows = read_rows(manifest, options.split)
        scores = score(rows, model, options.out, options.video_by)
    metrics, curves = measure(scores, wanted)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "metrics.json").write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
    page = options.out / "index.html"
    sections = evaluation_sections(metrics, curves, speech_cases(scores, wanted.threshold), training)
    write_page(page, options.title, facts(manifest or options.scores, options.split, metrics["weights"]), sections)
    _show(metrics)
    Console().print(f"{page}\n{options.out / 'metrics.json'}", markup=False, highlight=False, soft_wrap=True)
    broken = any(s.level == VIDEO and s.status in ("unreadable", "unsupported") for s in scores)
    return SOME_UNREADABLE if broken else DONE


def score(rows: Sequence[ManifestRow], model: DetectOptions, out: Path, video_by: str) -> list[Score]:
    """Score a manifest with a bundle, with a progress bar; goes on where ``out`` stopped."""
    from deepfake_hf.evaluation.runner import score_manifest

    scorer = load_scorer(model)
    with progress("scoring", model.quiet) as tell:
        return score_manifest(rows, scorer, out, video_by, tell)


def load_scorer(model: DetectOptions) -> Scorer:
    """The detector as evaluation sees it."""
    from deepfake_hf.detector import Detector
    from deepfake_hf.evaluation.runner import Scorer
    from deepfake_hf.media import Limits

    sampling = model.sampling()
    limits = Limits() if model.max_minutes is None else Limits(max_duration_s=60 * model.max_minutes)
    detector = Detector.from_pretrained(model.bundle, device=model.device, runtime=model.runtime, limits=limits)
    calibrations = detector.bundle.calibrations
    threshold: str | float = "fpr1" if calibrations else 0.5
    return Scorer(
        lambda row: detector.detect(row.path, sampling=sampling, threshold=threshold),
        calibrations,
        detector.bundle.label,
        "default" if sampling is None else str(sampling),
    )


def read_rows(manifest: Path, split: str | None) -> list[ManifestRow]:
    """The rows of a manifest, or of a folder with ``real`` and ``fake`` in it; of one split, if one is named."""
    from deepfake_hf.data import read_manifest
    from deepfake_hf.data.layout_folders import folder_tree

    rows = folder_tree(manifest) if manifest.is_dir() else read_manifest(manifest)
    rows = [row for row in rows if split in (None, row.split)]
    if not rows:
        raise UsageError(f"--split {split}", f"{manifest} has no row of it", "name another split")
    return rows


def read_split(path: Path, split: str | None) -> list[Score]:
    """A scores table, of one split if one is named."""
    from deepfake_hf.evaluation.scores import read_scores

    scores = [score for score in read_scores(path) if split in (None, score.split)]
    if not scores:
        raise UsageError(f"--split {split}", f"{path} has no row of it", "name another split")
    return scores


def find_scores(path: Path) -> Path:
    """A scores table, or the one in a finished evaluation's folder."""
    return path / "scores.jsonl" if path.is_dir() else path


def named_scores(text: str) -> tuple[str, Path]:
    """``NAME=FILE``, or a file or folder that names itself."""
    name, equals, rest = text.partition("=")
    path = Path(rest if equals else text)
    return (name if equals else path.stem if path.is_file() else path.name), find_scores(path)


def facts(source: Path | None, split: str | None, weights: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What stands at the head of a page."""
    from datetime import UTC, datetime

    from deepfake_hf._version import __version__

    shown = str(source) + (f", split {split}" if split else "")
    made = f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC, deepfake_hf {__version__}"
    return (("Media", shown), ("Weights", "; ".join(weights) or "not named in the scores table"), ("Made", made))


def _show(metrics: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold", min_width=12)
    table.add_column("real / fake", justify="right", no_wrap=True)
    for name in _SHOWN:
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    groups = dict(metrics["levels"])
    groups |= metrics["datasets"] if len(metrics["datasets"]) > 1 else {}
    groups |= metrics["methods"] if len(metrics["methods"]) > 1 else {}
    for name, row in groups.items():
        values = ["–" if row.get(key) is None else f"{row[key]:.3f}" for key in _SHOWN]
        table.add_row(name, f"{row['n_real']} / {row['n_fake']}", *values)
    console = Console()
    console.print(table)
    console.print(f"called fake: {metrics['threshold']}", markup=False, highlight=False, soft_wrap=True)
    found = metrics["coverage"]
    reasons = "".join(f", {entry['n']} {entry['status'].replace('_', ' ')}" for entry in found["reasons"])
    console.print(f"scored: {found['n_scored']} of {found['n']} videos{reasons}", markup=False, highlight=False)
