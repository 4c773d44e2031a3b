"""``sync-check`` and the lip-sync evidence of a report, with a tiny net of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.cli.lip_sync import lip_sync_evidence
from deepfake_hf.cli.train import app as train_app
from deepfake_hf.data import ManifestRow, write_manifest
from deepfake_hf.detector import Detector
from deepfake_hf.evaluation.sync_check import OTHER, SHIFTS_MS, SPEECH, SyncTrial, sync_markdown
from deepfake_hf.evidence import lip_sync
from deepfake_hf.media import Limits, write_audio, write_video
from deepfake_hf.models.configuration_syncnet import SyncNetConfig
from deepfake_hf.models.modeling_syncnet import SyncNetModel
from deepfake_hf.processing.feature_extraction_lip_sync import LipSyncFeatureExtractor
from deepfake_hf.report.record import digest_of
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from deepfake_hf.types import AudioTrack, DetectionResult, MediaKind, Status, TrackResult
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()
CAMERA = VirtualCamera(size_wh=(240, 288), aim_xy=(240.0, 150.0), zoom=(0.8, 0.8), pan_px=4.0, duration_s=3.0, seed=4)


def save_net(folder: Path) -> Path:
    torch.manual_seed(0)
    small = [4, 4, 4, 4, 4, 8]
    net = SyncNetConfig(image_size=64, visual_widths=small, sound_widths=small, hidden_size=8, embedding_size=4)
    SyncNetModel(net).save_pretrained(folder)
    LipSyncFeatureExtractor(image_size=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of the portrait with sound, one without, a manifest, a net and a bundle with it."""
    folder = tmp_path_factory.mktemp("sync")
    frames = list(film(astronaut_rgb(), CAMERA))
    for place in range(2):
        wave = np.random.default_rng(place).normal(0, 0.1, 48_000).astype(np.float32)
        write_video(folder / f"{place}.mp4", frames, CAMERA.fps, AudioTrack(wave, 16_000))
    write_video(folder / "silent.mp4", frames[:10], CAMERA.fps)
    rows = [ManifestRow(str(folder / f"{place}.mp4"), 0, "own", "", "", f"{place}", "test") for place in range(2)]
    write_manifest(folder / "clips.csv", rows)
    (folder / "speech").mkdir()
    write_audio(folder / "speech" / "a.flac", AudioTrack(wave, 16_000))
    save_net(folder / "net")
    save_net(write_tiny_bundle(folder / "bundle").path / "sync")
    return folder


