"""Scoring a manifest: what is written, going on after a stop, stretches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.data import ManifestRow
from deepfake_hf.errors import UsageError
from deepfake_hf.evaluation.runner import SCORES, Scorer, score_manifest
from deepfake_hf.evaluation.scores import CLIP, FRAME, VIDEO, read_scores
from deepfake_hf.scoring.calibration import NullDistribution, sigmoid
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.types import (
    BranchResult,
    DetectionResult,
    MediaKind,
    OperatingBand,
    Status,
    TrackResult,
    Verdict,
    WindowScore,
)

NULLS = {"face": (-2.0, 1.0), "speech": (-3.0, 1.0)}


def calibrations() -> dict[str, BranchCalibration]:
    rng = np.random.default_rng(0)
    return {name: BranchCalibration(NullDistribution.fit(rng.normal(*at, 400))) for name, at in NULLS.items()}


class FakeModel:
    """Says 4 s of one face and three windows of sound; the face is suspicious in the second half. Counts its calls."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.stop_after = stop_after

    def __call__(self, row: ManifestRow) -> DetectionResult:
        if self.stop_after is not None and len(self.seen) == self.stop_after:
            raise KeyboardInterrupt
        self.seen.append(row.path)
        broken = row.path.endswith("broken.mp4")
        margins = [-3.0] * 8 + [3.0] * 8
        windows = [WindowScore(i / 4, i / 4 + 0.25, "face", 1, m, sigmoid(m)) for i, m in enumerate(margins)]
        windows += [WindowScore(i, i + 2.0, "speech", None, -4.0, sigmoid(-4.0)) for i in range(3)]
        face = BranchResult("face", Status.SCORED, "", Verdict.FAKE, 0.5, None, 1.0, 16, "w")
        track = TrackResult(1, 0.0, 4.0, 16, 16, Status.SCORED, "", Verdict.FAKE, 0.5)
        limit = calibrations()["face"].operating_points["fpr1"]
        return DetectionResult(
            path=row.path,
            status=Status.UNREADABLE if broken else Status.SCORED,
            verdict=None if broken else Verdict.UNCERTAIN,
            p_fake=None if broken else 0.5,
            reason="no container is known that begins so" if broken else "face 1",
            kind=MediaKind.VIDEO,
            duration_s=4.0,
            interval=None,
            coverage=0.0 if broken else 1.0,
            band=OperatingBand("fpr1", limit, limit),
            branches=() if broken else (face, replace(face, branch="speech", p_fake=0.02)),
            tracks=() if broken else (track,),
            windows=() if broken else tuple(windows),
            segments=(),
            rule="",
            sha256=None,
            weights="w",
            versions={},
        )


def scorer(model: FakeModel, weights: str = "w") -> Scorer:
    return Scorer(model, calibrations(), weights)


def rows(*names: str) -> list[ManifestRow]:
    return [
        ManifestRow(f"/m/{name}.mp4", place % 2, "set", groups=(("group_x", "y"),)) for place, name in enumerate(names)
    ]


def test_every_window_track_and_medium_has_a_row(tmp_path: Path) -> None:
    scores = score_manifest(rows("a", "broken"), scorer(FakeModel()), tmp_path)
    first = [score for score in scores if score.path == "/m/a.mp4"]
    assert [sum(s.level == level for s in first) for level in (FRAME, CLIP, VIDEO)] == [16, 4, 1]
    medium = first[-1]
    assert (medium.level, medium.branch, medium.p_fake, medium.key) == (VIDEO, "face", 0.5, ("set", "", "a"))
    assert medium.fpr1 == calibrations()["face"].operating_points["fpr1"]
    assert next(s for s in first if s.branch == "speech").fpr1 == calibrations()["speech"].operating_points["fpr1"]
    assert medium.groups == {"group_x": "y"}
    broken = scores[-1]
    assert (broken.status, broken.p_fake, broken.reason) == ("unreadable", None, "no container is known that begins so")
    assert read_scores(tmp_path / SCORES) == scores


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    wanted = rows("a", "b", "c")
    with pytest.raises(KeyboardInterrupt):
        score_manifest(wanted, scorer(FakeModel(stop_after=1)), tmp_path)
    with (tmp_path / SCORES).open("a") as file:  # a part of b, and a line that was cut off
        file.write('{"level": "frame", "path": "/m/b.mp4", "label": "fake", "p_fake": 0.5}\n{"level": "vid')
    again = FakeModel()
    scores = score_manifest(wanted, scorer(again), tmp_path)
    assert again.seen == ["/m/b.mp4", "/m/c.mp4"]
    assert scores == score_manifest(wanted, scorer(FakeModel()), tmp_path / "at_once")
    assert read_scores(tmp_path / SCORES) == scores
    third = FakeModel()
    relabelled = [replace(row, label=1 - row.label) for row in wanted]
    assert [s.label for s in score_manifest(relabelled, scorer(third), tmp_path) if s.level == VIDEO] == [1, 0, 1]
    assert third.seen == []


def test_another_model_does_not_go_on_with_these_scores(tmp_path: Path) -> None:
    score_manifest(rows("a"), scorer(FakeModel()), tmp_path)
    with pytest.raises(UsageError, match="its scores are of weights 'w', not 'other'"):
        score_manifest(rows("a"), scorer(FakeModel(), "other"), tmp_path)


def test_a_stretch_gets_the_answer_of_its_own_windows(tmp_path: Path) -> None:
    whole = ManifestRow("/m/a.mp4", 0, "set")
    parts = [
        replace(whole, start_s=0.0, end_s=2.0),
        replace(whole, start_s=2.0, end_s=4.0),
        replace(whole, start_s=9.0),
    ]
    model = FakeModel()
    scores = [s for s in score_manifest(parts, scorer(model), tmp_path) if s.level == VIDEO]
    early, late, none = scores
    assert model.seen == ["/m/a.mp4"]
    assert early.p_fake is not None and late.p_fake is not None
    assert early.p_fake < 0.2 and late.p_fake > 0.8
    assert none.p_fake is None and "between 9 s" in none.reason


def test_frames_in_a_folder_are_one_video(tmp_path: Path) -> None:
    pictures = [
        ManifestRow(f"/ff/{m}/000_003/{i}.png", 1, "FF++", m) for m in ("Deepfakes", "FaceSwap") for i in (0, 1)
    ]
    scores = score_manifest(pictures, scorer(FakeModel()), tmp_path, video_by="folder")
    assert {s.key for s in scores} == {("FF++", "Deepfakes", "000_003"), ("FF++", "FaceSwap", "000_003")}
    with pytest.raises(UsageError, match="video by folders"):
        score_manifest(pictures, scorer(FakeModel()), tmp_path, video_by="folders")
