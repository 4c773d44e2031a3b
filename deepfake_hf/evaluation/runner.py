"""Score a manifest into a table, row by row; an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deepfake_hf.data import ManifestRow
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.refusion import fuse_windows
from deepfake_hf.evaluation.scores import CLIP, FRAME, VIDEO, Score, from_fields, line, video_names
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.types import DetectionResult, Status, WindowScore

SCORES: Final = "scores.jsonl"
ABOUT: Final = "about.json"
FILE, FOLDER, SOURCE = "file", "folder", "source"
VIDEO_BY: Final = (FILE, FOLDER, SOURCE)
Predict = Callable[[ManifestRow], DetectionResult]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scorer:
    """A model as evaluation sees it.

    Args:
        predict: The answer on a row's whole file, held against the FPR-1 % limit.
        calibrations: By branch; empty where nobody calibrated it.
        weights: How it calls itself.
        sampling: Which frames it looks at, in words.
    """

    predict: Predict
    calibrations: Mapping[str, BranchCalibration]
    weights: str
    sampling: str = "default"


def score_manifest(
    rows: Sequence[ManifestRow],
    scorer: Scorer,
    out: Path,
    video_by: str = FILE,
    progress: Progress | None = None,
) -> list[Score]:
    """Score every row and keep the answers in ``out/scores.jsonl``, flushed after each.

    Args:
        rows: The manifest. A row with a stretch gets the answer of the windows that begin in it.
        scorer: The model.
        out: The evaluation's folder.
        video_by: What a video is: the ``file``; the ``folder``, where files are frames of the video that their folder
            stands for; or the manifest's ``source``.
        progress: Called with the number of rows done and their total.

    Returns:
        Of every row its windows, tracks and, last, itself; labels and groups are the manifest's of now.

    Raises:
        UsageError: ``out`` holds scores of another model or sampling, or ``video_by`` is unknown.
        DataError: ``out`` cannot be written or its scores cannot be read.
    """
    names = _names(rows, video_by)
    path = out / SCORES
    try:
        out.mkdir(parents=True, exist_ok=True)
        _same_model(out / ABOUT, scorer)
        known = _read_done(path)
        whole: dict[str, DetectionResult] = {}  # the last file only: stretches of one file follow each other
        scores: list[Score] = []
        with path.open("a", encoding="utf-8") as file:
            for number, (row, name) in enumerate(zip(rows, names, strict=True), 1):
                place = (os.path.abspath(row.path), row.start_s, row.end_s)
                parts = known.get(place)
                if parts is None:
                    if row.path not in whole:
                        whole = {row.path: scorer.predict(row)}
                    parts = _parts(row, name, whole[row.path], scorer)
                    file.write("".join(line(part) for part in parts))
                    file.flush()
                scores += [_stamped(part, row, name) for part in parts]
                if progress is not None:
                    progress(number, len(rows))
    except OSError as error:
        raise DataError(f"{out} cannot be written", str(error), "name another folder, or make room") from error
    return scores


def stretch(
    result: DetectionResult, start_s: float | None, end_s: float | None, calibrations: Mapping[str, BranchCalibration]
) -> tuple[DetectionResult, list[WindowScore]]:
    """The answer of the windows that begin in [start_s, end_s), fused as a whole medium's are; and these windows."""
    low, high = start_s or 0.0, float("inf") if end_s is None else end_s
    inside = [window for window in result.windows if low <= window.start_s < high]
    if result.p_fake is None:
        return result, inside
    fused = fuse_windows(((w.branch, w.track, w.logit_fake) for w in inside), calibrations)
    if fused is None:
        reason = f"nothing could be scored between {low:g} s and {high:g} s"
        return replace(result, status=Status.TOO_SHORT, p_fake=None, verdict=None, reason=reason), inside
    return replace(result, p_fake=fused.p_fake), inside


