"""Quality gates: each refusal with its status and reason."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.faces import QualityLimits, assess, crop_face
from deepfake_hf.faces.quality import sharpness
from deepfake_hf.types import Face, Status


@pytest.fixture(scope="module")
def crop(portrait: NDArray[np.uint8], portrait_face: Face) -> NDArray[np.uint8]:
    return crop_face(portrait, portrait_face.box_xyxy, 224)


BOX = np.array([10, 10, 110, 130], np.float32)


def test_a_good_face_passes(crop: NDArray[np.uint8]) -> None:
    assert assess(crop, BOX) == (Status.SCORED, "")


def test_too_small(crop: NDArray[np.uint8]) -> None:
    status, reason = assess(crop, np.array([0, 0, 31, 60], np.float32))
    assert status is Status.FACE_TOO_SMALL and "31 px" in reason and "32" in reason
    assert assess(crop, np.array([0, 0, 32, 60], np.float32))[0] is Status.SCORED


def test_too_dark(crop: NDArray[np.uint8]) -> None:
    status, reason = assess((crop * 0.05).astype(np.uint8), BOX)
    assert status is Status.TOO_DARK and "luma" in reason
    assert assess((crop * 0.2).astype(np.uint8), BOX)[0] is Status.SCORED  # dim, but sharp


def test_too_blurry(crop: NDArray[np.uint8]) -> None:
    status, reason = assess(cv2.GaussianBlur(crop, (0, 0), 9).astype(np.uint8), BOX)
    assert status is Status.TOO_BLURRY and "sharpness" in reason
    assert assess(np.full((224, 224, 3), 120, np.uint8), BOX)[0] is Status.TOO_BLURRY


def test_sharpness_falls_with_blur_and_not_with_contrast(crop: NDArray[np.uint8]) -> None:
    values = [sharpness(cv2.GaussianBlur(crop, (0, 0), sigma).astype(np.uint8)) for sigma in (1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert sharpness((crop * 0.4 + 90).astype(np.uint8)) == pytest.approx(sharpness(crop), rel=0.15)


def test_limits_can_be_set(crop: NDArray[np.uint8]) -> None:
    assert assess(crop, BOX, QualityLimits(min_side_px=200))[0] is Status.FACE_TOO_SMALL
