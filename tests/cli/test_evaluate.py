"""``deepfake-hf evaluate`` and ``calibrate`` as a user runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.data import ManifestRow, read_manifest, write_manifest
from deepfake_hf.detector import Detector
from deepfake_hf.evaluation.scores import Score, write_scores
from deepfake_hf.hub.bundle import Bundle, open_bundle
from deepfake_hf.scoring.calibration import margin_of, sigmoid
from deepfake_hf.scoring.calibrators import Calibrator
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import self_blended_portrait
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three genuine and three self-blended portraits, a wall without a face, and a file that is none."""
    folder = tmp_path_factory.mktemp("media")
    for word, rgb in (("real", astronaut_rgb()), ("fake/blend", self_blended_portrait())):
        (folder / word).mkdir(parents=True)
        for place in range(3):
            Image.fromarray(np.clip(rgb[:300, 80:380] * (0.8 + place / 10), 0, 255).astype(np.uint8)).save(
                folder / word / f"{place}.png"
            )
    Image.fromarray(np.full((64, 64, 3), 99, np.uint8)).save(folder / "real" / "wall.png")
    (folder / "fake" / "blend" / "broken.mp4").write_text("no film")
    return folder


def test_a_folder_is_scored_measured_and_shown(media: Path, bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["evaluate", str(media), "--out", str(out), "--bundle", str(bundle.path), "--threshold", "0.5"]
    done = runner.invoke(app, [*command, "--slice", "method", "--smallest", "2", "--device", "cpu"])
    assert done.exit_code == 3, done.output  # a file could not be read
    assert "6 of 8 videos" in done.output and "1 no face" in done.output and "1 unreadable" in done.output
    metrics = json.loads((out / "metrics.json").read_text())
    video = metrics["levels"]["video"]
    assert (video["n_real"], video["n_fake"], video["n_unscored"]) == (3, 3, 2)
    assert metrics["levels"]["frame"]["n_real"] == 3
    assert metrics["weights"] == [bundle.label] and "random" in bundle.label
    assert metrics["slices"][0]["rows"]["blend"]["n_fake"] == 3
    reasons = {entry["status"]: entry["examples"][0]["path"] for entry in metrics["coverage"]["reasons"]}
    assert reasons["no_face"].endswith("wall.png") and reasons["unreadable"].endswith("broken.mp4")
    page = (out / "index.html").read_text()
    assert "wall.png" in page and "Confusion matrix" in page

    again = runner.invoke(app, ["evaluate", "--scores", str(out), "--out", str(tmp_path / "two"), "--threshold", "0.5"])
    assert again.exit_code == 3
    remade = json.loads((tmp_path / "two" / "metrics.json").read_text())
    assert remade["levels"] == metrics["levels"]

    scored = (out / "scores.jsonl").read_bytes()
    done = runner.invoke(app, [*command, "--against", f"itself={out}"])
    assert done.exit_code == 3 and (out / "scores.jsonl").read_bytes() == scored  # nothing was scored anew
    assert json.loads((out / "metrics.json").read_text())["against"]["itself"]["delong"]["p_value"] == 1.0


def test_groups_travel_from_the_manifest(media: Path, bundle: Bundle, tmp_path: Path) -> None:
    files = [*sorted((media / "real").glob("[0-9].png")), *sorted((media / "fake" / "blend").glob("*.png"))]
    tones = ["dark" if file.stem == "0" else "light" for file in files]
    rows = [
        ManifestRow(str(file), int("fake" in file.parts), "set", groups=(("group_tone", tone),))
        for file, tone in zip(files, tones, strict=True)
    ]
    write_manifest(tmp_path / "m.csv", rows)
    assert read_manifest(tmp_path / "m.csv") == rows
    command = ["evaluate", str(tmp_path / "m.csv"), "--out", str(tmp_path / "out"), "--bundle", str(bundle.path)]
    done = runner.invoke(app, [*command, "--slice", "group_tone", "--smallest", "2", "--prevalence", "0.05", "-q"])
    assert done.exit_code == 0, done.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    found = metrics["slices"][0]["rows"]
    assert found["light"]["n_real"] == 2 and "fpr" in found["light"]
    assert found["dark"]["hidden"] == ["real", "fake"] and "fpr" not in found["dark"]
    assert metrics["operating_points"]["prevalence"] == 0.05
    assert metrics["operating_points"]["points"].keys() == {"fpr1", "fpr5"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate"], "needs a MANIFEST or --scores"),
        (["evaluate", "--scores", "none.csv"], "none.csv cannot be read"),
        (["evaluate", "gone.csv"], "gone.csv cannot be read"),
        (["evaluate", "--scores", "{table}", "--split", "train"], "has no row of it"),
        (["evaluate", "--scores", "{table}", "--slice", "sex"], "no row has a value"),
        (["evaluate", "--scores", "{table}", "--prevalence", "2"], "not between 0 and 1"),
        (["evaluate", "--scores", "{table}", "--threshold", "high"], "--threshold high"),
        (["evaluate", "--scores", "{table}", "--run", "nowhere"], "nowhere/log.jsonl cannot be read"),
        (["calibrate", "--scores", "{table}", "--fit-on", "test"], "would flatter"),
        (["calibrate", "--scores", "{table}"], "unnamed weights"),
    ],
)
def test_bad_usage_is_a_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,label,p_fake\na,real,0.2\nb,real,0.3\nc,fake,0.8\nd,fake,0.9\n")
    filled = [argument.format(table=table) for argument in arguments]
    done = runner.invoke(app, [*filled, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2, done.output
    assert said in done.output.replace("\n", " ") and "Traceback" not in done.output


def frames(bundle: Bundle) -> list[Score]:
    """A table as the bundle's own scores would be, of 40 videos in each split."""
    rng = np.random.default_rng(0)
    scores = []
    for place in range(80):
        label, split = place % 2, ("validation", "test")[place // 40]
        base = Score("video", f"/{place}.mp4", label, sigmoid(rng.normal(4 * label + 1, 3)), "set", "swap" * label)
        base = replace(base, video=str(place), split=split, branch="face", weights=bundle.label)
        scores += [replace(base, level="frame", track=1, start_s=None), base]
    return scores


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_calibrated_bundle_scores_by_its_new_calibrator(method: str, bundle: Bundle, tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.jsonl", frames(bundle))
    out = tmp_path / "out"
    command = ["calibrate", "--scores", str(tmp_path / "scores.jsonl"), "--bundle", str(bundle.path), "--out", str(out)]
    done = runner.invoke(app, [*command, "--method", method])
    assert done.exit_code == 0, done.output
    report = json.loads((out / "calibration.json").read_text())
    figures = report["figures"]["in-distribution"]
    assert figures["after"]["log_loss"] < figures["before"]["log_loss"]
    assert report["fitted"]["n_real"] == report["fitted"]["n_fake"] == 20
    assert "Before and after" in (out / "index.html").read_text()

    made = open_bundle(out / "bundle")
    assert made.label == report["bundle"] != bundle.label
    assert made.manifest["calibration"]["face"]["method"] == method
    config = json.loads((made.path / "face" / "config.json").read_text())
    assert config["operating_points"] == made.calibrations["face"].operating_points
    picture = astronaut_rgb()[:300, 80:380].copy()
    was, now = (Detector.from_pretrained(path, device="cpu").detect(picture) for path in (bundle.path, made.path))
    assert was.p_fake is not None and now.p_fake is not None
    moved = Calibrator.from_config(config["calibration"])(margin_of(was.p_fake))  # it had no calibrator
    assert margin_of(now.p_fake) == pytest.approx(moved, abs=1e-3)
