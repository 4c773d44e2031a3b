"""The audit: a planted shortcut or leak is caught, a clean set passes, and what cannot be checked is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from deepfake_hf.data import AuditReport, ManifestRow, Outcome, audit, measure, perceptual_hash, probe_score
from deepfake_hf.data.traces import block_traces
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import write_audio, write_video
from deepfake_hf.types import AudioTrack

Pixels = NDArray[np.uint8]


def scene(rng: np.random.Generator, size: int = 64) -> Pixels:
    """A random picture with detail that survives scaling; no two are alike."""
    small = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def pictures(
    folder: Path,
    fake_change: Callable[[Pixels], Pixels] = lambda rgb: rgb,
    fake_quality: int = 90,
    count: int = 40,
) -> list[ManifestRow]:
    """A genuine picture and its fake (the same with other noise) of each source; half of the sources for training."""
    rows = []
    for source in range(count):
        rng = np.random.default_rng(source)
        base = scene(rng)
        for label, name in ((REAL, "real"), (FAKE, "fake")):
            noisy = np.clip(base + rng.normal(0, 4, base.shape), 0, 255).astype(np.uint8)
            path = folder / f"{name}-{source}.jpg"
            fake = label == FAKE
            Image.fromarray(fake_change(noisy) if fake else noisy).save(path, quality=fake_quality if fake else 90)
            split = "train" if source < count // 2 else "test"
            rows.append(ManifestRow(str(path), label, "set", "", f"p{source}", f"s{source}", split))
    return rows


def sounds(folder: Path, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> list[ManifestRow]:
    rows = []
    for source in range(30):
        rng = np.random.default_rng(source)
        for label, name in ((REAL, "real"), (FAKE, "fake")):
            wave = rng.normal(0, 0.1 * rng.uniform(0.5, 1.5), int(16_000 * rng.uniform(0.4, 0.6))).astype(np.float32)
            wave = np.concatenate([np.zeros(int(rng.uniform(0, 1600)), np.float32), wave]).astype(np.float32)
            path = folder / f"{name}-{source}.wav"
            write_audio(path, AudioTrack(change(wave) if label == FAKE else wave, 16_000), codec="wav")
            rows.append(ManifestRow(str(path), label, "set", "", f"p{source}", f"s{source}", "train"))
    return rows


def failed(report: AuditReport) -> set[str]:
    return {finding.name for finding in report.findings if finding.outcome is Outcome.FAILED}


def test_a_clean_set_passes(tmp_path: Path) -> None:
    report = audit(pictures(tmp_path))
    assert report.passed and not report.unreadable and report.num_measured == 80
    assert {f.outcome for f in report.findings} == {Outcome.PASSED}, [f for f in report.findings]
    report.write(tmp_path / "audit.json")
    assert json.loads((tmp_path / "audit.json").read_text())["passed"] is True


def reddened(rgb: Pixels) -> Pixels:
    return np.clip(rgb[2:].astype(np.float64) + (90, 0, 0), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("probes", "change", "quality"),
    [
        ({"size", "colour means"}, reddened, 90),
        ({"JPEG quality"}, lambda rgb: rgb, 85),
        ({"bit rate"}, lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2), 90),
    ],
)
def test_planted_shortcuts_of_pictures_are_caught(
    tmp_path: Path, probes: set[str], change: Callable[[Pixels], Pixels], quality: int
) -> None:
    report = audit(pictures(tmp_path, change, quality, count=24))
    assert not report.passed and {f"image: {probe} tells the label" for probe in probes} <= failed(report)


@pytest.mark.parametrize(
    ("probes", "change"),
    [
        ({"silence", "duration"}, lambda wave: np.concatenate([np.zeros(3200, np.float32), wave])),
        ({"level", "DC"}, lambda wave: 0.2 * wave + np.float32(0.02)),
        (set(), lambda wave: wave),
    ],
)
def test_planted_shortcuts_of_sound_are_caught_and_clean_sound_passes(
    tmp_path: Path, probes: set[str], change: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    found = failed(audit(sounds(tmp_path, change)))
    assert {f"audio: {probe} tells the label" for probe in probes} <= found
    assert probes or not found


def test_films_are_probed_for_length_and_bit_rate(tmp_path: Path) -> None:
    rows = []
    for source in range(12):
        rng = np.random.default_rng(source)
        base = scene(rng)
        for label in (REAL, FAKE):
            frames = [(np.roll(base, step, axis=1), step / 25) for step in range(5 + 3 * label)]
            path = tmp_path / f"{label}-{source}.mp4"
            write_video(path, frames, 25)
            rows.append(ManifestRow(str(path), label, source=f"s{source}"))
    assert {"video: duration tells the label", "video: all of these together tells the label"} <= failed(audit(rows))


def test_the_data_set_itself_may_not_tell_the_label(tmp_path: Path) -> None:
    rows = [
        ManifestRow(row.path, row.label, "fakes only" if row.label else "set", source=row.source)
        for row in pictures(tmp_path)
    ]
    assert failed(audit(rows)) == {"image: data set tells the label"}


def test_shared_people_sources_and_files_are_caught(tmp_path: Path) -> None:
    rows = pictures(tmp_path, count=20)
    first, last = rows[0], rows[-1]
    again = ManifestRow(last.path, last.label, "set", "", first.identity, first.source, "test", 0.0, 1.0)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(Path(first.path).read_bytes())
    rows += [again, ManifestRow(str(copy), REAL, "set", "", "new", "new", "test")]
    found = failed(audit(rows))
    assert {"shared people", "shared sources", "identical files with another split or label"} <= found
    assert "near-duplicate pictures across splits" in found


def test_a_rescaled_copy_in_another_split_is_a_near_duplicate(tmp_path: Path) -> None:
    rows = pictures(tmp_path, count=20)
    copy = tmp_path / "copy.jpg"
    Image.open(rows[0].path).resize((48, 48)).save(copy, quality=40)
    rows.append(ManifestRow(str(copy), REAL, "set", "", "new", "new", "test"))
    report = audit(rows)
    near = next(finding for finding in report.findings if finding.name.startswith("near-duplicate"))
    assert near.outcome is Outcome.FAILED and str(copy) in near.detail


def test_hashes_of_copies_are_near_and_of_others_far() -> None:
    rng = np.random.default_rng(0)
    one, other = scene(rng, 256), scene(rng, 256)

    def distance(first: Pixels, second: Pixels) -> int:
        return int(np.bitwise_count(perceptual_hash(first) ^ perceptual_hash(second)).sum())

    assert distance(one, one) == 0
    assert distance(one, cv2.resize(one, (100, 120), interpolation=cv2.INTER_AREA).astype(np.uint8)) <= 24
    assert distance(one, other) > 60


def test_what_cannot_be_checked_is_not_passed(tmp_path: Path) -> None:
    rows = [ManifestRow(row.path, row.label) for row in pictures(tmp_path, count=4)]
    report = audit(rows)
    assert {finding.outcome for finding in report.findings if "identical" not in finding.name} == {Outcome.NOT_CHECKED}


def test_unreadable_and_missing_files_are_listed_by_name(tmp_path: Path) -> None:
    rows = pictures(tmp_path, count=20)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    bad = [str(tmp_path / "broken.jpg"), str(tmp_path / "gone.jpg")]
    report = audit([*rows, *[ManifestRow(path, REAL, "set", source=path) for path in bad]])
    assert list(report.unreadable) == bad and report.num_measured == 40 and report.passed


def test_a_sample_is_seeded_and_counted(tmp_path: Path) -> None:
    rows = pictures(tmp_path, count=20)
    assert audit(rows, sample=30) == audit(rows, sample=30)
    assert audit(rows, sample=30).num_measured == 30


def test_the_probe_is_held_out_by_group() -> None:
    """A value that marks the group and nothing else tells the label of seen groups only."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 5)
    labels = np.repeat(rng.permutation([0, 1] * 20), 5)
    marks = np.repeat(np.eye(40), 5, axis=0)
    score = probe_score(marks, labels, group)
    assert score is not None and score.auc < 0.6


