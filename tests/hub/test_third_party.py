"""Third-party classifiers: which way their labels point, and what is said of media with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from transformers import (
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
)

from deepfake_hf.cli.doctor import run
from deepfake_hf.detector import Detector
from deepfake_hf.errors import BundleError, LabelError, UsageError
from deepfake_hf.hub.third_party import look_at
from deepfake_hf.inference.third_party import fake_margin
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import write_audio
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.types import AudioTrack, Status, Verdict
from tests.tiny_bundle import write_tiny_bundle


def vit(folder: Path, *names: str) -> Path:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = ViTConfig(image_size=32, patch_size=16, id2label=dict(enumerate(names)), **sizes)
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def wav2vec2(folder: Path, *names: str) -> Path:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    convolution = {"conv_dim": [8, 8], "conv_kernel": [20, 10], "conv_stride": [20, 10]}
    embedding = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    config = Wav2Vec2Config(id2label=dict(enumerate(names)), **sizes, **convolution, **embedding)
    Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def timm_folder(folder: Path, names: list[str] | None) -> Path:
    folder.mkdir()
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", num_classes=2)
    save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architecture": "test_efficientnet", "num_classes": 2, "pretrained_cfg": model.pretrained_cfg}
    (folder / "config.json").write_text(json.dumps(config | ({"label_names": names} if names else {}), default=list))
    return folder


def test_margins_of_any_head() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    shares = logits[0].softmax(0)
    margin = fake_margin(logits, (FAKE, REAL, FAKE))[0]
    assert sigmoid(margin) == pytest.approx(float(shares[0] + shares[2]))
    assert fake_margin(torch.tensor([[0.7]]), (FAKE,))[0] == pytest.approx(0.7)
    assert fake_margin(torch.tensor([[0.7]]), (REAL,))[0] == pytest.approx(-0.7)


@pytest.mark.parametrize("kind", ["vit", "timm"])
def test_faces_by_a_third_party(kind: str, tmp_path: Path) -> None:
    folder = vit(tmp_path / kind, "Fake", "Real") if kind == "vit" else timm_folder(tmp_path / kind, ["Fake", "Real"])
    detector = Detector.from_pretrained(folder, device="cpu")
    assert detector.bundle.weights == "third-party" and detector.operating_points() == {}
    result = detector.detect(astronaut_rgb())
    assert result.status is Status.SCORED and result.p_fake is not None and 0 < result.p_fake < 1
    assert result.verdict is Verdict.UNCERTAIN and result.band is None and "not calibrated" in result.reason
    assert "not calibrated" in result.warnings[0] and "not calibrated" in result.rule and result.segments == ()
    assert result.branches[0].verdict is Verdict.UNCERTAIN
    below, above = result.p_fake - 1e-3, result.p_fake + 1e-3
    assert detector.detect(astronaut_rgb(), threshold=below).verdict is Verdict.FAKE
    assert detector.detect(astronaut_rgb(), threshold=above).verdict is Verdict.REAL
    turned = folder / "config.json"
    turned.write_text(turned.read_text().replace("Fake", "X").replace("Real", "Fake").replace("X", "Real"))
    other = Detector.from_pretrained(folder, device="cpu").detect(astronaut_rgb())
    assert other.p_fake == pytest.approx(1 - result.p_fake, abs=1e-6)


def test_speech_by_a_third_party(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    write_audio(path, AudioTrack(speech_pair()[0][: 4 * SPEECH_RATE], SPEECH_RATE), codec="wav")
    detector = Detector.from_pretrained(wav2vec2(tmp_path / "w", "bonafide", "spoof"), device="cpu")
    result = detector.detect(path)
    assert result.status is Status.SCORED and result.verdict is Verdict.UNCERTAIN and len(result.windows) > 1
    assert np.isfinite([window.logit_fake for window in result.windows]).all()


def test_a_polarity_is_said_once(tmp_path: Path) -> None:
    mute = vit(tmp_path / "mute", "LABEL_0", "LABEL_1")
    assert look_at(mute).meaning is None
    with pytest.raises(LabelError, match="is not known"):
        Detector.from_pretrained(mute)
    first = Detector.from_pretrained(mute, polarity=("fake", "real"), device="cpu").detect(astronaut_rgb()).p_fake
    second = Detector.from_pretrained(mute, polarity=("real", "fake"), device="cpu").detect(astronaut_rgb()).p_fake
    assert first is not None and second == pytest.approx(1 - first, abs=1e-6)
    speaking = vit(tmp_path / "speaking", "real", "fake")
    with pytest.raises(LabelError, match="outputs are named"):
        Detector.from_pretrained(speaking, polarity=("fake", "real"))
    with pytest.raises(LabelError, match="one word for each output"):
        Detector.from_pretrained(mute, polarity=("fake",))
    with pytest.raises(UsageError, match="is a bundle"):
        Detector.from_pretrained(write_tiny_bundle(tmp_path / "tiny").path, polarity=("real", "fake"))


def test_what_cannot_be_a_branch_is_refused(tmp_path: Path) -> None:
    folder = vit(tmp_path / "vit", "real", "fake")
    config = folder / "config.json"
    (folder / "model.safetensors").rename(folder / "away")
    with pytest.raises(BundleError, match="no weights"):
        Detector.from_pretrained(folder)
    (folder / "away").rename(folder / "model.safetensors")
    config.write_text(config.read_text().replace('"num_hidden_layers": 1', '"num_hidden_layers": 2'))
    with pytest.raises(BundleError, match="missing or misshapen"):
        Detector.from_pretrained(folder)
    config.write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(BundleError, match="no image or audio classifier"):
        look_at(folder)
    config.write_text(json.dumps({"model_type": "nobody_knows_it"}))
    with pytest.raises(BundleError, match="not known to transformers"):
        look_at(folder)


def test_the_doctor_says_which_way_they_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(wav2vec2(tmp_path / "w", "spoof", "bonafide"))) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "0 'spoof' → fake" in said and "not calibrated" in said
    assert run(str(timm_folder(tmp_path / "t", None))) == 1
    assert "can't be known" in " ".join(capsys.readouterr().out.split())
