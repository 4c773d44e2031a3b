"""Fit a branch's calibrator on a part set aside, and say what it does on another: in- and off-distribution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.breakdown import Items, figures
from deepfake_hf.evaluation.refusion import fuse_windows
from deepfake_hf.evaluation.scores import CLIP, FRAME, VIDEO, Key, Score
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.scoring.aggregation import robust_mean
from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.scoring.calibrators import CALIBRATORS, Calibrator
from deepfake_hf.scoring.decision import BranchCalibration

LEAST_ITEMS: Final = 10  # of each class
IN, OFF = "in-distribution", "off-distribution"
_FIGURES: Final = ("auc", "log_loss", "brier", "ece", "eer")
_STORED: Final = ("fpr_at_stored_fpr1", "tpr_at_stored_fpr1", "fpr_at_stored_fpr5", "tpr_at_stored_fpr5")
_COUNTS: Final = ("n_real", "n_fake", "n_unscored")


@dataclass(frozen=True)
class Refit:
    """A new calibrator for one branch.

    Args:
        branch: Its name.
        calibration: For the branch's configuration.
        calibrated: The same, to apply.
        limits: The null distributions of genuine media, in new margins.
        facts: What it was fitted on, for the bundle and the report.
    """

    branch: str
    calibration: dict[str, Any]
    calibrated: Calibrator
    limits: BranchCalibration
    facts: dict[str, Any]


def refit(
    scores: Sequence[Score],
    branch: str,
    old: Calibrator,
    limits: BranchCalibration,
    method: str,
    fit_split: str,
    report_split: str,
    refit_limits: bool = False,
) -> Refit:
    """Fit on the videos of one split, one margin each: the robust mean of its raw window margins.

    Args:
        scores: Windows and media of the bundle as it is.
        branch: Whose calibrator; its windows carry the fakes.
        old: The calibrator under which the scores were made.
        limits: The null distributions under the old calibrator.
        method: ``temperature``, ``platt`` or ``isotonic``.
        fit_split: The split to fit on.
        report_split: The split that figures are reported on.
        refit_limits: Take the limits from the genuine videos of ``fit_split`` (50 or more); else the old limits are
            carried over, and the same media reach them.

    Raises:
        UsageError: Fitting and reporting on one split, or an unknown method.
        DataError: Both splits hold the same video or source, or too few items.
    """
    if fit_split == report_split:
        raise UsageError(
            f"calibrating on {fit_split}",
            "figures are reported on that split, and a calibrator fitted on it would flatter them",
            "fit on validation and report on test",
        )
    if method not in CALIBRATORS:
        raise UsageError(f"--method {method}", "it is unknown", f"say {', '.join(CALIBRATORS)}")
    _refuse_shared(scores, fit_split, report_split)
    margins, labels, seen = [], [], set()
    for own in _windows_by_video(scores, branch, fit_split).values():
        raw = old.inverse([window.margin for window in own])
        margins.append(robust_mean(raw))
        labels.append(own[0].label)
        seen.add((own[0].dataset, own[0].method))
    counts = (labels.count(REAL), labels.count(FAKE))
    if min(counts) < LEAST_ITEMS:
        raise DataError(
            f"branch {branch} cannot be calibrated on {fit_split}",
            f"it has scored windows of {counts[0]} genuine and {counts[1]} fake videos there, and needs "
            f"{LEAST_ITEMS} of each",
            "put more into that split of the manifest",
        )
    found = dict(CALIBRATORS[method](margins, labels))
    new = Calibrator.from_config(found)

    def moved(values: Any) -> Any:
        return new(old.inverse(values))

    bends = np.concatenate((old.heights, old(new.knots)))

    def stretched(heights: Any) -> Any:  # of differences of margins: exact where the map is straight
        return moved(heights) - moved(0.0)

    if refit_limits:
        whole = NullDistribution.fit(new([m for m, label in zip(margins, labels, strict=True) if label == REAL]))
    else:
        whole = limits.null.mapped(moved, bends)
    fresh = BranchCalibration(whole, limits.stretches.mapped(stretched, []) if limits.stretches else None)
    facts = {
        "branch": branch,
        "method": method,
        "split": fit_split,
        "n_real": counts[0],
        "n_fake": counts[1],
        "seen": sorted([dataset, made] for dataset, made in seen),
        "limits": "refitted" if refit_limits else "carried over",
        "operating_points": fresh.operating_points,
    }
    return Refit(branch, found, new, fresh, facts)


def recalibrated(
    scores: Sequence[Score], new: Refit | None, old: Calibrator, calibrations: Mapping[str, BranchCalibration]
) -> list[Score]:
    """The media of a table, fused again from their windows; with a new calibrator their margins are its own.

    Args:
        scores: Windows and media.
        new: None fuses them as they are.
        old: The calibrator under which they were made.
        calibrations: By branch, of the bundle as it was.
    """
    held = dict(calibrations)
    if new is not None:
        held[new.branch] = new.limits
    windows: dict[str, dict[tuple[str, int | None, float | None], Score]] = {}
    for score in _windows(scores):
        # Stretches of one file may overlap and then hold the same window.
        windows.setdefault(score.path, {})[score.branch, score.track, score.start_s] = score
    media = []
    for medium in (score for score in scores if score.level == VIDEO):
        if medium.p_fake is None:
            media.append(medium)
            continue
        low, high = medium.start_s or 0.0, float("inf") if medium.end_s is None else medium.end_s
        own = [window for window in windows.get(medium.path, {}).values() if low <= (window.start_s or 0.0) < high]
        margins = [window.margin for window in own]
        if new is not None:
            moved = new.calibrated(old.inverse(margins))
            pairs = zip(own, margins, moved, strict=True)
            margins = [float(then) if window.branch == new.branch else now for window, now, then in pairs]
        fused = fuse_windows(((w.branch, w.track, m) for w, m in zip(own, margins, strict=True)), held)
        if fused is None:
            raise DataError(
                f"{medium.path} cannot be fused again", "the table holds its score but no windows", "score it anew"
            )
        points = held[fused.voice.branch].operating_points
        branch = fused.voice.branch
        media.append(replace(medium, p_fake=fused.p_fake, branch=branch, fpr1=points["fpr1"], fpr5=points["fpr5"]))
    return media


def before_and_after(
    before: Sequence[Score], after: Sequence[Score], report_split: str, seen: Iterable[Sequence[str]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures on the reported split, at video level.

    In-distribution are genuine videos of the data sets that were fitted on and fakes of their methods; everything else
    is off-distribution. Where that has no genuine videos of its own, those of the data sets fitted on stand beside its
    fakes.

    Returns:
        By ``in-distribution`` and ``off-distribution`` (where there is any) ``before`` and ``after``.
    """
    known = {tuple(pair) for pair in seen}
    sets = {dataset for dataset, _ in known}

    def inside(score: Score) -> bool:
        return score.dataset in sets if score.label == REAL else (score.dataset, score.method) in known

    table: dict[str, dict[str, dict[str, Any]]] = {}
    for moment, scores in (("before", before), ("after", after)):
        reported = [score for score in scores if score.split == report_split]
        own, other = [s for s in reported if inside(s)], [s for s in reported if not inside(s)]
        if other and all(score.label == FAKE for score in other):
            other += [score for score in own if score.label == REAL]
        for name, part in ((IN, own), (OFF, other)):
            if part:
                table.setdefault(name, {})[moment] = _brief(figures(Items.of(part, "fpr1")))
    if not table:
        raise DataError(f"nothing is in the split {report_split}", "no figure can be reported", "name another split")
    return table


