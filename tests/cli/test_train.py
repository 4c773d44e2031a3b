"""The options of ``train.py`` that are more than a value."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer import BadParameter
from typer.testing import CliRunner

from deepfake_hf.cli.train import app
from deepfake_hf.cli.train_stages import _size_ladder


def test_a_ladder_of_sizes() -> None:
    assert _size_ladder("160:0.35,192:1") == [[0.35, 160], [1.0, 192]]
    assert _size_ladder("224:1") == [[1.0, 224]]


@pytest.mark.parametrize("text", ["160", "a:b", "160:", ""])
def test_other_ladders_are_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="--sizes"):
        _size_ladder(text)


def test_every_command_has_help() -> None:
    made = CliRunner().invoke(app, ["--help"])
    assert made.exit_code == 0
    for name in (
        "face",
        "face-siamese",
        "speech",
        "speech-data",
        "landmarks",
        "bundle",
        "card",
        "publish",
        "results",
        "reconstructor",
    ):
        assert name in made.output


def test_a_new_bundle_takes_the_lip_sync_net_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfake_hf.hub.bundle import EMBEDDED, open_bundle
    from deepfake_hf.training import publish_bundle, publish_face, publish_speech

    box, work, out = open_bundle(), tmp_path / "branches", tmp_path / "new"
    for branch, module in (("face", publish_face), ("speech", publish_speech)):
        shutil.copytree(EMBEDDED / branch, work / branch)
        (work / branch / "figures.json").write_text("{}")
        held = box.calibrations[branch]
        made = held.null if branch == "face" else held
        monkeypatch.setattr(module, f"publish_{branch}", lambda *asked, made=made: made)
    landmarks = shutil.copytree(EMBEDDED / "landmarks", tmp_path / "landmarks")
    (landmarks / "metrics.json").write_text("{}")
    monkeypatch.setattr(publish_bundle, "write_canary", lambda made: [])
    monkeypatch.setattr(publish_bundle, "add_graphs", lambda made: made)
    command = ["bundle", "--work", str(work), "--landmarks-model", str(landmarks), "--out", str(out)]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0 and open_bundle(out).label in made.output
    net = out / "sync" / "model.safetensors"
    assert (
        open_bundle(out).lip_sync == net.parent and net.read_bytes() == (EMBEDDED / net.relative_to(out)).read_bytes()
    )
    net.write_bytes(b"another net")
    assert CliRunner().invoke(app, command).exit_code == 0 and net.read_bytes() == b"another net"
    assert set(json.loads((out / "figures.json").read_text())) == {"face", "speech", "landmarks", "card"}


def test_a_bundle_keeps_what_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfake_hf.hub.bundle import EMBEDDED, open_bundle
    from deepfake_hf.training import publish_bundle, publish_face

    box, out = open_bundle(), tmp_path / "new"

    def publish(model: Path, data: Path, folder: Path) -> object:
        shutil.copytree(EMBEDDED / "face", folder)
        (folder / "figures.json").write_text('{"auc": 0.25}')
        return box.calibrations["face"].null

    monkeypatch.setattr(publish_face, "publish_face", publish)
    monkeypatch.setattr(publish_bundle, "write_canary", lambda made: [])
    monkeypatch.setattr(publish_bundle, "add_graphs", lambda made: made)
    command = ["bundle", "--name", box.name, "--work", str(tmp_path / "work"), "--out", str(out)]
    command += ["--keep", "speech", "--keep", "landmarks"]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0, made.output
    new, figures = open_bundle(out), json.loads((out / "figures.json").read_text())
    assert new.branch_sha256("speech") == box.branch_sha256("speech") and figures["face"] == {"auc": 0.25}
    assert figures["speech"] == json.loads((EMBEDDED / "figures.json").read_text())["speech"]
    wrong = CliRunner().invoke(app, [*command[:1], "--keep", "sync"])
    assert wrong.exit_code == 2 and "one of face, speech, landmarks" in wrong.output
