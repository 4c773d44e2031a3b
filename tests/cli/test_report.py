"""``report`` and ``verify`` as a user runs them, with the weights in the box and a clip filmed here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.media import write_video
from deepfake_hf.report.record import digest_of
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()
CAMERA = VirtualCamera(size_wh=(400, 480), aim_xy=(240.0, 256.0), zoom=(0.97, 1.0), pan_px=8.0, duration_s=1.2, seed=4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clip, its page and its record."""
    folder = tmp_path_factory.mktemp("report")
    write_video(folder / "clip.mp4", film(astronaut_rgb(), CAMERA), CAMERA.fps)
    done = runner.invoke(
        app,
        ["report", str(folder / "clip.mp4"), "-o", str(folder / "out" / "a.html"), "--json", str(folder / "a.json"),
         "--fps", "5"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def record(made: Path) -> dict[str, Any]:
    return dict(json.loads((made / "a.json").read_text()))


@pytest.fixture
def verify(made: Path, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    def run(record: dict[str, Any] | None = None, *more: str, file: Path | None = None) -> tuple[int, str]:
        path = made / "a.json"
        if record is not None:
            path = tmp_path / "b.json"
            path.write_text(json.dumps(record))
        done = runner.invoke(app, ["verify", str(path), str(file or made / "clip.mp4"), *more])
        assert "Traceback" not in done.output
        return done.exit_code, done.output

    return run


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """With a digest that fits, as a forger would write it."""
    return {**record, "digest": digest_of(record)}


def test_page_and_record_hold_the_run(made: Path, record: dict[str, Any]) -> None:
    page = (made / "out" / "a.html").read_text()
    assert "data:image/jpeg;base64," in page and record["file"]["sha256"] in page and record["digest"] in page
    assert record["result"]["status"] == "scored" and record["result"]["path"] == "clip.mp4"
    assert str(made) not in page + json.dumps(record)
    assert record["settings"]["fps"] == 5 and record["settings"]["threshold"] == "fpr1"
    assert {finding["title"] for finding in record["findings"]} >= {"C2PA manifest", "Frame rate", "Completeness"}
    assert [row["start_s"] for row in record["per_second"]] == [0.0, 1.0]


def test_the_same_file_reproduces_to_the_last_bit(verify: Callable[..., tuple[int, str]]) -> None:
    code, said = verify()
    assert code == 0 and "equal to the last bit" in said and said.strip().endswith("reproduced")


def test_an_edit_is_found(verify: Callable[..., tuple[int, str]], record: dict[str, Any]) -> None:
    record["result"]["verdict"] = "fake" if record["result"]["verdict"] == "real" else "real"
    code, said = verify(record)
    assert code == 1 and "edited" in said and "not reproduced" in said


def test_an_edit_under_a_new_digest_is_found_by_running_again(
    verify: Callable[..., tuple[int, str]], record: dict[str, Any]
) -> None:
    p_fake = record["result"]["p_fake"]
    record["result"]["p_fake"] = p_fake - 0.1
    record["result"]["verdict"] = "fake"
    code, said = verify(sealed(record))
    assert code == 1 and "verdict was fake" in said


def test_other_versions_are_held_to_the_tolerance(
    verify: Callable[..., tuple[int, str]], record: dict[str, Any]
) -> None:
    record["environment"]["versions"]["torch"] = "2.0.0"
    record["exact_sha256"] = "0" * 64
    record["result"]["p_fake"] += 0.005
    code, said = verify(sealed(record))
    assert code == 0 and "torch 2.0.0 →" in said and "0.01 is allowed" in said


def test_other_bytes_and_other_weights_are_found(
    verify: Callable[..., tuple[int, str]], made: Path, tmp_path: Path
) -> None:
    other = tmp_path / "clip.mp4"
    other.write_bytes((made / "clip.mp4").read_bytes() + b"\0")
    code, said = verify(file=other)
    assert code == 1 and "DIFFERS  input" in said
    code, said = verify(None, "--bundle", str(write_tiny_bundle(tmp_path / "tiny").path))
    assert code == 1 and "DIFFERS  weights" in said


def test_bad_usage_is_two(verify: Callable[..., tuple[int, str]], record: dict[str, Any], made: Path) -> None:
    assert verify({"format": "else"})[0] == 2
    assert verify(file=made / "none.mp4")[0] == 2
    assert verify(sealed({**record, "settings": {**record["settings"], "fps": "often"}}))[0] == 2
    assert verify(sealed({**record, "settings": {**record["settings"], "bundle": "/nowhere/at/all"}}))[0] == 2
    done = runner.invoke(app, ["report", str(made / "clip.mp4"), "--fps", "1", "--every", "2", "-o", str(made / "c")])
    assert done.exit_code == 2 and "exclude" in done.output


def test_an_unreadable_file_gets_a_report_too(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    done = runner.invoke(app, ["report", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "a.html")])
    assert done.exit_code == 3
    page = (tmp_path / "a.html").read_text()
    assert "No verdict" in page and "no known media container" in page


def test_pdf_without_a_browser_is_said_before_the_work(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = runner.invoke(
        app, ["report", str(made / "clip.mp4"), "-o", str(tmp_path / "a.html"), "--pdf", str(tmp_path / "a.pdf")]
    )
    assert done.exit_code == 2 and "no browser" in done.output and not (tmp_path / "a.html").exists()