@pytest.fixture
def all_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gate:
        def feed(self, waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
            return np.ones(len(waveform) // 512, bool)

    monkeypatch.setattr(lip_sync, "SpeechGate", Gate)


def test_every_shift_of_every_clip_is_in_the_page(home: Path, tmp_path: Path, all_speech: None) -> None:
    page, table = tmp_path / "page.md", tmp_path / "trials.json"
    done = runner.invoke(
        app,
        ["sync-check", str(home / "clips.csv"), "--net", str(home / "net"), "-o", str(page), "--json", str(table),
         "--speech", str(home / "speech")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    trials = json.loads(table.read_text())
    assert len(trials) == 2 * (len(SHIFTS_MS) + 3) and all(trial["why"] is None for trial in trials)
    assert {trial["sound"] for trial in trials} == {*SHIFTS_MS, OTHER, SPEECH}
    text = page.read_text()
    assert "deepfake-hf sync-check clips.csv --split test" in text and "### own, 2 clips" in text
    assert "| unrelated speech | 4 | 0 | – | – |" in text and "--split test --speech speech`" in text
    assert "| another clip's | 2 | 0 | – | – |" in text and "| 400 ms later | 2 | 0 |" in text


def test_a_manifest_or_net_that_is_not_there_is_bad_usage(home: Path, tmp_path: Path) -> None:
    for more, why in (
        ([str(home / "clips.csv"), "--net", str(tmp_path)], "no lip-sync net"),
        ([str(home / "clips.csv"), "--split", "train"], "no genuine video"),
        ([str(tmp_path / "none.csv")], "none.csv"),
        ([str(home / "clips.csv"), "--speech", str(home / "net")], "no sound file is in it"),
    ):
        done = runner.invoke(app, ["sync-check", *more, "-o", str(tmp_path / "page.md")])
        assert done.exit_code == 2 and why in done.output and "Traceback" not in done.output


def test_the_table_counts() -> None:
    trials = [SyncTrial("a", f"{i}", 200, -200 if i else 120, 0.5, 0.01 if i else 0.7) for i in range(12)]
    trials += [SyncTrial("a", "12", 200, why="no speech")]
    line = next(line for line in sync_markdown(trials).splitlines() if line.startswith("| 200 ms later"))
    assert line.startswith("| 200 ms later | 12 | 1 | 0 (0 to 0) | 11 of 12 = 92 % (65 to 99) | 11 of 12 = 92 % (65 to")
    assert trials[0].error_ms == 320 and trials[1].error_ms == 0


def result(tracks: bool = True, kind: MediaKind = MediaKind.VIDEO) -> DetectionResult:
    track = TrackResult(0, 0.0, 3.0, 6, 6, Status.SCORED, "6 of 6", None, 0.1)
    return DetectionResult(
        path="a.mp4", status=Status.SCORED, verdict=None, p_fake=0.1, reason="", kind=kind, duration_s=3.0,
        interval=None, coverage=1.0, band=None, branches=(), tracks=(track,) if tracks else (), windows=(), segments=(),
        rule="", sha256=None, weights="tiny", versions={},
    )  # fmt: skip


def test_a_report_gets_the_finding_and_the_curve(home: Path, all_speech: None) -> None:
    detector = Detector.from_pretrained(home / "bundle")
    found, curve = lip_sync_evidence(home / "0.mp4", detector, result(), Limits())
    assert found is not None and found.kind == "lip_sync" and found.finding is not None and curve is not None
    assert f"p = {curve.p_value:.3f}" in found.finding
    assert lip_sync_evidence(home / "0.mp4", detector, result(), Limits())[0] == found


def test_what_cannot_be_compared_says_why(home: Path) -> None:
    detector = Detector.from_pretrained(home / "bundle")

    def why(file: str, given: DetectionResult) -> str:
        found, curve = lip_sync_evidence(home / file, detector, given, Limits())
        assert found is not None and found.finding is None and curve is None and found.abstained
        return found.abstained

    assert why("0.mp4", result()).startswith("no speech: 0.0 s")
    assert why("silent.mp4", result()) == "no speech: the file has no sound"
    assert why("0.mp4", result(tracks=False)) == "no visible speaker: no face in the file"
    assert lip_sync_evidence(home / "0.mp4", detector, result(kind=MediaKind.AUDIO), Limits()) == (None, None)


def write_again(record: Path, content: dict[str, Any]) -> Path:
    """An edited report with a fitting digest: only running it again can find the edit."""
    path = record.with_name("edited.json")
    path.write_text(json.dumps({**content, "digest": digest_of(content)}))
    return path


def test_verify_holds_a_report_to_its_lip_sync_finding(home: Path, tmp_path: Path, all_speech: None) -> None:
    record, clip = tmp_path / "a.json", str(home / "0.mp4")
    same = ["--bundle", str(home / "bundle"), "--quiet"]
    done = runner.invoke(
        app, ["report", clip, "-o", str(tmp_path / "a.html"), "--json", str(record), "--fps", "2", *same]
    )
    assert done.exit_code == 0, done.output
    assert "Lips and sound" in (tmp_path / "a.html").read_text()
    held = [item for item in json.loads(record.read_text())["findings"] if item["kind"] == "lip_sync"]
    assert len(held) == 1 and dict(held[0]["facts"])["p"].startswith("0.")
    done = runner.invoke(app, ["verify", str(record), clip])
    assert done.exit_code == 0 and ", the same" in done.output.split("findings: ")[1], done.output
    told = json.loads(record.read_text())
    next(item for item in told["findings"] if item["kind"] == "lip_sync")["finding"] = "another"
    again = write_again(record, told)
    done = runner.invoke(app, ["verify", str(again), clip])
    assert done.exit_code == 1 and "these differ: Lips and sound" in done.output, done.output


def test_a_run_is_published_at_half_its_size(tmp_path: Path) -> None:
    save_net(tmp_path / "run" / "model")
    done = runner.invoke(train_app, ["publish-sync", str(tmp_path / "run"), "--out", str(tmp_path / "sync")])
    assert done.exit_code == 0, done.output
    whole, half = (tmp_path / folder / "model.safetensors" for folder in ("run/model", "sync"))
    assert half.stat().st_size < 0.75 * whole.stat().st_size  # names take their share of so small a file
    one, other = (SyncNetModel.from_pretrained(file.parent, dtype=torch.float32).eval() for file in (whole, half))
    looks = torch.rand(2, 3, 5, 64, 64) * 255
    with torch.inference_mode():
        torch.testing.assert_close(one.embed_visual(looks), other.embed_visual(looks), atol=1e-2, rtol=1e-2)
    done = runner.invoke(train_app, ["publish-sync", str(tmp_path), "--out", str(tmp_path / "other")])
    assert done.exit_code == 2 and "no finished run" in done.output
