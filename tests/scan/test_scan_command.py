"""The command as a user runs it, with the public detector."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf import Detector
from deepfake_hf.cli.app import app
from deepfake_hf.scan.schema import answer
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from tests.media.media_making import chirp, make_sound, make_video
from tests.scan.conftest import names, rows

runner = CliRunner()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    portrait = astronaut_rgb()[0:320, 70:390]
    Image.fromarray(portrait).save(folder / "a<b>face.png")
    Image.fromarray(portrait).save(folder / "copy.png")
    make_video(folder / "clip.mp4", 8, (320, 320), 8, pictures=portrait, sound_codec="aac")
    make_sound(folder / "sound.wav", chirp(2.0, 16_000), 16_000)
    (folder / "broken.mp4").write_text("no film")
    return folder


def test_the_rows_are_what_the_detector_says(archive: Path, bundle: str, tmp_path: Path) -> None:
    out = tmp_path / "results"
    command = ["scan", str(archive), "-o", str(out), "--bundle", bundle, "--json", str(tmp_path / "figures.json")]
    done = runner.invoke(app, command)
    assert done.exit_code == 3, done.output
    assert "5 files (1 copies), 5 of them in this run" in done.output and "could not be read" in done.output
    assert names(rows(out)) == ["a<b>face.png", "clip.mp4", "copy.png", "sound.wav"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    detector = Detector.from_pretrained(bundle)
    for table in ("files", "errors"):
        for row in rows(out, table):
            result = detector.detect(row["path"])
            origin = {"bundle_sha256": detector.bundle.sha256, "operating_point": "fpr1"}
            expected = answer(row["path"], row["sha256"], row["size_bytes"], result, origin)
            assert (table, row | {"seconds": 0, "duplicate_of": None}) == (expected[0], expected[1] | {"seconds": 0})
            assert row["sha256"] == result.sha256 or table == "errors"
    torch.set_num_threads(threads)
    assert any(row["p_fake"] is not None for row in rows(out))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["files"], figures["errors"], figures["duplicates"]) == (4, 1, 1)
    assert figures["error_statuses"] == {"unreadable": 1}
    page = (out / "summary.html").read_text()
    assert "a&lt;b&gt;face.png" in page and "a<b>" not in page and "broken.mp4" in page
    HTMLParser().feed(page)
    again = runner.invoke(app, command[:-2])
    assert again.exit_code == 3 and "0 of them in this run" in again.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--workers", "none"], "no number"),
        (["--workers", "1:2"], "--engine ray"),
        (["--engine", "spark"], "local or ray"),
        (["--address", "auto"], "--engine ray"),
        (["--every", "2", "--fps", "1"], "exclude"),
        (["--threshold", "often"], "--threshold"),
        (["--bundle", "/nowhere/at/all"], "bundle"),
    ],
)
def test_bad_usage_is_two_and_says_how_to_mend(
    archive: Path, tmp_path: Path, bundle: str, options: list[str], sentence: str
) -> None:
    bundled = [] if "--bundle" in options else ["--bundle", bundle]
    done = runner.invoke(app, ["scan", str(archive), "-o", str(tmp_path / "out"), *bundled, *options])
    assert done.exit_code == 2 and sentence in done.output and not (tmp_path / "out").exists()


def test_nothing_to_scan_is_bad_usage(tmp_path: Path, bundle: str) -> None:
    done = runner.invoke(app, ["scan", str(tmp_path / "*.mp4"), "-o", str(tmp_path / "out"), "--bundle", bundle])
    assert done.exit_code == 2 and "no media file" in done.output
