"""The table of presets: inputs that fit, counts that agree with torch, and the page."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.evaluation.preset_table import markdown, measure
from deepfake_hf.models import PRESETS, build_model

SMALL = ["lite_frame", "landmark_gru", "lite_audio", "mel_cnn", "aasist_l"]


@pytest.mark.parametrize("name", SMALL)
def test_a_preset_is_counted(name: str) -> None:
    facts = measure(name, timed=False)
    assert facts.parameters == sum(value.numel() for value in build_model(name).parameters())
    assert facts.gflops > 0 and facts.fp32_ms is None and facts.item


def test_operations_are_two_for_each_multiplication() -> None:
    facts = measure("landmark_gru", timed=True)
    assert facts.fp32_ms is not None and facts.fp32_ms > 0 and facts.bf16_ms is not None
    assert facts.onnx_ms is not None and facts.onnx_ms > 0
    assert facts.onnx_difference is not None and 0 < facts.onnx_difference <= 1e-4
    weights = sum(v.numel() for k, v in build_model("landmark_gru").named_parameters() if "weight_" in k)
    assert facts.gflops == pytest.approx(2 * 100 * weights / 1e9, rel=0.05)  # 100 frames through each weight


def test_the_page_names_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfake_hf.models.PRESETS", {name: PRESETS[name] for name in ("landmark_gru", "mel_cnn")})
    out = tmp_path / "presets.md"
    threads = torch.get_num_threads()
    assert CliRunner().invoke(app, ["presets", "--out", str(out)]).exit_code == 0
    page = out.read_text()
    assert "| `mel_cnn` | 4 s of sound | 421,730 |" in page and f"{threads} threads" in page
    assert "`random`" in markdown([measure("mel_cnn", timed=False)])
