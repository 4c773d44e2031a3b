"""Writing, opening and refusing bundles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import EMBEDDED, bundle_hash, open_bundle
from tests.tiny_bundle import write_tiny_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle").path


def test_round_trip(folder: Path) -> None:
    held = open_bundle(folder)
    assert held.weights == "random" and "random" in held.label
    assert held.branches == {"face": "frame", "speech": "audio"}
    points = held.calibrations["face"].operating_points
    assert 0 < points["fpr5"] < points["fpr1"] < 1
    assert held.manifest["operating_points"]["face"] == pytest.approx(points)


def test_hash_names_every_weight(folder: Path) -> None:
    before = bundle_hash(folder)
    assert before == bundle_hash(folder)
    weights = folder / "face" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    (folder / "figures.json").write_text("{}")
    assert bundle_hash(folder) == before  # what was measured of the weights does not change them
    weights.write_bytes(changed)
    assert bundle_hash(folder) != before


@pytest.mark.parametrize("name", ["pytorch_model.bin", "face/old.pt", "speech/scaler.pkl"])
def test_pickles_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(BundleError, match="run code"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("detector.json", "no detector.json"),
        ("calibration.safetensors", "no calibration"),
        ("face/model.safetensors", "no weights"),
        ("speech/preprocessor_config.json", "preprocessor_config"),
    ],
)
def test_a_missing_part_is_named(folder: Path, name: str, words: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=words):
        open_bundle(folder)


def test_a_damaged_or_newer_manifest_is_refused(folder: Path) -> None:
    path = folder / "detector.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(BundleError, match="too new"):
        open_bundle(folder)
    path.write_text(json.dumps({**manifest, "weights": "excellent"}))
    with pytest.raises(BundleError, match="trained or random"):
        open_bundle(folder)
    path.write_text("{")
    with pytest.raises(BundleError, match="not JSON"):
        open_bundle(folder)


def test_a_folder_that_is_not_there_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a folder"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="not a detector bundle"):
        open_bundle(tmp_path)


def test_a_hub_id_without_network_is_an_error_with_a_way_out() -> None:
    with pytest.raises(BundleError, match="could not be fetched"):
        open_bundle("nobody/nothing-of-the-kind")


def test_the_embedded_bundle_is_trained_small_and_opens() -> None:
    held = open_bundle()
    assert held.weights == "trained" and set(held.branches) == {"face", "speech"} and held.landmarks is not None
    sizes = [file.stat().st_size for file in EMBEDDED.rglob("*") if file.is_file()]
    assert sum(sizes) <= 24_000_000 and max(sizes) <= 16_000_000
    for calibration in held.calibrations.values():
        assert np.all(np.diff(calibration.null.margins) > 0)
