"""``deepfake-hf data`` as a user runs it: a tree to a manifest, to an audit, to crops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.data import LAYOUTS, read_manifest

runner = CliRunner()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(16):
        for name in ("real", "fake"):
            folder = tmp_path / "tree" / name
            folder.mkdir(parents=True, exist_ok=True)
            noise = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{number}.png")
    return tmp_path / "tree"


def test_prepare_audit_and_faces(tmp_path: Path, tree: Path) -> None:
    manifest = tmp_path / "m.csv"
    made = [
        "data",
        "prepare",
        str(manifest),
        "--layout",
        "folder",
        "--root",
        str(tree),
        "--split",
        "train=0.5,test=0.5",
    ]
    done = runner.invoke(app, [*made, "--option", "dataset=mine"])
    assert done.exit_code == 0 and "32 rows" in done.output and "mine train real 8" in done.output, done.output
    assert {row.split for row in read_manifest(manifest)} == {"train", "test"}
    done = runner.invoke(app, ["data", "audit", str(manifest), "--json", str(tmp_path / "new" / "a.json")])
    assert done.exit_code == 0 and "not checked  shared people" in done.output, done.output
    assert json.loads((tmp_path / "new" / "a.json").read_text())["passed"] is True
    done = runner.invoke(app, ["data", "faces", str(manifest), str(tmp_path / "crops"), "--frames", "1"])
    assert done.exit_code == 0 and "0 crops of 32 rows" in done.output, done.output
    assert len(json.loads((tmp_path / "crops" / "report.json").read_text())["without_crops"]["no_face"]) == 32


def test_a_failed_audit_is_one_and_an_unreadable_file_three(tmp_path: Path, tree: Path) -> None:
    manifest = tmp_path / "m.csv"
    runner.invoke(app, ["data", "prepare", str(manifest), "--layout", "folder", "--root", str(tree)])
    (tree / "real" / "3.png").write_bytes(b"broken")
    done = runner.invoke(app, ["data", "audit", str(manifest)])
    assert done.exit_code == 3 and "3.png" in done.output, done.output
    for number in range(16):
        Image.open(tree / "fake" / f"{number}.png").resize((60, 60)).save(tree / "fake" / f"{number}.png")
    done = runner.invoke(app, ["data", "audit", str(manifest)])
    assert done.exit_code == 1 and "failed       image: size tells the label" in done.output, done.output


def test_missing_files_are_named_with_three(tmp_path: Path) -> None:
    (tmp_path / "meta.csv").write_text("file,speaker,label\n0.wav,A,spoof\n1.wav,A,bona-fide\n")
    (tmp_path / "1.wav").write_bytes(b"x")
    made = ["data", "prepare", str(tmp_path / "m.csv"), "--layout", "in-the-wild", "--root", str(tmp_path)]
    done = runner.invoke(app, made)
    assert done.exit_code == 3 and "0.wav" in done.output and len(read_manifest(tmp_path / "m.csv")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["prepare", "m.csv"],
        ["prepare", "m.csv", "--layout", "folder"],
        ["prepare", "m.csv", "--layout", "folders", "--root", "."],
        ["prepare", "m.csv", "--layout", "folder", "--root", ".", "--split", "train"],
        ["prepare", "m.csv", "--layout", "folder", "--root", ".", "--option", "dataset"],
        ["prepare", "m.csv", "--layout", "folder", "--root", ".", "--split", "train=1", "--by", "name"],
        ["prepare", "m.csv", "--config", "gone.yaml"],
        ["audit", "gone.csv"],
        ["faces", "gone.csv", "out"],
    ],
)
def test_bad_usage_is_two_and_says_how_to_mend(arguments: list[str], tmp_path: Path) -> None:
    placed = [
        str(tmp_path / word) if word.endswith(("csv", "yaml", "out")) or word == "." else word for word in arguments
    ]
    done = runner.invoke(app, ["data", *placed])
    assert done.exit_code == 2 and "Traceback" not in done.output and ": " in done.output, done.output


def test_the_help_names_every_layout() -> None:
    shown = runner.invoke(app, ["data", "prepare", "--help"], env={"COLUMNS": "400"}).output
    assert all(layout in shown for layout in LAYOUTS)
