"""Boxes, readings and the strip, without a model."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.report.annotate import COLOURS, Annotator
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.types import DetectionResult, Frame, MediaKind, OperatingBand, SeenFace, Status, Verdict, WindowScore
from tests.media.media_making import loop_packets, make_video

MEASURE = """
import resource, sys
from deepfake_hf.media import EveryNth, read_frames, write_video
from deepfake_hf.report.annotate import Annotator
from tests.report.test_annotate import CLIP, POINTS
source, target = sys.argv[1:]
frames = Annotator(CLIP, POINTS, (320, 240)).frames(read_frames(source, EveryNth(1)))
write_video(target, frames, 25, sound_of=source)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
POINTS = {"face": {"fpr1": 0.9, "fpr5": 0.5}, "speech": {"fpr1": 0.99, "fpr5": 0.8}}


def window(start_s: float, left: float, margin: float, track: int | None = 0, length_s: float = 0.5) -> WindowScore:
    box = None if track is None else (left, 60.0, left + 50, 120.0)
    branch = "speech" if track is None else "face"
    return WindowScore(start_s, start_s + length_s, branch, track, margin, sigmoid(margin), box)


def result(*windows: WindowScore, verdict: Verdict | None = Verdict.FAKE) -> DetectionResult:
    scored = verdict is not None
    return DetectionResult(
        "a.mp4", Status.SCORED if scored else Status.NO_FACE, verdict, 0.95 if scored else None, "why",
        MediaKind.VIDEO, 4.0, None, 1.0, OperatingBand("fpr1", 0.9, 0.5) if scored else None, (), (), windows, (),
        "rule", None, "w", {},
    )  # fmt: skip


CLIP = result(
    window(0.0, 20, 5.0), window(0.5, 40, 5.0), window(1.0, 60, 5.0), window(3.6, 60, -5.0),
    window(0.0, 0, -3.0, None, 4.0),
)  # fmt: skip


def has(rgb: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((rgb == np.array(colour)).all(axis=2).sum())


def test_boxes_move_between_looks_and_vanish_in_gaps() -> None:
    drawer = Annotator(CLIP, POINTS, (320, 240))
    [seen] = drawer.faces_at(0.25)
    assert seen.box_xyxy == (30.0, 60.0, 80.0, 120.0) and seen.verdict is Verdict.FAKE
    assert drawer.faces_at(1.2)[0].box_xyxy[0] == 60
    assert drawer.faces_at(2.5) == []
    assert drawer.faces_at(3.6)[0].verdict is Verdict.REAL
    assert drawer.faces_at(4.2) == []


@pytest.mark.parametrize("margin", [5.0, 1.0, -5.0])
def test_each_reading_has_its_colour_around_the_face(margin: float) -> None:
    drawer = Annotator(result(window(0.0, 20, margin)), POINTS, (320, 240))
    drawn = drawer.draw(np.full((240, 320, 3), 128, np.uint8), 0.1)
    [seen] = drawer.faces_at(0.1)
    assert has(drawn[:240], COLOURS[seen.verdict]) > 200
    assert sum(has(drawn[:240], colour) > 0 for colour in COLOURS.values()) == 1
    assert has(drawn[:240], (255, 255, 255)) > 10  # the letters of the label


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (161, 201), (120, 90)])
def test_the_strip_stands_below_and_sides_stay_even(size: tuple[int, int]) -> None:
    width, height = size
    drawer = Annotator(CLIP, POINTS, size)
    grey = np.full((height, width, 3), 128, np.uint8)
    [one, other] = list(drawer.frames([Frame(grey, 2.5, 0), Frame(grey, 3.0, 1)]))
    assert one.rgb.shape[0] % 2 == 0 and one.rgb.shape[1] == width and one.pts_s == 2.5
    assert np.array_equal(one.rgb[:height], grey)
    assert not np.array_equal(one.rgb[height:], other.rgb[height:])  # the cursor went on


def test_without_a_verdict_the_strip_says_why() -> None:
    blank = result(verdict=None)
    drawn = Annotator(blank, POINTS, (320, 240)).draw(np.full((240, 320, 3), 128, np.uint8), 0.0)
    assert all(has(drawn, colour) == 0 for colour in COLOURS.values())
    assert drawn.shape[0] > 240


def test_without_calibration_everything_is_uncertain() -> None:
    bare = dataclasses.replace(CLIP, band=None, verdict=Verdict.UNCERTAIN)
    assert Annotator(bare, {}, (320, 240)).faces_at(0.1)[0].verdict is Verdict.UNCERTAIN


def test_letters_can_be_read_on_every_colour() -> None:
    def light(colour: tuple[int, int, int]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))

    for colour in COLOURS.values():
        assert 1.05 / (light(colour) + 0.05) >= 4.5


@pytest.mark.bench
def test_memory_is_flat(tmp_path: Path) -> None:
    short = make_video(tmp_path / "a.mp4", 50, (320, 240), sound_codec="aac")
    long = loop_packets(short, tmp_path / "long.mp4", 10)
    peaks = []
    for source in (short, long):
        command = [sys.executable, "-c", MEASURE, str(source), str(tmp_path / "out.mp4")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.15 * peaks[0]


def test_frames_of_another_size_are_fitted_with_their_own_boxes() -> None:
    drawer = Annotator(result(window(0.0, 20, 5.0, length_s=2.0)), POINTS, (320, 240))
    small = np.full((150, 100, 3), 128, np.uint8)  # upright where the others lie
    drawn = drawer.draw(small, 0.5)
    assert drawn.shape == drawer.draw(np.full((240, 320, 3), 128, np.uint8), 0.5).shape
    picture = drawn[:240]
    assert (picture[:, :80] == 0).all() and (picture[:, 240:] == 0).all()  # 160 x 240 in the middle, black beside it
    red = (np.abs(picture[110:].astype(int) - COLOURS[Verdict.FAKE]).max(axis=2) < 30).nonzero()
    # the box (20, 60, 70, 120) at 1.6 times its size, 80 px to the right, below its label
    assert abs(red[1].min() - 112) < 8 and abs(red[1].max() - 192) < 8 and abs(red[0].max() + 110 - 192) < 8


def test_under_the_boxes_something_may_be_laid() -> None:
    seen = []

    def under(rgb: np.ndarray, pts_s: float, faces: list[SeenFace]) -> np.ndarray:
        seen.append((pts_s, [face.track for face in faces]))
        return np.full_like(rgb, 200)

    drawer = Annotator(CLIP, POINTS, (320, 240), under)
    drawn = drawer.draw(np.full((240, 320, 3), 128, np.uint8), 0.5)
    assert (
        seen == [(0.5, [0])] and drawn[5, 300].tolist() == [200] * 3 and has(drawn[:240], COLOURS[Verdict.FAKE]) > 200
    )
