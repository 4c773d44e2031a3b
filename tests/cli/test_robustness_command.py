"""``deepfake-hf robustness`` as a user runs it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.robustness_table import middle_rows
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny").path)


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(6):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(file, "PNG")
        image = {"bytes": file.getvalue(), "path": None}
        rows.append({"image": image, "label": i % 2, "video": f"v{i}", "source_video": f"s{i}", "split": "validation"})
    (tmp_path / "shards").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "shards" / "faces-0.parquet")
    return tmp_path / "shards"


def test_crops_give_tables_curves_and_scores(crops: Path, bundle: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["robustness", "--crops", str(crops), "--bundle", bundle, "--out", str(out), "--limit", "4"]
    done = runner.invoke(app, [*arguments, "--only", "blur,jpeg", "--levels", "1,5-6"])
    assert done.exit_code == 0, done.output
    assert "2 genuine and 2 fake" in done.output and "| Gaussian blur, kernel px | 21 |" in done.output
    table = json.loads((out / "table.json").read_text())
    assert [row["step"] for row in table["rows"]] == ["clean", "blur-7", "blur-21", "jpeg-100", "jpeg-20", "jpeg-10"]
    assert table["settings"]["weights"].startswith("tiny random")
    middle = middle_rows(out)
    assert middle["weights"] == table["settings"]["weights"]
    assert [row["step"] for row in middle["rows"]] == ["clean", "blur-21", "jpeg-20"]
    with pytest.raises(DataError, match="deepfake-hf robustness --out"):
        middle_rows(tmp_path)
    with Image.open(out / "curves.png") as picture:
        assert picture.width > 600
    before = (out / "scores.jsonl").read_text()
    assert runner.invoke(app, [*arguments, "--only", "blur"]).exit_code == 0
    after = (out / "scores.jsonl").read_text()
    assert after.startswith(before) and len(after.splitlines()) == len(before.splitlines()) + 4 * 3
    other = runner.invoke(app, [*arguments, "--only", "blur", "--threshold", "0.3"])
    assert other.exit_code == 2 and "another run" in other.output.replace("\n", " ")


def test_a_manifest_names_what_cannot_be_read(bundle: str, tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 99, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text("path,label,split\na.png,real,test\ngone.mp4,fake,test\nb.png,fake,train\n")
    done = runner.invoke(
        app,
        ["robustness", str(tmp_path / "m.csv"), "--bundle", bundle, "--out", str(tmp_path / "out"),
         "--split", "test", "--only", "contrast", "--levels", "1"],
    )  # fmt: skip
    assert done.exit_code == 3 and "gone.mp4" in done.output
    rows = json.loads((tmp_path / "out" / "table.json").read_text())["rows"]
    assert rows[0]["statuses"] == {"no_face": 1, "unreadable": 1} and rows[0]["auc"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of them"),
        (["m.csv", "--crops", "x"], "one of them"),
        (["m.csv", "--only", "blurr"], "no such perturbation"),
        (["m.csv", "--levels", "high"], "no levels"),
        (["gone.csv"], "cannot be read"),
        (["--crops", "gone"], "cannot be read"),
        (["--crops", "gone", "--only", "mp3"], "no sound"),
        (["m.csv", "--threshold", "2"], "probability"),
    ],
)
def test_bad_usage_is_said_plainly(arguments: list[str], said: str, bundle: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\na.png,real\n")
    placed = [str(tmp_path / word) if word in ("m.csv", "gone.csv", "gone") else word for word in arguments]
    done = runner.invoke(app, ["robustness", *placed, "--bundle", bundle, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output
