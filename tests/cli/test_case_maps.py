"""Heat maps in a report and in an annotated video, by a tiny model whose maps are said to have passed, or not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.cli.case_maps import MAP_EVERY_S, OF_EACH, FaceMapper, MapCollector, MovingMaps, case_maps
from deepfake_hf.detector import Detector
from deepfake_hf.hub.bundle import open_bundle
from deepfake_hf.media import EveryNth, Limits, read_frames
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import speech_pair
from deepfake_hf.types import DetectionResult, MediaKind, SeenFace, Verdict, WindowScore
from tests.media.media_making import make_video
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()
FACE = (110.0, 60.0, 220.0, 190.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny").path


@pytest.fixture(scope="module")
def detector(bundle: Path) -> Detector:
    return Detector.from_pretrained(bundle)


@pytest.fixture
def stands(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grad-CAM and short windows have passed with the tiny weights, occlusion has not."""
    held = open_bundle(bundle)
    figures: dict[str, Any] = {
        name: {"passed": passed, "why": why, "weights": "tiny", "branch_sha256": held.branch_sha256(branch)}
        for name, branch, passed, why in (
            ("grad_cam", "face", True, "it points"), ("occlusion", "face", False, "it does not point"),
            ("short_windows", "speech", True, "it points"),
        )
    }  # fmt: skip
    monkeypatch.setattr("deepfake_hf.evidence.maps.kinds.measured_figures", lambda: {"kinds": figures})


def portrait() -> np.ndarray:
    return np.ascontiguousarray(astronaut_rgb()[:320, 60:380])


def result(*windows: WindowScore) -> DetectionResult:
    from deepfake_hf.types import Status

    return DetectionResult(
        "a.mp4", Status.SCORED, Verdict.FAKE, 0.95, "why", MediaKind.VIDEO, 4.0, None, 1.0, None, (), (), windows, (),
        "rule", None, "w", {},
    )  # fmt: skip


def window(start_s: float, track: int | None, margin: float) -> WindowScore:
    box = None if track is None else FACE
    return WindowScore(start_s, start_s + 1, "speech" if track is None else "face", track, margin, sigmoid(margin), box)


@pytest.mark.usefixtures("stands")
def test_suspicious_faces_get_a_map_and_real_ones_none(detector: Detector) -> None:
    found = result(*(window(float(i), 0, 5.0 + i) for i in range(6)), *(window(float(i), 1, -9.0) for i in range(6)))
    mapper = FaceMapper(detector)
    collector = MapCollector(mapper, found, "fpr1")
    for track in (1, 0):
        collector.add(portrait(), FACE, track)
    faces = collector.faces()
    assert mapper.kind == "grad_cam" and faces is not None and faces.title == "Grad-CAM"
    [row] = faces.rows
    assert row.title == "Face 0" and row.large and OF_EACH == 2
    plain, mapped, frame = (np.asarray(Image.open(io.BytesIO(content))).astype(int) for content, _ in row.pictures[:3])
    assert plain.shape == mapped.shape and frame.shape == (320, 320, 3)
    assert np.abs(mapped - plain).max() > 60  # the map covers something
    corner = np.abs(frame[250:, 250:] - portrait()[250:, 250:].astype(int))
    assert np.median(corner) < 8  # and nothing far from the face
    assert any("does not point" in why for why in mapper.off) and any("not been measured" in why for why in mapper.off)


def test_with_other_weights_no_kind_stands_and_the_page_says_so(detector: Detector, tmp_path: Path) -> None:
    mapper = FaceMapper(detector)
    found = result(window(0.0, 0, 5.0))
    made = case_maps(tmp_path / "a.mp4", found, detector, MapCollector(mapper, found, "fpr1"), Limits())
    assert mapper.kind is None and made.faces is None and made.sound is None
    assert any("other weights" in why and "Grad-CAM is off" in why for why in made.off)


@pytest.mark.usefixtures("stands")
def test_the_most_suspicious_stretch_of_a_sound_gets_a_map(detector: Detector, tmp_path: Path) -> None:
    from deepfake_hf.media import write_audio
    from deepfake_hf.types import AudioTrack

    path = tmp_path / "a.wav"
    write_audio(path, AudioTrack(np.tile(speech_pair()[0], 3), 16_000), codec="wav")
    whole_s = 3 * len(speech_pair()[0]) / 16_000
    found = result(window(0.0, None, -1.0), window(whole_s - 2, None, 3.0))
    made = case_maps(path, found, detector, MapCollector(FaceMapper(detector), found, "fpr1"), Limits())
    assert made.faces is None and made.sound is not None and made.sound.title == "Short windows"
    lasts_s = len(made.sound.waveform) / 16_000
    assert lasts_s <= 15 and made.sound.start_s <= whole_s - 2 < made.sound.start_s + lasts_s
    assert made.sound.values.shape == (int(lasts_s / 0.05),)


@pytest.mark.usefixtures("stands")
def test_maps_move_with_their_faces(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    mapper, made = FaceMapper(detector), []
    own = mapper.map_of
    monkeypatch.setattr(mapper, "map_of", lambda rgb, box: made.append(box) or own(rgb, box))
    moving, rgb = MovingMaps(mapper), portrait()
    fake, real = SeenFace(0, FACE, 0.9, Verdict.FAKE), SeenFace(1, FACE, 0.1, Verdict.REAL)
    assert moving(rgb, 0.0, [real]) is rgb
    for pts_s in (0.0, 0.1, MAP_EVERY_S, 0.4):
        drawn = moving(rgb, pts_s, [fake, real])
        assert drawn.shape == rgb.shape and not np.array_equal(drawn, rgb)
    assert len(made) == 2


@pytest.mark.usefixtures("stands")
def test_an_annotated_video_with_maps(bundle: Path, tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", 10, (320, 320), pictures=portrait())
    plain, mapped = tmp_path / "b.mp4", tmp_path / "c.mp4"
    command = ["annotate", str(source), str(plain), "--bundle", str(bundle), "--threshold", "0.0001"]
    assert runner.invoke(app, command).exit_code == 0
    command[2] = str(mapped)
    done = runner.invoke(app, [*command, "--maps"])
    assert done.exit_code == 0, done.output
    first, second = (list(read_frames(path, EveryNth(1)))[5].rgb.astype(int) for path in (plain, mapped))
    assert first.shape == second.shape and np.abs(first[60:200, 100:230] - second[60:200, 100:230]).max() > 60


def test_annotate_with_maps_of_weights_that_nobody_checked(bundle: Path, tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", 4, (320, 320), pictures=portrait())
    done = runner.invoke(app, ["annotate", str(source), str(tmp_path / "b.mp4"), "--bundle", str(bundle), "--maps"])
    assert done.exit_code == 2 and "other weights" in done.output and "maps-check" in done.output
