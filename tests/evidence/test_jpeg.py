"""Double compression on pictures made here."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake_hf.evidence.compression import compression_finding
from deepfake_hf.evidence.jpeg import ijg_quality, ijg_table
from deepfake_hf.media import Limits, probe
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.types import Finding, Strength


def saved(path: Path, *qualities: int) -> Path:
    picture = Image.fromarray(astronaut_rgb())
    for quality in qualities:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        path.write_bytes(buffer.getvalue())
        picture = Image.open(io.BytesIO(buffer.getvalue()))
    return path


def look(path: Path) -> Finding:
    return compression_finding(path, probe(path), Limits())


@pytest.mark.parametrize("qualities", [(75,), (85,), (90,), (95,)])
def test_saved_once(tmp_path: Path, qualities: tuple[int, ...]) -> None:
    found = look(saved(tmp_path / "a.jpg", *qualities))
    assert found.strength is Strength.NEUTRAL and f"quality {qualities[-1]}" in str(found.finding)


@pytest.mark.parametrize("qualities", [(60, 80), (75, 90), (50, 95), (80, 92)])
def test_saved_twice(tmp_path: Path, qualities: tuple[int, ...]) -> None:
    found = look(saved(tmp_path / "a.jpg", *qualities))
    assert found.strength is Strength.MODERATE and "was a JPEG before" in str(found.finding)


def test_what_cannot_be_measured_has_a_reason(tmp_path: Path) -> None:
    Image.fromarray(astronaut_rgb()).save(tmp_path / "a.png")
    assert "this is png" in str(look(tmp_path / "a.png").abstained)
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "flat.jpg")
    assert "fewer than 400 blocks" in str(look(tmp_path / "flat.jpg").abstained)


@pytest.mark.parametrize("quality", [10, 50, 75, 99])
def test_tables_are_those_that_pillow_writes(quality: int) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    table = np.array(Image.open(buffer).quantization[0], float).reshape(8, 8)  # type: ignore[attr-defined]
    assert np.array_equal(ijg_table(quality), table)
    assert ijg_quality(table) == (quality, True)
