"""Texture, colour and light on faces that were painted with known differences."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.evidence.face_size import SIDE_PX, bracket_of, brackets, reference_crop
from deepfake_hf.evidence.skin import skin_masks
from deepfake_hf.evidence.spatial import COLOUR, LIGHT, TEXTURE, FaceSurfaces, light_slope, surfaces

SKIN = (200, 150, 130)


def points() -> NDArray[np.float32]:
    """68 points of a frontal face in a 224 px crop: jaw and brows on an ellipse, eyes, nose and mouth within."""
    found = np.zeros((68, 2), np.float32)
    angles = np.linspace(np.pi * 0.98, 0.02 * np.pi, 17)
    found[:17] = np.column_stack((112 + 80 * np.cos(angles), 100 + 90 * np.sin(angles)))
    found[17:27] = np.column_stack((np.linspace(50, 174, 10), np.full(10, 62)))
    found[27:36] = np.column_stack(
        (np.r_[[112] * 4, np.linspace(95, 129, 5)], np.r_[np.linspace(75, 110, 4), [122] * 5])
    )
    for first, x in ((36, 78), (42, 146)):
        turn = np.linspace(np.pi, -np.pi, 7)[:6]
        found[first : first + 6] = np.column_stack((x + 16 * np.cos(turn), 82 - 6 * np.sin(turn)))
    turn = np.linspace(np.pi, -np.pi, 21)[:20]
    found[48:68] = np.column_stack((112 + 28 * np.cos(turn), 155 - 10 * np.sin(turn)))
    return found


def face(inside: float = 4.0, outside: float = 4.0, seed: int = 0) -> NDArray[np.uint8]:
    """Skin with noise of one strength in the face's hull and another about it."""
    rng = np.random.default_rng(seed)
    hull = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points()[:27]).astype(np.int32), 1)
    noise = rng.normal(0, 1, (SIDE_PX, SIDE_PX, 1)) * np.where(hull > 0, inside, outside)[..., None]
    return np.clip(np.array(SKIN) + noise, 0, 255).astype(np.uint8)


def in_hull(change: tuple[int, int, int]) -> NDArray[np.uint8]:
    picture = face().astype(np.int32)
    hull = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points()[:27]).astype(np.int32), 1)
    picture[hull > 0] += change
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_masks_lie_inside_and_outside_and_leave_eyes_and_mouth_out() -> None:
    masks = skin_masks(face(), points())
    assert masks is not None
    inner, outer = masks
    assert not (inner & outer).any() and inner[100, 60] and outer[15, 112]
    assert not inner[82, 78] and not inner[155, 112] and not outer[100, 112]
    background = face()
    background[:50] = (20, 60, 200)  # a blue wall is no skin
    again = skin_masks(background, points())
    assert again is None or not again[1][:48].any()


def test_texture_is_the_ratio_of_noise_in_decibels() -> None:
    for inside, outside, expected in ((4.0, 4.0, 0.0), (8.0, 4.0, 6.0), (3.0, 6.0, -6.0)):
        found = surfaces(face(inside, outside), points())
        assert found is not None and found[TEXTURE] == pytest.approx(expected, abs=0.5)


def test_colour_is_the_distance_in_cielab() -> None:
    plain = surfaces(face(), points())
    cast = surfaces(in_hull((0, 0, 18)), points())
    assert plain is not None and cast is not None and plain[COLOUR] < 0.5
    one, two = (
        cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_RGB2Lab)[0, 0, 1:]
        for colour in (SKIN, (200, 150, 148))
    )
    assert cast[COLOUR] == pytest.approx(float(np.linalg.norm(one - two)), abs=0.6)


def test_light_from_one_side_on_the_face_alone_is_seen() -> None:
    x = np.arange(SIDE_PX)
    lit = face().astype(np.float64) * np.exp(0.002 * (x - 112))[None, :, None]
    found = surfaces(np.clip(lit, 0, 255).astype(np.uint8), points())
    assert found is not None and found[LIGHT] < 0.03  # lit alike: no difference
    hull = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points()[:27]).astype(np.int32), 1)
    alone = np.where(hull[..., None] > 0, np.clip(lit, 0, 255), face()).astype(np.uint8)
    found = surfaces(alone, points())
    eyes = float(np.linalg.norm(points()[36] - points()[45]))
    assert found is not None and found[LIGHT] == pytest.approx(0.002 * eyes, rel=0.15)
    slope = light_slope(np.exp(0.01 * x)[None, :] * np.full((9, 1), 50.0), np.ones((9, SIDE_PX), bool), 10.0)
    assert slope == pytest.approx([0.1, 0.0], abs=0.01)


def test_classes_of_size() -> None:
    assert bracket_of(106.9) is None and bracket_of(107) == brackets()[0] and bracket_of(9999) == brackets()[-1]
    assert len(brackets()) == len(set(brackets())) == 4
    crop, width = reference_crop(np.zeros((400, 500, 3), np.uint8), np.array([100, 100, 200, 230], np.float32))
    assert crop.shape == (224, 224, 3) and 100 < width < 130


def test_small_and_covered_faces_abstain() -> None:
    gathered = FaceSurfaces()
    assert gathered.findings() == []
    gathered.add(face(), points(), 0, 50.0)
    gathered.add(np.zeros((224, 224, 3), np.uint8), points(), 0, 300.0)
    found = gathered.findings()
    assert len(found) == 3 and all(
        "too little skin" in str(f.abstained) and "107 px" in str(f.abstained) for f in found
    )
    for seed in range(3):
        gathered.add(face(6.0, 3.0, seed), points(), 2, 180.0)
    readings = {reading.measure: reading for reading in gathered.readings()}
    assert readings[TEXTURE].who == "face 2" and readings[TEXTURE].value == pytest.approx(6, abs=0.6)
