"""Two people, one of them swapped for two seconds: ``detect`` names the right one and the right time.

The clip is real (filmed portraits, a landmark swap, H.264, detection, tracking); the branch only reads the swapped
face's tint, so that the test is of tracks, windows and the rule of stretches and not of some weights. Both people's
genuine faces score between the limits, where a stretch that has begun would otherwise never end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.cli.detect import strongest_stretch
from deepfake_hf.detector import Detector
from deepfake_hf.media import write_video
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.face_swap import swap_face
from deepfake_hf.synthesis.gallery import second_person
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from deepfake_hf.types import DetectionResult, Frame, Verdict
from tests.tiny_bundle import write_tiny_bundle

BEGIN_S, END_S = 2.0, 4.0
CAMERA = VirtualCamera(size_wh=(256, 256), aim_xy=(225.0, 130.0), zoom=(0.97, 1.0), pan_px=5.0, seed=4)


class TintBranch:
    """High where the middle of the crop is blue, else at a level (0: between the limits of the tiny bundle), with
    noise."""

    def __init__(self, level: float = 0.0) -> None:
        self._rng, self._level = np.random.default_rng(0), level

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        middles = np.stack([crop[90:140, 80:144].astype(float).mean((0, 1)) for crop in crops])  # (N, 3)
        blue = middles[:, 2] - middles[:, 0] > 0
        return np.where(blue, 5.0, self._level) + self._rng.normal(0, 0.3, len(crops))


def clip(path: Path) -> None:
    """On the right hand, for two seconds, the first person's face is put, tinted blue."""
    one, (other, points) = astronaut_rgb(), second_person()
    tinted = np.ascontiguousarray(one[..., ::-1])
    swapped, _ = swap_face(other, points, tinted, LANDMARKS_XY, colour=0.0)

    def frames() -> Iterator[Frame]:
        camera = VirtualCamera(**{**vars(CAMERA), "aim_xy": (200.0, 180.0), "seed": 5})
        takes = film(one, CAMERA), film(other, camera), film(swapped, camera)
        for index, ((left, pts_s), (right, _), (fake, _)) in enumerate(zip(*takes, strict=True)):
            shown = fake if BEGIN_S <= pts_s < END_S else right
            yield Frame(np.hstack((left, cv2.resize(shown, (256, 256)))), pts_s, index)

    write_video(path, frames(), 25.0)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    detector = Detector.from_pretrained(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny").path)
    detector.speech_branch = None
    return detector


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("swap") / "two.mp4"
    clip(path)
    return path


@pytest.fixture(scope="module")
def result(detector: Detector, medium: Path) -> DetectionResult:
    detector.face_branch = TintBranch()
    return detector.detect(medium)


def test_the_right_person_and_the_right_two_seconds(result: DetectionResult) -> None:
    assert [track.num_scored for track in result.tracks] == [24, 24]
    best = strongest_stretch(result)
    assert best is not None
    boxes = [window.box_xyxy for window in result.windows if window.track == best.track]
    assert all(box is not None and box[0] > 256 for box in boxes)  # the person on the right
    assert abs(best.start_s - BEGIN_S) <= 0.5 and abs(best.end_s - END_S) <= 0.5 and best.p_fake > 0.9


def test_nothing_is_called_real_where_a_part_leaps_out(detector: Detector, medium: Path) -> None:
    detector.face_branch = TintBranch(level=-4.0)
    found = detector.detect(medium)
    assert found.p_fake is not None and found.band is not None
    assert found.p_fake < found.band.real_below and found.verdict is Verdict.UNCERTAIN
    assert "leaps to P(fake) 0.99" in found.reason and "may have been changed" in found.reason
    assert next(branch for branch in found.branches if branch.branch == "face").verdict is Verdict.REAL


def test_the_other_person_is_not_flagged_for_it(result: DetectionResult) -> None:
    best = strongest_stretch(result)
    assert best is not None
    assert all(segment.p_fake < 0.7 for segment in result.segments if segment.track != best.track)
