"""The commands hub pack and hub check, and the doctor on a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.cli.doctor import run
from deepfake_hf.hub.bundle import CANARY
from tests.tiny_bundle import write_tiny_bundle


def test_pack_check_and_doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, out = write_tiny_bundle(tmp_path / "tiny").path, tmp_path / "out"
    call = CliRunner().invoke
    assert call(app, ["hub", "pack", str(out), "--bundle", str(tiny)]).exit_code == 2  # no licence
    done = call(app, ["hub", "pack", str(out), "--bundle", str(tiny), "--licence", "mit", "--code"])
    assert done.exit_code == 0 and "packed tiny random" in done.output
    done = call(app, ["hub", "check", str(out)])
    assert done.exit_code == 0 and "canary pair: face: polarity and numbers agree" in done.output
    assert run(str(out)) == 0
    assert "polarity and numbers agree" in " ".join(capsys.readouterr().out.split())

    mine = ["hub", "pack", str(tmp_path / "mine"), "--licence", "mit", "--branch", f"face={out / 'face'}"]
    assert call(app, mine).exit_code == 2  # no calibration
    done = call(app, [*mine, "--calibration", str(out / "calibration.safetensors"), "--name", "mine"])
    assert done.exit_code == 0 and (tmp_path / "mine" / CANARY).is_file()
    assert call(app, ["hub", "pack", str(tmp_path / "x"), "--name", "mine"]).exit_code == 2

    weights = out / "face" / "model.safetensors"
    tensors = load_file(weights)
    for name in ("head.weight", "head.bias"):
        tensors[name] = np.ascontiguousarray(tensors[name][::-1])
    save_file(tensors, weights, metadata={"format": "pt"})
    assert run(str(out)) == 1
    assert "POLARITY TURNED ROUND" in " ".join(capsys.readouterr().out.split())
    done = call(app, ["hub", "check", str(out)])
    assert done.exit_code == 1 and "BROKEN checksums" in done.output


def test_push_space_makes_the_files_without_sending_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("deepfake_hf.hub.push_space.stage_space", lambda checkout, out: asked.append(checkout) or out)
    call = CliRunner().invoke
    done = call(app, ["hub", "push-space", "anna/page", "--dry-run"])
    assert done.exit_code == 2 and "--out FOLDER" in done.output
    done = call(app, ["hub", "push-space", "anna/page", "--dry-run", "--out", str(tmp_path)])
    assert done.exit_code == 0 and f"made {tmp_path}" in done.output.replace("\n", "")
    assert (asked[0] / "space" / "app.py").is_file()


def test_the_page_that_is_nowhere_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("deepfake_hf.cli.space.__file__", str(tmp_path / "deepfake_hf" / "cli" / "space.py"))
    done = CliRunner().invoke(app, ["space"])
    assert done.exit_code == 2 and "Install deepfake-hf from its wheel" in done.output.replace("\n", " ")
