"""Who speaks, what is compared, and why not, with a tiny net of random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from deepfake_hf.evidence import lip_sync, speaker
from deepfake_hf.evidence.lip_sync import LipReader, SyncReading, lip_sync_finding, sound_between
from deepfake_hf.evidence.speaker import LEAST_S, Look, Speaker, choose_stretch, find_speaker
from deepfake_hf.faces import TrackedFace
from deepfake_hf.faces.mouth import crop_mouth, turned_by
from deepfake_hf.media import write_audio, write_video
from deepfake_hf.models.configuration_syncnet import SyncNetConfig
from deepfake_hf.models.modeling_syncnet import SyncNetModel
from deepfake_hf.processing.feature_extraction_lip_sync import LipSyncFeatureExtractor
from deepfake_hf.types import AudioTrack, Face, Strength, SyncCurve

FRONT = [(30, 40), (70, 40), (50, 60), (35, 80), (65, 80)]
PROFILE = [(30, 40), (50, 40), (62, 60), (40, 80), (50, 80)]


def face(width: float = 100, points: Sequence[tuple[int, int]] = FRONT, left: float = 0) -> Face:
    box = np.array([left, 0, left + width, 1.2 * width], np.float32)
    return Face(box, 0.9, (np.array(points, np.float32) * width / 100 + [left, 0]).astype(np.float32))


def looks(*faces: Face | None, count: int = 15, tracks: Sequence[int] | None = None) -> list[Look]:
    """Every look shows these faces, a track each; with ``tracks`` the one face, of that track."""
    made = []
    for place in range(count):
        numbers = range(len(faces)) if tracks is None else [tracks[place]]
        shown = [
            TrackedFace(number, item, place / 5, True)
            for number, item in zip(numbers, faces, strict=True)
            if item is not None
        ]
        made.append(Look(place / 5, tuple(shown)))
    return made


def test_the_one_face_is_followed() -> None:
    chosen = choose_stretch(looks(face(), face(30, left=200)))  # a small second face is a bystander
    assert not isinstance(chosen, str)
    assert [pts_s for pts_s, _ in chosen] == [place / 5 for place in range(15)]
    assert {float(item.box_xyxy[2]) for _, item in chosen} == {100.0}


def test_the_longest_stretch_of_one_person_is_taken() -> None:
    chosen = choose_stretch(looks(face(), count=25, tracks=[0] * 8 + [1] * 17))
    assert not isinstance(chosen, str) and chosen[0][0] == pytest.approx(1.6) and len(chosen) == 17


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (looks(None), "no visible speaker: no face in 100 % of the looks"),
        (looks(face(30)), "no visible speaker: the face is under 48 px wide in 100 %"),
        (looks(face(points=PROFILE)), "profile view: the face is turned away in 100 %"),
        (looks(face(), face(80, left=200)), "several speakers are possible"),
        (looks(face(), count=10), "the picture is too short: 2.0 s of it, at least 2.2 s are needed"),
        (looks(face(), tracks=[0] * 8 + [1] * 7), "too short: no face is to be seen alone for 2.2 s on end"),
        ([], "the picture is too short: 0.0 s"),
    ],
)
def test_no_stretch_has_a_reason(shown: list[Look], why: str) -> None:
    said = choose_stretch(shown)
    assert isinstance(said, str) and said.startswith(why)


def test_a_face_from_the_front_is_not_turned() -> None:
    assert turned_by(np.array(FRONT, np.float32)) == 0.0
    assert turned_by(np.array(PROFILE, np.float32)) == pytest.approx(1.1)
    rolled = np.array(FRONT, np.float32) @ np.array([[0.8, 0.6], [-0.6, 0.8]], np.float32)  # head on one side
    assert turned_by(rolled) == pytest.approx(0.0, abs=1e-6)


def test_a_mouth_lies_in_the_middle_of_its_crop() -> None:
    rgb = np.zeros((100, 120, 3), np.uint8)
    rgb[60:70, 40:50] = 255
    crop = crop_mouth(rgb, (45.0, 65.0), face_width_px=40.0, side=60)  # 30 px of the picture, twice as large
    bright = np.argwhere(crop[..., 0] > 127)
    assert bright.min(0).tolist() == pytest.approx([20, 20], abs=1) and bright.max(0).tolist() == pytest.approx(
        [39, 39], abs=1
    )


class OneFace:
    """Sees one face from the front, always."""

    name = "one"

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        return [face()]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> LipReader:
    folder = tmp_path_factory.mktemp("sync")
    torch.manual_seed(0)
    small = [4, 4, 4, 4, 4, 8]
    net = SyncNetConfig(image_size=64, visual_widths=small, sound_widths=small, hidden_size=8, embedding_size=4)
    SyncNetModel(net).save_pretrained(folder)
    LipSyncFeatureExtractor(image_size=64).save_pretrained(folder)
    return LipReader(folder, OneFace(), torch.device("cpu"))


class AllSpeech:
    """A gate to which whatever is heard is speech."""

    def feed(self, waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.ones(len(waveform) // 512, bool)


@pytest.fixture
def all_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lip_sync, "SpeechGate", AllSpeech)


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


def mouths(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 255, (count, 64, 64, 3), np.uint8)


def test_a_reading_counts_its_windows(reader: LipReader, all_speech: None) -> None:
    times = 2.0 + np.arange(75) / 25
    reading = reader.compare(mouths(75), times, noise(3))
    assert isinstance(reading, SyncReading)
    assert (
        reading.start_s == 2.0
        and reading.end_s == pytest.approx(4.96)
        and reading.windows == 70
        and reading.speech_s > 2.9
    )
    assert reading.curve.offsets_ms.tolist() == list(range(-600, 601, 40)) and 0.001 <= reading.curve.p_value <= 1
    again = reader.compare(mouths(75), times, noise(3))
    assert isinstance(again, SyncReading) and lip_sync_finding(again, "ab") == lip_sync_finding(reading, "ab")


def test_frames_that_are_missing_leave_gaps(reader: LipReader, all_speech: None) -> None:
    times = np.delete(np.arange(100) / 25, range(40, 50))
    reading = reader.compare(mouths(90), times, noise(4))
    assert isinstance(reading, SyncReading) and 75 <= reading.windows <= 85  # each gap costs the windows over it, too


def test_no_speech_and_too_little_of_it(reader: LipReader, monkeypatch: pytest.MonkeyPatch) -> None:
    said = reader.compare(mouths(75), np.arange(75) / 25, noise(3))  # the true gate: noise is no speech
    assert said == "no speech: 0.0 s of it in 3.0 s of sound"

    monkeypatch.setattr(lip_sync, "SpeechGate", AllSpeech)
    said = reader.compare(mouths(25), np.arange(25) / 25, noise(3))
    assert isinstance(said, str) and said.startswith("too short: fewer than 10 windows")
    said = reader.compare(mouths(4), np.arange(4) / 25, noise(2))
    assert said == "too short: no 0.2 s have both picture and sound"


def test_sound_between_times_keeps_gaps_silent(tmp_path: Path) -> None:
    wave = noise(2)
    write_audio(tmp_path / "a.wav", AudioTrack(wave, 16_000))
    found = sound_between(tmp_path / "a.wav", 1.5, 2.5)
    np.testing.assert_allclose(found[:8000], wave[24_000:], atol=1e-3)
    assert not found[8000:].any() and len(found) == 16_000


def test_a_clip_is_cropped_at_25_frames_a_second(tmp_path: Path, reader: LipReader) -> None:
    frames = ((np.full((128, 128, 3), 90, np.uint8), place / 30) for place in range(90))
    write_video(tmp_path / "a.mp4", frames, 30.0)
    found = find_speaker(tmp_path / "a.mp4", OneFace(), 64)
    assert isinstance(found, Speaker) and found.mouths.shape == (75, 64, 64, 3)
    assert found.pts_s[0] == 0 and (np.diff(found.pts_s) > 0).all()
    late = find_speaker(tmp_path / "a.mp4", OneFace(), 64, start_s=2.0)
    assert isinstance(late, str) and "too short" in late and LEAST_S == 2.2


def test_a_long_clip_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "ANALYSED_S", 2.4)
    write_video(tmp_path / "a.mp4", ((np.zeros((64, 64, 3), np.uint8), place / 25) for place in range(150)), 25.0)
    found = find_speaker(tmp_path / "a.mp4", OneFace(), 64, start_s=1.0)
    assert isinstance(found, Speaker) and found.pts_s[0] == 1.0 and found.pts_s[-1] < 3.45


def curve(best: int, p_value: float) -> SyncCurve:
    offsets = 40 * np.arange(-15, 16)
    distances = np.where(offsets == best, 1.0, 2.0)
    return SyncCurve(offsets, distances, distances - 0.1, distances + 0.1, 1.0, p_value)


@pytest.mark.parametrize(
    ("best", "p_value", "said", "strength"),
    [
        (40, 0.01, "in step to within 40 ms (p = 0.010)", Strength.NEUTRAL),
        (-200, 0.01, "with the sound 200 ms too late (p = 0.010)", Strength.WEAK),
        (200, 0.01, "with the sound 200 ms too early", Strength.WEAK),
        (0, 0.4, "no offset within 0.6 s fits better than shuffled sound does (p = 0.400)", Strength.NEUTRAL),
    ],
)
def test_the_finding_says_what_was_found(best: int, p_value: float, said: str, strength: Strength) -> None:
    found = lip_sync_finding(SyncReading(0.0, 3.0, 70, 1.5, curve(best, p_value)), "0123456789abcdef0")
    assert found.finding is not None and said in found.finding and found.strength is strength
    assert found.kind == "lip_sync" and "One speaker" in found.does_not_mean and found.means
    facts = dict(found.facts)
    assert facts["windows"] == "70 of 0.2 s, with 1.5 s of speech" and "999 shufflings" in facts["p"]
    assert "0123456789abcdef…" in facts["net"]


def test_an_abstention_has_no_strength() -> None:
    found = lip_sync_finding("no speech: 0.0 s", "ab")
    assert found.finding is None and found.strength is None and found.abstained == "no speech: 0.0 s"
