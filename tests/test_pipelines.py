"""transformers' pipelines: the task of our own on any medium, and the stock tasks against the facade."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file
from transformers import pipeline

import deepfake_hf.pipelines
from deepfake_hf.detector import Detector
from deepfake_hf.errors import UsageError
from deepfake_hf.faces import crop_face
from deepfake_hf.hub.bundle import CANARY, EMBEDDED
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch
from deepfake_hf.inference.faces_pass import CROP_SIZE
from deepfake_hf.media import Uniform, read_audio, write_audio, write_video
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.types import AudioTrack, Frame
from tests.tiny_bundle import write_tiny_bundle

TASK = deepfake_hf.pipelines.TASK


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("pipelines") / "tiny").path


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait with the speech sample: an mp4 with pictures and sound."""
    path = tmp_path_factory.mktemp("media") / "talking.mp4"
    rgb = astronaut_rgb()[:300, 80:380].copy()
    sound = AudioTrack(speech_pair()[0][: 3 * SPEECH_RATE], SPEECH_RATE)
    write_video(path, (Frame(rgb, index / 5, index) for index in range(15)), 5, audio=sound)
    return path


def alike(answer: dict[str, object], expected: dict[str, object]) -> None:
    for name in answer.keys() | expected.keys():
        if name not in ("seconds", "timings"):
            assert answer[name] == expected[name], name


def test_any_medium_gives_the_facades_result(tiny: Path, talking: Path, tmp_path: Path) -> None:
    picture = tmp_path / "portrait.png"
    Image.fromarray(astronaut_rgb()).save(picture)
    pipe, detector = pipeline(TASK, model=str(tiny), device="cpu"), Detector.from_pretrained(tiny, device="cpu")
    for medium in (str(talking), str(picture), Image.open(picture), astronaut_rgb(), picture.read_bytes()):
        alike(pipe(medium), detector.detect(medium).to_dict())
    heard = pipe(str(talking), sampling=Uniform(2), threshold=0.5)
    assert {branch["branch"] for branch in heard["branches"]} == {"face", "speech"}
    assert heard["band"]["name"] == "p>=0.5" and len(heard["windows"]) < len(pipe(str(talking))["windows"])
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    assert [row["status"] for row in pipe([str(picture), str(broken)])] == ["scored", "unreadable"]


def test_without_a_model_the_weights_in_the_box_are_taken() -> None:
    assert pipeline(TASK, device="cpu").model.detector.bundle.path == EMBEDDED


def test_options_that_cannot_act_are_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match="float32"):
        pipeline(TASK, model=str(tiny), dtype=torch.bfloat16)
    with pytest.raises(TypeError):
        pipeline(TASK, model=str(tiny), device="cpu", top_k=3)


def margin(answer: list[dict[str, object]]) -> float:
    share = {str(row["label"]): float(str(row["score"])) for row in answer}
    return float(np.log(share["fake"]) - np.log(share["real"]))


@pytest.mark.parametrize("which", ["tiny", "embedded"])
def test_stock_tasks_agree_with_the_facade_on_the_same_crop_and_sound(which: str, tiny: Path) -> None:
    folder = tiny if which == "tiny" else EMBEDDED
    pairs = load_file(EMBEDDED / CANARY)
    faces, sounds = list(pairs["face.inputs"]), list(pairs["speech.inputs"])
    device = torch.device("cpu")
    look = pipeline("image-classification", model=str(folder / "face"), device="cpu")
    for crop, score in zip(faces, FrameBranch(folder / "face", device).score(faces), strict=True):
        assert margin(look(Image.fromarray(crop))) == pytest.approx(score, abs=1e-3)
        assert margin(look(Image.fromarray(np.ascontiguousarray(crop[:, ::-1])))) == pytest.approx(score, abs=1e-3)
    listen = pipeline("audio-classification", model=str(folder / "speech"), device="cpu")
    for sound, score in zip(sounds, SpeechBranch(folder / "speech", device).score(sounds), strict=True):
        assert margin(listen(sound)) == pytest.approx(score, abs=1e-3)


def test_one_call_gives_what_the_detector_says_of_the_same_crop_and_window(tmp_path: Path) -> None:
    detector = Detector.from_pretrained(device="cpu")
    seen = detector.detect(astronaut_rgb())
    (window,) = seen.windows
    assert window.box_xyxy is not None
    crop = crop_face(astronaut_rgb(), np.array(window.box_xyxy, np.float32), CROP_SIZE)
    answer = pipeline("image-classification", model=str(EMBEDDED / "face"), device="cpu")(Image.fromarray(crop))
    assert margin(answer) == pytest.approx(window.logit_fake, abs=1e-3)
    p_fake = dict((row["label"], row["score"]) for row in answer)["fake"]
    assert p_fake == pytest.approx(seen.branches[0].p_fake, abs=1e-5)  # torch here, the bundle's graph there

    sound = load_file(EMBEDDED / CANARY)["speech.inputs"][1]
    write_audio(tmp_path / "words.wav", AudioTrack(sound, 16_000), codec="wav")
    (heard,) = read_audio(tmp_path / "words.wav", 16_000)
    said = detector.detect(tmp_path / "words.wav")
    (window,) = said.windows
    assert window.start_s == 0 and window.end_s == pytest.approx(len(sound) / 16_000)
    answer = pipeline("audio-classification", model=str(EMBEDDED / "speech"), device="cpu")(heard.waveform)
    assert margin(answer) == pytest.approx(window.logit_fake, abs=1e-3)
    assert dict((row["label"], row["score"]) for row in answer)["fake"] == pytest.approx(said.branches[0].p_fake)