def _parts(row: ManifestRow, name: str, result: DetectionResult, scorer: Scorer) -> list[Score]:
    """The medium's frames, windows and tracks, and last the medium."""
    whole = row.start_s is None and row.end_s is None
    windows: Sequence[WindowScore] = result.windows
    if not whole:
        result, windows = stretch(result, row.start_s, row.end_s, scorer.calibrations)
    base = _stamped(Score(VIDEO, row.path, row.label, None, weights=scorer.weights), row, name)
    parts = [
        replace(
            base,
            level=FRAME if window.track is not None else CLIP,
            p_fake=window.p_fake,
            branch=window.branch,
            track=window.track,
            **_times(window.start_s, window.end_s),
            **_limits(scorer, window.branch),
        )
        for window in windows
        if window.p_fake is not None
    ]
    tracks = result.tracks if whole else ()
    parts += [
        replace(
            base,
            level=CLIP,
            p_fake=track.p_fake,
            branch="face",
            track=track.track,
            **_times(track.start_s, track.end_s),
            **_limits(scorer, "face"),
        )
        for track in tracks
        if track.p_fake is not None
    ]
    decided = _deciding_branch(result, scorer)
    medium = replace(
        base,
        p_fake=result.p_fake,
        branch=decided,
        status=result.status.value,
        reason=result.reason if result.p_fake is None else "",
        coverage=result.coverage,
        **(_limits(scorer, decided) if decided else {}),
    )
    return [*parts, medium]


def _stamped(score: Score, row: ManifestRow, name: str) -> Score:
    """With the manifest's facts; a medium's times are the row's, its parts keep their own."""
    times: dict[str, Any] = {"start_s": row.start_s, "end_s": row.end_s} if score.level == VIDEO else {}
    return replace(
        score,
        path=row.path,
        label=row.label,
        dataset=row.dataset,
        method=row.method,
        video=name,
        identity=row.identity,
        source=row.source,
        split=row.split,
        groups=dict(row.groups),
        **times,
    )


def _names(rows: Sequence[ManifestRow], video_by: str) -> list[str]:
    if video_by not in VIDEO_BY:
        raise UsageError(f"video by {video_by}", "it is unknown", f"say {', '.join(VIDEO_BY)}")
    if video_by == FOLDER:
        return video_names([replace(row, path=os.path.dirname(os.path.abspath(row.path)) + "/.") for row in rows])
    if video_by == SOURCE:
        return [row.source or Path(row.path).stem for row in rows]
    return video_names(rows)


def _deciding_branch(result: DetectionResult, scorer: Scorer) -> str:
    """Of a scored result the branch whose FPR-1 % limit it carries."""
    scored = [branch for branch in result.branches if branch.status is Status.SCORED]
    if len(scored) < 2 or result.p_fake is None:
        return scored[0].branch if scored and result.p_fake is not None else ""
    held = {name: calibration.operating_points["fpr1"] for name, calibration in scorer.calibrations.items()}
    fake_at = result.band.fake_at if result.band else None
    return next((branch.branch for branch in scored if held.get(branch.branch) == fake_at), scored[0].branch)


def _limits(scorer: Scorer, branch: str) -> dict[str, Any]:
    held = scorer.calibrations.get(branch)
    return {} if held is None else {name: held.operating_points[name] for name in ("fpr1", "fpr5")}


def _times(start_s: float, end_s: float) -> dict[str, Any]:
    """A still picture has none."""
    return {"start_s": start_s, "end_s": end_s} if end_s > start_s else {"start_s": None, "end_s": None}


def _same_model(path: Path, scorer: Scorer) -> None:
    mine = {"weights": scorer.weights, "sampling": scorer.sampling}
    if not path.is_file():
        path.write_text(json.dumps(mine, indent=2) + "\n")
        return
    try:
        held: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path} cannot be read", str(error), "remove the folder and begin anew") from error
    for name, value in mine.items():
        if held.get(name) != value:
            raise UsageError(
                f"{path.parent} cannot be gone on with",
                f"its scores are of {name} {held.get(name)!r}, not {value!r}",
                "name another folder, or remove this one",
            )


def _read_done(path: Path) -> dict[tuple[str, float | None, float | None], list[Score]]:
    """Finished rows by file and stretch. What an interruption left half written is cut off the file."""
    done: dict[tuple[str, float | None, float | None], list[Score]] = {}
    if not path.is_file():
        return done
    parts: list[Score] = []
    kept = read = 0
    with path.open("rb") as file:
        for entry in file:
            read += len(entry)
            if not entry.endswith(b"\n"):
                break
            try:
                parts.append(from_fields(json.loads(entry)))
            except ValueError as error:
                raise DataError(f"{path} cannot be gone on with", f"{error}", "remove the folder, begin anew") from None
            if parts[-1].level == VIDEO:
                medium = parts[-1]
                done[os.path.abspath(medium.path), medium.start_s, medium.end_s] = parts
                parts, kept = [], read
    os.truncate(path, kept)
    return done
