"""``live`` as a user runs it, with a file for a camera."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.media import EveryNth, probe, read_frames
from deepfake_hf.report.boxes import COLOURS
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from tests.media.media_making import make_video
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny").path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "a.mp4"
    return make_video(path, 40, (320, 320), pictures=astronaut_rgb()[:320, 60:380], sound_codec="aac")


def near(rgb: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(rgb.astype(int) - np.array(colour)).max(axis=2) < 24).sum())


def test_a_file_is_watched_into_a_file(tmp_path: Path, clip: Path, bundle: str) -> None:
    out = tmp_path / "new" / "b.mp4"
    done = runner.invoke(app, ["live", "--input", str(clip), "--output", str(out), "--bundle", bundle])
    assert done.exit_code == 0, done.output
    told = re.search(
        r"(\d+) frames shown in .* (\d+) of (\d+) dropped, (\d+) analysed; .* (\d+) ms \(median\)", done.output
    )
    assert told, done.output
    shown, dropped, total, analysed, delay_ms = map(int, told.groups())
    assert total == 40 and shown + dropped == 40 and 1 <= analysed <= shown and 0 < delay_ms < 5000
    assert "last 30 s:" in done.output
    frames = list(read_frames(out, EveryNth(1)))
    assert len(frames) == shown and frames[0].rgb.shape == (320, 320, 3)
    assert probe(out).audio_codec == "aac"
    assert sum(near(frames[-1].rgb, colour) for colour in COLOURS.values()) > 200
    corner = frames[-1].rgb[:12, :60].astype(int)
    assert corner.min() < 60 and corner.max() > 180  # white figures on their dark ground


def test_it_ends_when_told_to(tmp_path: Path, clip: Path, bundle: str) -> None:
    out = tmp_path / "b.mp4"
    command = ["live", "--input", str(clip), "--output", str(out), "--bundle", bundle, "--seconds", "0.5"]
    assert runner.invoke(app, command).exit_code == 0
    assert list(read_frames(out, EveryNth(1)))[-1].pts_s < 0.5


def test_without_a_display_it_names_the_way_out(clip: Path, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    done = runner.invoke(app, ["live", "--input", str(clip), "--bundle", bundle])
    assert done.exit_code == 2 and "--output" in done.output and "DISPLAY" in done.output


def test_sources_that_cannot_be_read(tmp_path: Path, clip: Path, bundle: str) -> None:
    out = ["--output", str(tmp_path / "b.mp4"), "--bundle", bundle]
    absent = runner.invoke(app, ["live", "--camera", "97", *out])
    assert absent.exit_code == 3 and "camera 97" in absent.output and "--input" in absent.output
    (tmp_path / "c.mp4").write_text("no film")
    assert runner.invoke(app, ["live", "--input", str(tmp_path / "c.mp4"), *out]).exit_code == 3
    assert runner.invoke(app, ["live", "--input", str(clip), "--camera", "0", *out]).exit_code == 2
    assert runner.invoke(app, ["live", "--input", str(clip), "--output", str(clip)]).exit_code == 2
