"""From a run to a bundle that the facade loads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from deepfake_hf.data import read_manifest, write_manifest
from deepfake_hf.detector import Detector
from deepfake_hf.errors import UsageError
from deepfake_hf.hub.bundle import open_bundle
from deepfake_hf.hub.pack import CardFacts, PackOptions, pack
from deepfake_hf.training.publish_run import publish_run
from deepfake_hf.training.run import train
from tests.training.making import crop_manifest, tiny


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crop_manifest(tmp_path_factory.mktemp("crops"), tracks=50, frames=4)


def _run(manifest: Path, out: Path) -> Path:
    settings = ("data.source=manifest", "data.balance=class", "data.self_blends=0", "loop.steps=30")
    train(tiny(manifest, out, *settings, "loop.evaluate_every=30", "loop.ema_decay=0.8"))
    return out


def test_a_run_becomes_a_bundle(manifest: Path, tmp_path: Path) -> None:
    rows = read_manifest(manifest)
    held = sorted({row.source for row in rows if row.split == "validation"})
    reported = set(held[::4])
    rows = [dataclasses.replace(row, split="test") if row.source in reported else row for row in rows]
    write_manifest(tmp_path / "split.csv", rows)
    made = publish_run(_run(tmp_path / "split.csv", tmp_path / "run"), tmp_path / "bundle", "own")
    bundle = open_bundle(tmp_path / "bundle")
    assert bundle.label == made.label and bundle.branches == {"face": "frame"} and bundle.landmarks is not None
    figures = json.loads((tmp_path / "bundle" / "figures.json").read_text())["face"]
    assert figures["n_real"] == figures["n_fake"] == sum(r.split == "test" and r.label == 0 for r in rows)
    assert figures["auc"] > 0.9 and figures["auc_95"][0] <= figures["auc"]
    config = json.loads((tmp_path / "bundle" / "face" / "config.json").read_text())
    points = bundle.calibrations["face"].operating_points
    assert config["calibration"]["scale"] > 0 and config["operating_points"] == pytest.approx(points)
    pack(bundle, tmp_path / "packed", PackOptions(facts=CardFacts(licence="apache-2.0")))
    card = (tmp_path / "packed" / "README.md").read_text()
    assert "own" in card and f"{points['fpr1']:.4f}" in card and "part test" in card
    crop = next(row.path for row in rows if row.split == "test" and row.label == 1)
    result = Detector.from_pretrained(tmp_path / "bundle").detect(crop)
    assert result.p_fake is None or 0 <= result.p_fake <= 1


def test_what_can_not_become_one_is_said(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would calibrate it and give its figures"):
        publish_run(_run(manifest, tmp_path / "run"), tmp_path / "bundle")
    with pytest.raises(UsageError, match="no run of one phase"):
        publish_run(tmp_path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
