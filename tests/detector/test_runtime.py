"""The facade on onnxruntime: the same answers, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.detector import Detector
from deepfake_hf.errors import UsageError
from deepfake_hf.media import Uniform
from deepfake_hf.synthesis.examples import Example
from tests.tiny_bundle import write_tiny_bundle


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "deepfake_hf" / "onnx"


@pytest.mark.slow
def test_the_weights_in_the_box_answer_the_same(cache: Path, example_files: list[Example]) -> None:
    torch_detector, onnx_detector = (
        Detector.from_pretrained(device="cpu", runtime=runtime) for runtime in ("torch", "onnx")
    )
    assert not cache.exists()  # the face's graph is in the box; statistics of speech have no export
    kinds = set()
    for example in example_files:
        ours, theirs = (
            detector.detect(example.path, sampling=Uniform(6)) for detector in (torch_detector, onnx_detector)
        )
        assert ours.status is theirs.status and ours.verdict is theirs.verdict
        assert len(ours.windows) == len(theirs.windows) > 0
        for one, two in zip(ours.windows, theirs.windows, strict=True):
            assert two.logit_fake == pytest.approx(one.logit_fake, abs=2e-5)
        assert theirs.p_fake == pytest.approx(ours.p_fake, abs=1e-5)
        kinds.add(example.kind.value)
    assert kinds == {"video", "image", "audio"}
    assert theirs.branches[0].weights == f"{ours.branches[0].weights} onnx (face float32)"


def test_the_commands(tmp_path: Path, example_files: list[Example]) -> None:
    tiny, out = write_tiny_bundle(tmp_path / "tiny").path, tmp_path / "out"
    call = CliRunner().invoke
    done = call(app, ["export", "onnx", str(tiny), "-o", str(out)])
    assert done.exit_code == 0 and "speech: " in done.output and "logits differ from torch by" in done.output
    sound = next(e.path for e in example_files if e.kind.value == "audio")
    lines = []
    for options in (["--bundle", str(out), "--runtime", "onnx"], ["--bundle", str(tiny)]):
        jsonl = tmp_path / f"{len(lines)}.jsonl"
        assert call(app, ["detect", str(sound), "--quiet", "--jsonl", str(jsonl), *options]).exit_code == 0
        lines.append(jsonl.read_text())
    assert "onnx (face float32" in lines[0] and "onnx (" not in lines[1]
    assert call(app, ["export", "onnx", "no_such_preset", "-o", str(tmp_path / "x")]).exit_code == 2
    done = call(app, ["export", "onnx", "landmark_gru", "-o", str(tmp_path / "series")])
    assert done.exit_code == 0 and {file.name for file in (tmp_path / "series").iterdir()} == {
        "model.onnx",
        "config.json",
    }


def test_what_cannot_act_is_refused(tmp_path: Path) -> None:
    tiny = write_tiny_bundle(tmp_path / "tiny").path
    with pytest.raises(UsageError, match="Say auto, torch or onnx"):
        Detector.from_pretrained(tiny, runtime="onnxx")
    with pytest.raises(UsageError, match="on the CPU only"):
        Detector.from_pretrained(tiny, runtime="onnx", device="meta")
    with pytest.raises(UsageError, match="third party"):
        Detector.from_pretrained(tiny / "speech", runtime="onnx")