def test_the_probe_agrees_with_scikit_learn_on_one_value() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    values = rng.normal(size=(400, 1)) + labels[:, None]
    score = probe_score(values, labels, np.arange(400))
    assert score is not None
    assert score.auc == pytest.approx(roc_auc_score(labels, values[:, 0]), abs=0.01)
    assert score.low < score.auc < score.high


def test_silence_level_and_offset_are_measured_in_their_units(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    wave = np.concatenate([np.zeros(4800), tone, np.zeros(1600)]).astype(np.float32)
    path = tmp_path / "a.wav"
    write_audio(path, AudioTrack(wave, 16_000), codec="wav")
    numbers = measure(path).numbers
    assert numbers["silence"]["leading"] == pytest.approx(0.3, abs=0.011)
    assert numbers["silence"]["trailing"] == pytest.approx(0.1, abs=0.011)
    assert numbers["level"]["peak"] == pytest.approx(-6.02, abs=0.05)
    assert numbers["DC"]["dc"] == pytest.approx(0.0, abs=1e-4)
    assert numbers["duration"]["seconds"] == pytest.approx(1.4, abs=0.01)


def test_blocks_of_a_stored_picture_are_measured() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (160, 128, 3)).astype(np.uint8), (0, 0), 4)
    coarse = cv2.imdecode(cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_COLOR)
    found = {name: block_traces(np.asarray(rgb, np.uint8)) for name, rgb in (("as is", smooth), ("stored", coarse))}
    assert all(abs(value or 0.0) < 0.1 for value in found["as is"].values())
    assert all((value or 0.0) > 0.3 for value in found["stored"].values())
    assert block_traces(smooth[:40]) == {"across": None, "down": None}
