"""Manifests, EXIF and text fields."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from deepfake_hf.evidence.gather import gather
from deepfake_hf.evidence.provenance import c2pa_finding, exif_finding
from deepfake_hf.media import Limits
from deepfake_hf.types import Strength
from tests.evidence.signing import signed


@pytest.fixture(scope="module")
def picture() -> bytes:
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_manifest_that_holds(picture: bytes, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    path.write_bytes(signed(picture, "image/jpeg"))
    found = c2pa_finding(path)
    assert found.finding is not None and "valid manifest" in found.finding and "nobody at hand" in found.finding
    assert found.strength is Strength.WEAK
    assert dict(found.facts)["claim generator"] == "deepfake_hf tests"
    assert dict(found.facts)["digital source"] == "digitalCapture"


def test_a_manifest_that_declares_a_generator(picture: bytes, tmp_path: Path) -> None:
    path = tmp_path / "made.jpg"
    path.write_bytes(signed(picture, "image/jpeg", "trainedAlgorithmicMedia"))
    found = c2pa_finding(path)
    assert found.strength is Strength.STRONG and "generative model" in str(found.finding)


def test_a_changed_pixel_breaks_the_manifest(picture: bytes, tmp_path: Path) -> None:
    content = bytearray(signed(picture, "image/jpeg"))
    content[-40] ^= 1
    path = tmp_path / "changed.jpg"
    path.write_bytes(bytes(content))
    found = c2pa_finding(path)
    assert found.strength is Strength.STRONG
    assert "does not hold" in str(found.finding) and "assertion.dataHash.mismatch" in str(found.finding)


def test_no_manifest_no_format_and_no_library(picture: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plain.jpg"
    path.write_bytes(picture)
    assert c2pa_finding(path).strength is Strength.NEUTRAL
    text = tmp_path / "a.txt"
    text.write_text("no picture")
    assert "no manifest for this kind" in str(c2pa_finding(text).abstained)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert "not installed" in str(c2pa_finding(path).abstained)


def test_exif_names_the_camera_and_hides_the_place(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "Model 7\x00", "Edit 3"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    path = tmp_path / "a.jpg"
    Image.new("RGB", (32, 32)).save(path, exif=exif)
    found = exif_finding(path, Limits())
    assert found.finding == "the file names the camera Maker Model 7 and the software Edit 3"
    assert dict(found.facts)["GPS position"] == "there" and "52" not in str(found)


def test_a_generators_text_field_is_found(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a portrait, steps 20")
    path = tmp_path / "a.png"
    Image.new("RGB", (32, 32)).save(path, pnginfo=info)
    found = exif_finding(path, Limits())
    assert found.strength is Strength.STRONG and "parameters" in str(found.finding)


def test_nothing_readable_gives_one_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("no film")
    [only] = gather(path)
    assert only.finding is None and "no known media container" in str(only.abstained)
