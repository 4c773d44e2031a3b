"""``deepfake-hf calibrate``: a new calibrator for one branch, in a new bundle, with what it changed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.evaluate import facts, find_scores, read_rows, score
from deepfake_hf.cli.terminal import DONE, plain_errors
from deepfake_hf.errors import UsageError

if TYPE_CHECKING:
    from deepfake_hf.evaluation.recalibration import Refit
    from deepfake_hf.evaluation.scores import Score
    from deepfake_hf.hub.bundle import Bundle

_OWN_KEYS: Final = [
    "format_version",
    "library_version",
    "name",
    "weights",
    "branches",
    "landmarks",
    "fusion",
    "operating_points",
    "calibration",
]


@dataclass(frozen=True)
class CalibrateOptions:
    """What the command was asked for, beside the model and its sampling."""

    out: Path
    scores: Path | None
    method: str
    branch: str | None
    fit_on: str
    report_on: str
    refit_limits: bool


def run(manifest: Path | None, model: DetectOptions, options: CalibrateOptions) -> int:
    """Do the command; returns its exit status."""
    with plain_errors():
        _run(manifest, model, options)
    return DONE


def _run(manifest: Path | None, model: DetectOptions, options: CalibrateOptions) -> None:
    from deepfake_hf.evaluation.recalibration import before_and_after, recalibrated, refit
    from deepfake_hf.evaluation.scores import read_scores
    from deepfake_hf.hub.bundle import open_bundle, write_json
    from deepfake_hf.scoring.calibrators import Calibrator

    if (manifest is None) == (options.scores is None):
        raise UsageError("calibrate", "it needs a MANIFEST or --scores, and not both", "give one of them")
    if options.fit_on == options.report_on:
        raise UsageError(
            f"calibrating on {options.fit_on}",
            "figures are reported on that split, and a calibrator fitted on it would flatter them",
            "fit on validation and report on test",
        )
    bundle = open_bundle(model.bundle)
    if options.scores is not None:
        scores = read_scores(find_scores(options.scores))
        _made_by(scores, bundle)
    else:
        assert manifest is not None
        rows = [row for row in read_rows(manifest, None) if row.split in (options.fit_on, options.report_on)]
        if not rows:
            raise UsageError(f"{manifest}", f"no row is in {options.fit_on} or {options.report_on}", "split it first")
        scores = score(rows, model, options.out / "scores", "file")
    branch = _branch(scores, options.branch)
    if branch not in bundle.branches:
        raise UsageError(f"--branch {branch}", f"the bundle has {', '.join(bundle.branches)}", "name one of these")
    config = json.loads((bundle.path / branch / "config.json").read_text())
    old = Calibrator.from_config(config.get("calibration"))
    new = refit(
        scores,
        branch,
        old,
        bundle.calibrations[branch],
        options.method,
        options.fit_on,
        options.report_on,
        options.refit_limits,
    )
    before = recalibrated(scores, None, old, bundle.calibrations)
    after = recalibrated(scores, new, old, bundle.calibrations)
    table = before_and_after(before, after, options.report_on, new.facts["seen"])
    made = _write(bundle, new, options.out / "bundle")
    report = {"bundle": made.label, "was": bundle.label, "fitted": new.facts, "reported_on": options.report_on}
    write_json(options.out / "calibration.json", {**report, "figures": table})
    _page(options, new.facts, (before, after), table, bundle.label, manifest or options.scores)
    _show(table)
    paths = [options.out / name for name in ("bundle", "calibration.json", "index.html")]
    Console().print("\n".join(map(str, paths)), markup=False, highlight=False, soft_wrap=True)


def _made_by(scores: Sequence[Score], bundle: Bundle) -> None:
    named = {score.weights for score in scores} - {""}
    if named != {bundle.label}:
        raise UsageError(
            "these scores cannot be calibrated",
            f"they are of {', '.join(sorted(named)) or 'unnamed weights'}, and the bundle is {bundle.label}",
            "score the manifest with this bundle",
        )


def _branch(scores: Sequence[Score], wanted: str | None) -> str:
    """The branch whose windows carry the fakes. Which one that is in a video with sound, no label says."""
    found = sorted({score.branch for score in scores if score.branch})
    if wanted is not None:
        return wanted
    if len(found) != 1:
        raise UsageError(
            "calibrate",
            f"branches {' and '.join(found) or 'none'} were scored",
            "say with --branch where the fakes are",
        )
    return found[0]


def _write(bundle: Bundle, new: Refit, folder: Path) -> Bundle:
    """The same bundle with the branch's new calibrator and limits."""
    from deepfake_hf.hub.bundle import GRAPH, write_bundle, write_json
    from deepfake_hf.hub.onnx_files import add_graphs

    with tempfile.TemporaryDirectory() as scratch:
        branches = {}
        for name, kind in bundle.branches.items():
            source = Path(shutil.copytree(bundle.path / name, Path(scratch) / name))
            calibration = bundle.calibrations[name]
            if name == new.branch:
                config = json.loads((source / "config.json").read_text())
                config["calibration"], config["operating_points"] = new.calibration, new.facts["operating_points"]
                write_json(source / "config.json", config)
                calibration = new.limits
            branches[name] = (kind, source, calibration)
        extra = {key: value for key, value in bundle.manifest.items() if key not in _OWN_KEYS}
        extra["calibration"] = {**bundle.manifest.get("calibration", {}), new.branch: new.facts}
        made = write_bundle(folder, bundle.name, branches, bundle.landmarks, bundle.weights, extra, bundle.lip_sync)
    # the calibrator is part of a graph
    return add_graphs(made) if any(bundle.path.glob(f"*/{GRAPH}")) else made


def _page(
    options: CalibrateOptions,
    fitted: dict[str, Any],
    scores: tuple[Sequence[Score], Sequence[Score]],
    table: dict[str, Any],
    weights: str,
    source: Path | None,
) -> None:
    from deepfake_hf.evaluation.curves import reliability
    from deepfake_hf.report.calibration_page import calibration_sections
    from deepfake_hf.report.page import write_page

    curves = {}
    for name, part in zip(("before", "after"), scores, strict=True):
        reported = [s for s in part if s.split == options.report_on and s.p_fake is not None]
        curves[name] = reliability([s.label for s in reported], [float(s.p_fake or 0) for s in reported])
    head = facts(source, f"{options.fit_on} (fitted), {options.report_on} (reported)", [weights])
    sections = calibration_sections(fitted, options.report_on, table, curves)
    write_page(options.out / "index.html", "Calibration", head, sections)


def _show(table: dict[str, Any]) -> None:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "", "real / fake", "auc", "log loss", "brier", "ece", "fpr1: fpr", "fpr1: tpr"):
        shown.add_column(name, justify="left" if not name else "right", no_wrap=name in ("", "real / fake"))
    for place, moments in table.items():
        for moment, row in moments.items():
            names = ("auc", "log_loss", "brier", "ece", "fpr_at_stored_fpr1", "tpr_at_stored_fpr1")
            values = ["–" if row.get(name) is None else f"{row[name]:.3f}" for name in names]
            shown.add_row(place, moment, f"{row['n_real']} / {row['n_fake']}", *values)
    Console().print(shown)