def _brief(made: dict[str, Any]) -> dict[str, Any]:
    names = [*_COUNTS, *(name for figure in _FIGURES for name in (figure, f"{figure}_95")), *_STORED]
    return {name: made[name] for name in names if name in made}


def _windows(scores: Iterable[Score]) -> list[Score]:
    """Faces and windows of sound; tracks, which are made of faces, are left out."""
    return [
        score
        for score in scores
        if score.p_fake is not None and (score.level == FRAME or (score.level == CLIP and score.track is None))
    ]


def _windows_by_video(scores: Sequence[Score], branch: str, split: str) -> dict[Key, list[Score]]:
    found: dict[Key, list[Score]] = {}
    for score in _windows(scores):
        if score.branch == branch and score.split == split:
            found.setdefault(score.key, []).append(score)
    return found


def _refuse_shared(scores: Sequence[Score], fit_split: str, report_split: str) -> None:
    for what in ("video", "source"):
        sides: list[set[Any]] = []
        for split in (fit_split, report_split):
            rows = (score for score in scores if score.split == split)
            sides.append(
                {s.key if what == "video" else (s.dataset, s.source) for s in rows if what == "video" or s.source}
            )
        shared = sorted(sides[0] & sides[1])
        if shared:
            raise DataError(
                f"the calibrator cannot be fitted on {fit_split}",
                f"{len(shared)} {what}s of it are in {report_split} too, the first is {'/'.join(shared[0])}",
                "split by source (deepfake-hf data prepare does)",
            )
