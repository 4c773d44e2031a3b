"""Faces marked in a frame, and frames brought to one size."""

from __future__ import annotations

import numpy as np
import pytest

from deepfake_hf import draw_faces
from deepfake_hf.report.boxes import COLOURS
from deepfake_hf.report.resizing import fitted
from deepfake_hf.types import SeenFace, Verdict

GREY = np.full((240, 320, 3), 128, np.uint8)
BOX = (100.0, 80.0, 180.0, 170.0)


@pytest.mark.parametrize("verdict", [*Verdict, None])
def test_each_reading_has_a_colour_and_words(verdict: Verdict | None) -> None:
    face = SeenFace(3, BOX, None if verdict is None else 0.7, verdict, "12 px wide")
    drawn = draw_faces(GREY, [face])
    colour = COLOURS[verdict or Verdict.UNCERTAIN]
    assert drawn.shape == GREY.shape and (GREY == 128).all()
    assert (drawn == colour).all(axis=2).sum() > 500
    assert (drawn[60:80] > 240).all(axis=2).sum() > 20  # white letters above the box


def test_lines_stand_in_the_corner_and_nothing_else_changes() -> None:
    drawn = draw_faces(GREY, (), ("24 fps, delay 40 ms, dropped 0", "last 30 s: real"))
    changed = (drawn != GREY).any(axis=2).nonzero()
    assert changed[0].min() == 0 and changed[1].min() == 0 and changed[0].max() < 60 and changed[1].max() < 260


def test_labels_stay_in_the_picture() -> None:
    for box in ((0.0, 0.0, 320.0, 240.0), (300.0, 0.0, 320.0, 20.0), (0.0, 230.0, 10.0, 240.0)):
        drawn = draw_faces(GREY, [SeenFace(0, box, 0.99, Verdict.FAKE)])
        assert (drawn > 240).all(axis=2).sum() > 20


def test_a_picture_of_that_size_is_left_alone_and_others_are_centred() -> None:
    assert fitted(GREY, (320, 240)) is GREY
    wide = fitted(np.full((10, 40, 3), 7, np.uint8), (80, 60))
    assert wide.shape == (60, 80, 3) and (wide[20:40] == 7).all() and not wide[:20].any() and not wide[40:].any()
    assert fitted(np.full((1000, 3, 3), 7, np.uint8), (16, 16)).any()
