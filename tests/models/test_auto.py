"""From a saved folder through the Auto classes and pipelines of transformers, and out again as remote code."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForVideoClassification,
    AutoVideoProcessor,
    pipeline,
)

from deepfake_hf.processing import (
    ClipVideoProcessor,
    FaceImageProcessor,
    LandmarkSeriesFeatureExtractor,
    SpectrogramFeatureExtractor,
)
from tests.models.tiny import SIDE, tiny_model

SIZE = {"height": SIDE, "width": SIDE}


def softmax_by_label(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, float]:
    with torch.inference_mode():
        shares = model(**inputs).logits[0].softmax(0)
    return {model.config.id2label[i]: float(share) for i, share in enumerate(shares)}


def by_label(answer: list[dict[str, object]]) -> dict[str, object]:
    return {str(row["label"]): row["score"] for row in answer}


def test_pictures(tmp_path: Path) -> None:
    model = tiny_model("lite_frame", calibration={"scale": 2.0, "bias": -0.5})
    model.save_pretrained(tmp_path)
    FaceImageProcessor(size=SIZE).save_pretrained(tmp_path)
    loaded, processor = (
        AutoModelForImageClassification.from_pretrained(tmp_path),
        AutoImageProcessor.from_pretrained(tmp_path),
    )
    assert type(loaded) is type(model) and type(processor) is FaceImageProcessor
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8))
    expected = softmax_by_label(model, processor(picture, return_tensors="pt"))
    answer = pipeline("image-classification", model=str(tmp_path), device="cpu")(picture)
    assert by_label(answer) == pytest.approx(expected, abs=1e-6)


def test_videos(tmp_path: Path) -> None:
    model = tiny_model("lite_clip")
    model.save_pretrained(tmp_path)
    ClipVideoProcessor(size=SIZE, num_frames=4).save_pretrained(tmp_path)
    loaded, processor = (
        AutoModelForVideoClassification.from_pretrained(tmp_path),
        AutoVideoProcessor.from_pretrained(tmp_path),
    )
    assert type(loaded) is type(model) and type(processor) is ClipVideoProcessor
    video = tmp_path / "clip.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for i in range(9):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 25 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    batch = processor(str(video), return_tensors="pt")
    levels = batch["pixel_values"][0].mean((1, 2, 3)) * 127.5 + 127.5
    assert levels.tolist() == pytest.approx([0, 75, 125, 200], abs=6)  # to the very last frame
    answer = pipeline("video-classification", model=str(tmp_path), device="cpu")(str(video))
    assert by_label(answer) == pytest.approx(softmax_by_label(model, batch), abs=1e-6)


def test_landmark_series(tmp_path: Path) -> None:
    model, extractor = tiny_model("landmark_gru"), LandmarkSeriesFeatureExtractor()
    model.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    loaded = AutoModelForVideoClassification.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    points = np.random.default_rng(0).uniform(0, 200, (6, 68, 2))
    inputs = AutoFeatureExtractor.from_pretrained(tmp_path)(points, np.arange(6) / 25)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(**inputs).logits, model(**inputs).logits)


def test_sounds(tmp_path: Path) -> None:
    extractor = SpectrogramFeatureExtractor(n_fft=128, win_length=128)
    model = tiny_model("lite_audio")
    model = type(model)(type(model.config)(**{**model.config.to_dict(), "num_bins": extractor.feature_size})).eval()
    model.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    loaded = AutoModelForAudioClassification.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    assert type(AutoFeatureExtractor.from_pretrained(tmp_path)) is SpectrogramFeatureExtractor
    sound = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    expected = softmax_by_label(model, extractor(sound, sampling_rate=16_000, return_tensors="pt"))
    answer = pipeline("audio-classification", model=str(tmp_path), device="cpu")(sound)
    assert by_label(answer) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["lite_frame", "lite_clip", "lite_audio", "landmark_gru"])
def test_the_code_that_is_exported_stands_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(name)
    processor = {
        "lite_frame": FaceImageProcessor,
        "lite_clip": ClipVideoProcessor,
        "lite_audio": SpectrogramFeatureExtractor,
        "landmark_gru": LandmarkSeriesFeatureExtractor,
    }[name]()
    auto = type(model).__name__.split("For")[1]
    for cls in (type(model), type(model.config), type(processor)):
        monkeypatch.setattr(cls, "_auto_class", cls._auto_class)  # put back afterwards
    type(model).register_for_auto_class(f"AutoModelFor{auto}")
    type(model.config).register_for_auto_class()
    type(processor).register_for_auto_class()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert set(AutoConfig.from_pretrained(tmp_path).auto_map) == {"AutoConfig", f"AutoModelFor{auto}"}
    files = {file.stem: file.read_text() for file in tmp_path.glob("*.py")}
    assert type(model).__module__.split(".")[-1] in files and type(processor).__module__.split(".")[-1] in files
    for code in files.values():
        assert set(re.findall(r"^\s*from \.(\S*) import", code, re.MULTILINE)) <= set(files)
        assert not re.search(r"^\s*(from|import) deepfake_hf", code, re.MULTILINE)
