"""Calibration, aggregation, fusion and decision on made-up margins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.scoring.aggregation import interval, robust_mean, suspicious_segments
from deepfake_hf.scoring.calibration import NullDistribution, fit_platt, sigmoid
from deepfake_hf.scoring.decision import BranchCalibration, band, decide, parse_threshold
from deepfake_hf.scoring.fusion import Voice, fuse
from deepfake_hf.types import Verdict, WindowScore

GENUINE = np.random.default_rng(0).normal(-2.0, 1.0, 2000)
NULL = NullDistribution.fit(GENUINE)


def windows(margins: list[float], track: int | None = 0, step_s: float = 0.5) -> list[WindowScore]:
    return [WindowScore(i * step_s, (i + 1) * step_s, "face", track, m) for i, m in enumerate(margins)]


@given(st.floats(-30, 30))
def test_sigmoid(margin: float) -> None:
    assert sigmoid(margin) == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-12)


def test_platt_lowers_the_log_loss_and_keeps_the_order() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 500)
    raw = rng.normal(labels * 6.0 - 1.0, 4.0)
    fitted = fit_platt(raw, labels)
    calibrated = np.array([sigmoid(fitted["scale"] * m + fitted["bias"]) for m in raw])
    assert log_loss(labels, calibrated) < log_loss(labels, [sigmoid(m) for m in raw])
    assert fitted["scale"] > 0


def test_platt_refuses_swapped_polarity_and_a_missing_class() -> None:
    with pytest.raises(DataError, match="genuine"):
        fit_platt([3.0, 2.0, -2.0, -3.0], [0, 0, 1, 1])
    with pytest.raises(DataError, match="both classes"):
        fit_platt([1.0, 2.0], [1, 1])


def test_null_tail_matches_the_sample() -> None:
    for tail in (0.5, 0.1, 0.05, 0.01):
        assert np.mean(NULL.margin_at(tail) <= GENUINE) == pytest.approx(tail, abs=0.25 * tail)


@given(st.floats(-12, 12), st.floats(0.0, 5.0))
def test_null_tail_never_rises(margin: float, step: float) -> None:
    assert 0 < NULL.tail(margin + step) <= NULL.tail(margin) <= 1


@given(st.floats(1e-6, 0.9))
def test_null_tail_and_margin_are_inverse(tail: float) -> None:
    assert NULL.tail(NULL.margin_at(tail)) == pytest.approx(tail, rel=1e-3)


@given(st.floats(-6, 6), st.integers(1, 50))
def test_correction_never_raises_a_margin(margin: float, voices: int) -> None:
    assert NULL.corrected(margin, voices) <= margin
    assert NULL.corrected(margin, 1) == margin


def test_false_alarms_hold_as_people_are_added() -> None:
    rng = np.random.default_rng(2)
    calibration = {"face": BranchCalibration(NULL)}
    limit = calibration["face"].operating_points["fpr5"]
    for people in (1, 2, 5, 20):
        called = 0
        for _ in range(400):
            bias = rng.normal(-2.0, 1.0, people)
            voices = [Voice(f"face {i}", "face", i, tuple(b + rng.normal(0, 0.3, 5))) for i, b in enumerate(bias)]
            called += fuse(voices, calibration).p_fake >= limit
        assert called / 400 <= 0.08, people


def test_a_fake_person_among_genuine_ones_is_found_and_named() -> None:
    calibration = {"face": BranchCalibration(NULL), "speech": BranchCalibration(NULL)}
    voices = [
        Voice("face 0", "face", 0, (-2.0, -2.2, -1.9)),
        Voice("face 1", "face", 1, (6.0, 6.5, 5.8)),
        Voice("sound", "speech", None, (-2.5, -2.4)),
    ]
    fused = fuse(voices, calibration)
    assert fused.voice.name == "face 1"
    assert fused.num_voices == 4  # two faces, all faces together, the sound
    assert decide(fused.p_fake, band(calibration["face"].operating_points, "fpr1")) is Verdict.FAKE
    assert fused.interval is not None and fused.interval[0] <= fused.p_fake <= fused.interval[1]


def test_bands() -> None:
    points = BranchCalibration(NULL).operating_points
    assert points["fpr5"] < points["fpr1"]
    default = band(points, "fpr1")
    assert decide(points["fpr1"], default) is Verdict.FAKE
    assert decide((points["fpr1"] + points["fpr5"]) / 2, default) is Verdict.UNCERTAIN
    assert decide(points["fpr5"] - 1e-6, default) is Verdict.REAL
    strict = band(points, 0.999)
    assert strict.fake_at == 0.999 and strict.real_below == points["fpr5"]
    loose = band(points, 1e-6)
    assert loose.real_below == loose.fake_at == 1e-6


@pytest.mark.parametrize("text", ["fpr2", "1.5", "0", "nan", "-1", ""])
def test_threshold_refuses_what_it_cannot_use(text: str) -> None:
    with pytest.raises(UsageError, match="threshold"):
        parse_threshold(text)


def test_threshold_reads_names_and_numbers() -> None:
    assert parse_threshold(None) == parse_threshold("FPR1") == "fpr1"
    assert parse_threshold("0.8") == 0.8


def test_mean_and_interval() -> None:
    assert robust_mean([0.0] * 18 + [100.0, -100.0]) == 0.0
    assert interval([1.0, 2.0]) is None
    low, high = interval(list(np.random.default_rng(3).normal(1, 1, 50))) or (1.0, 0.0)
    assert low < sigmoid(1.0) < high


def test_segments_start_high_go_on_lower_and_break_at_gaps() -> None:
    margins = [-4.0] * 4 + [4.0, 4.0, 1.0, 1.0, 4.0, 4.0] + [-4.0] * 4
    found = suspicious_segments(windows(margins), sigmoid(3.0), sigmoid(0.5), join_gap_s=1.0)
    assert [(s.start_s, s.end_s) for s in found] == [(2.0, 5.0)]
    apart = windows([5.0] * 4)[:2] + [WindowScore(60 + i, 61 + i, "face", 0, 5.0) for i in range(2)]
    assert len(suspicious_segments(apart, sigmoid(3.0), sigmoid(0.5), join_gap_s=1.0)) == 2


def test_a_single_spike_is_no_segment() -> None:
    margins = [-4.0] * 5 + [8.0] + [-4.0] * 5
    assert suspicious_segments(windows(margins), sigmoid(3.0), sigmoid(0.5), join_gap_s=1.0) == ()
