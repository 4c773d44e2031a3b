"""The command as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.cli.detect import find_media
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny").path)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.jpg"):
        Image.fromarray(np.full((64, 64, 3), 99, np.uint8)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "readme.txt").write_text("not media")
    return tmp_path / "in"


def test_folders_globs_and_files_are_found_once(media: Path) -> None:
    files, empty = find_media([str(media), str(media / "*.png"), str(media / "readme.txt"), "gone.mp4"])
    assert [Path(file).name for file in files] == ["a.png", "b.jpg", "readme.txt", "gone.mp4"] and not empty


def test_empty_folders_and_globs_are_said(media: Path, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    files, empty = find_media([str(tmp_path / "void"), str(media / "*.mkv")])
    assert not files and len(empty) == 2 and "no media" in empty[0] and "no file matches" in empty[1]


def test_a_folder_to_json_lines(media: Path, bundle: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "results.jsonl"
    done = runner.invoke(app, ["detect", str(media), "--jsonl", str(out), "--bundle", bundle])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["status"] for line in lines] == ["no_face", "no_face"]
    assert all(line["p_fake"] is None and "random" in line["weights"] for line in lines)
    assert "no face" in done.output


def test_one_broken_file_never_stops_the_rest(media: Path, bundle: str, tmp_path: Path) -> None:
    (media / "b_broken.mp4").write_text("no film")
    out = tmp_path / "results.jsonl"
    done = runner.invoke(app, ["detect", str(media), "--jsonl", str(out), "--bundle", bundle])
    assert done.exit_code == 3
    assert [json.loads(line)["status"] for line in out.read_text().splitlines()] == ["no_face", "unreadable", "no_face"]


@pytest.mark.parametrize(
    "options",
    [["--threshold", "often"], ["--every", "2", "--fps", "1"], ["--device", "warp9"], ["--bundle", "/nowhere/at/all"]],
)
def test_bad_usage_is_two_and_says_how_to_mend(media: Path, bundle: str, options: list[str]) -> None:
    done = runner.invoke(
        app, ["detect", str(media), *([] if "--bundle" in options else ["--bundle", bundle]), *options]
    )
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_nothing_to_do_is_bad_usage(tmp_path: Path) -> None:
    assert runner.invoke(app, ["detect", str(tmp_path)]).exit_code == 2


def test_version_schema_and_doctor(bundle: str) -> None:
    assert runner.invoke(app, ["--version"]).output.startswith("deepfake-hf ")
    assert json.loads(runner.invoke(app, ["schema"]).output)["title"].startswith("deepfake_hf result")
    done = runner.invoke(app, ["doctor", bundle])
    assert done.exit_code == 0 and "CenterFace" in done.output and "tiny random" in done.output
    assert runner.invoke(app, ["doctor", "/nowhere/at/all"]).exit_code == 1


def test_the_console_script_runs_as_a_process(media: Path, bundle: str) -> None:
    code = "from deepfake_hf.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "detect", str(media / "a.png"), "--bundle", bundle], capture_output=True, text=True
    )
    assert done.returncode == 0 and "no face" in done.stdout, done.stderr
