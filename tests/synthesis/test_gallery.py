"""The gallery's people: the second one is a face whose landmarks lie where they should."""

from __future__ import annotations

import numpy as np

from deepfake_hf.faces import load_face_detector
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.gallery import _opened, second_person
from deepfake_hf.synthesis.piecewise_affine import triangles_of


def test_the_second_person_is_found_where_its_landmarks_are() -> None:
    rgb, points = second_person()
    [face] = load_face_detector().detect(rgb)[:1]
    assert face.landmarks5_xy is not None
    own = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
    # in the viewer's order, left first; through glasses the detector puts the eyes a little low
    assert np.abs(own - face.landmarks5_xy).max() < 0.08 * np.ptp(points[:17, 0])
    assert points[0, 0] < points[16, 0] and points[60, 0] < points[64, 0] and points[67, 0] < points[65, 0]
    assert np.ptp(points[:17, 0]) < 1.5 * np.ptp(LANDMARKS_XY[:17, 0])  # faces of about one size


def test_an_open_mouth_changes_the_mouth_alone() -> None:
    portrait = astronaut_rgb()
    opened = _opened(portrait, triangles_of(LANDMARKS_XY), 6.0)
    rows, columns = (np.abs(opened.astype(int) - portrait).max(2) > 20).nonzero()
    assert rows.min() > LANDMARKS_XY[30, 1] - 5 and rows.max() < LANDMARKS_XY[8, 1] + 2
    assert columns.min() > LANDMARKS_XY[3, 0] and columns.max() < LANDMARKS_XY[13, 0]
    assert np.array_equal(_opened(portrait, triangles_of(LANDMARKS_XY), 0.0), portrait) or (
        np.abs(_opened(portrait, triangles_of(LANDMARKS_XY), 0.0).astype(int) - portrait).max() <= 2
    )
