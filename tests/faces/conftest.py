"""A real face that comes with a dependency: NASA's public-domain portrait of Eileen Collins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from deepfake_hf.faces import FaceDetector, load_face_detector
from deepfake_hf.types import Face


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    return np.ascontiguousarray(astronaut())


@pytest.fixture(scope="session")
def centerface() -> FaceDetector:
    return load_face_detector("centerface")


@pytest.fixture(scope="session")
def portrait_face(centerface: FaceDetector, portrait: NDArray[np.uint8]) -> Face:
    faces = centerface.detect(portrait)
    assert len(faces) == 1
    return faces[0]
