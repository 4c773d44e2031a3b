"""``maps-check`` runs on the weights in the box, whatever runs them elsewhere, and writes its figures."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from tests.training.making import face_shards


def test_maps_of_faces_are_scored(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    options = ["--crops", str(face_shards(shards)), "--limit", "1", "--out", str(tmp_path / "maps")]
    done = CliRunner().invoke(app, ["maps-check", *options])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "maps" / "maps.json").read_text())
    assert found["kinds"]["joint_cam"]["weights"].startswith("deepfake_hf-lite trained sha256:")
