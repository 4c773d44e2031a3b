"""A new calibrator from a scores table: what it may be fitted on, and that scores follow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.recalibration import IN, OFF, before_and_after, recalibrated, refit
from deepfake_hf.evaluation.scores import Score
from deepfake_hf.scoring.aggregation import robust_mean
from deepfake_hf.scoring.calibration import NullDistribution, sigmoid
from deepfake_hf.scoring.calibrators import Calibrator
from deepfake_hf.scoring.decision import BranchCalibration

OLD = Calibrator.from_config({"scale": 3.0, "bias": 1.0})  # far too sure of itself
NULL = BranchCalibration(NullDistribution.fit(OLD(np.random.default_rng(0).normal(-1, 1, 1000))))
CALIBRATIONS = {"face": NULL}


def table() -> list[Score]:
    """Two splits of 60 videos of one person with six frames; the fakes of ``test`` are of two methods."""
    rng = np.random.default_rng(1)
    scores = []
    for place in range(120):
        split, label = ("validation", "test")[place // 60], place % 2
        method = "" if not label else "new" if split == "test" and place % 4 == 3 else "seen"
        raw = rng.normal(label - 0.5, 1.2) + rng.normal(0, 0.3, 6)
        base = Score("video", f"/{place}.mp4", label, None, "set", method, str(place), source=f"s{place}", split=split)
        base = replace(base, branch="face", weights="w")
        frames = [sigmoid(m) for m in OLD(raw)]
        scores += [replace(base, level="frame", p_fake=p, track=1, start_s=float(i)) for i, p in enumerate(frames)]
        scores.append(replace(base, p_fake=sigmoid(robust_mean(OLD(raw)))))
    return scores


def fitted(scores: list[Score], **changed: object) -> object:
    options = {"method": "platt", "fit_split": "validation", "report_split": "test", **changed}
    return refit(scores, "face", OLD, NULL, **options)  # type: ignore[arg-type]


def test_fusing_again_with_the_old_calibrator_changes_nothing() -> None:
    scores = table()
    again = recalibrated(scores, None, OLD, CALIBRATIONS)
    media = [score for score in scores if score.level == "video"]
    assert [s.p_fake for s in again] == pytest.approx([s.p_fake for s in media])


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_scores_follow_the_new_calibrator(method: str) -> None:
    scores = table()
    new = refit(scores, "face", OLD, NULL, method, "validation", "test")
    before = recalibrated(scores, None, OLD, CALIBRATIONS)
    after = recalibrated(scores, new, OLD, CALIBRATIONS)
    found = before_and_after(before, after, "test", new.facts["seen"])
    assert found.keys() == {IN, OFF}
    for place in (IN, OFF):
        assert found[place]["after"]["log_loss"] < found[place]["before"]["log_loss"]
        assert found[place]["after"]["brier"] < found[place]["before"]["brier"]
    assert (found[IN]["after"]["n_real"], found[IN]["after"]["n_fake"]) == (30, 15)
    assert (found[OFF]["after"]["n_real"], found[OFF]["after"]["n_fake"]) == (30, 15)  # genuine ones stand beside both
    # Limits that are carried over are reached by the same media, but for frames that a bend ranks anew.
    stored = "fpr_at_stored_fpr5"
    assert found[IN]["after"][stored] == pytest.approx(found[IN]["before"][stored], abs=0.04)


def test_limits_can_be_fitted_on_the_genuine_set_aside() -> None:
    with pytest.raises(DataError, match="only 30 genuine"):
        fitted(table(), refit_limits=True)


def test_the_part_that_is_reported_is_refused() -> None:
    with pytest.raises(UsageError, match="would flatter"):
        fitted(table(), fit_split="test")
    leaking = [replace(s, source="s0") if s.path == "/100.mp4" else s for s in table()]
    with pytest.raises(DataError, match="1 sources of it are in test too, the first is set/s0"):
        fitted(leaking)
    doubled = [replace(s, split="test") if s.path == "/0.mp4" and s.level == "video" else s for s in table()]
    with pytest.raises(DataError, match="videos of it are in test too"):
        fitted(doubled)


def test_too_few_and_unknown_are_refused() -> None:
    with pytest.raises(DataError, match="of 30 genuine and 0 fake"):
        fitted([s for s in table() if s.label == 0 or s.split == "test"])
    with pytest.raises(UsageError, match="--method beta"):
        fitted(table(), method="beta")
