"""The local engine: one row or one error for each file, whatever a file does to its worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepfake_hf.errors import BundleError, DeepfakeHFError, UsageError
from deepfake_hf.scan.run import Work
from tests.scan.conftest import names, rows
from tests.scan.predicting import load_and_die, load_nothing, noted


def test_bad_files_are_errors_with_reasons_and_stop_nobody(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    good = {f"good{number}": f"ok {number}" for number in range(12)}
    folder = media(a_hang="hang", b_crash="crash", c_killed="killed", d_fail="fail", e_broken="broken it is", **good)
    progress = obey(folder, work=Work(workers=2, timeout_s=4.0))
    assert progress.total == progress.done == 17 and progress.words["error"] == 5
    assert len(rows(tmp_path / "out")) == 12
    errors = {Path(row["path"]).stem: row for row in rows(tmp_path / "out", "errors")}
    assert {name: row["status"] for name, row in errors.items()} == {
        "a_hang": "timeout", "b_crash": "crashed", "c_killed": "crashed", "d_fail": "failed", "e_broken": "unreadable"
    }  # fmt: skip
    assert "4 s" in errors["a_hang"]["why"] and "--timeout" in errors["a_hang"]["mend"]
    assert "SIGSEGV" in errors["b_crash"]["why"] and "SIGKILL" in errors["c_killed"]["why"]
    assert "RuntimeError: a surprise" in errors["d_fail"]["why"]
    assert (errors["e_broken"]["why"], errors["e_broken"]["mend"]) == ("it is no medium", "Get a complete copy")
    assert all(row["sha256"] and row["size_bytes"] for row in errors.values())
    # one that takes its time is not tried again, one whose worker died is, once
    seen = [Path(path).stem for path in noted(tmp_path / "log")]
    assert seen.count("a_hang") == 1 and seen.count("b_crash") == 2 and seen.count("good3") == 1


def test_a_file_that_eats_memory_is_stopped(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    obey(media(a_grow="grow", b="ok 1", c="ok 2"), work=Work(workers=1, memory_mb=400, timeout_s=60))
    (error,) = rows(tmp_path / "out", "errors")
    assert error["status"] == "memory" and "400 MB" in error["why"] and "--memory-mb" in error["mend"]
    assert names(rows(tmp_path / "out")) == ["b.mp4", "c.mp4"]


def test_a_limit_below_what_a_worker_needs_is_refused(media: Callable[..., Path], obey: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"--memory-mb 5: a worker takes \d+ MB"):
        obey(media(a="ok"), work=Work(memory_mb=5))


def test_a_worker_killed_from_outside_costs_no_file(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    obey(media(a="once", b="ok 1"), work=Work(workers=1))
    assert names(rows(tmp_path / "out")) == ["a.mp4", "b.mp4"] and not rows(tmp_path / "out", "errors")


def test_the_same_content_is_analysed_once(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    folder = media(a="slow 0.3 same", b="slow 0.3 same", c="slow 0.3 same", d="fail", e="fail", f="ok")
    progress = obey(folder)
    assert progress.duplicates == 3 and len(noted(tmp_path / "log")) == 3
    first, *others = sorted(rows(tmp_path / "out")[:3], key=lambda row: row["duplicate_of"] or "")
    assert first["duplicate_of"] is None and first["seconds"] >= 0.3
    for other in others:
        assert other["duplicate_of"] == first["path"] and other["seconds"] == 0
        assert other["reason"] == f"{other['path']}: read"
        assert all(other[key] == first[key] for key in ("sha256", "p_fake", "verdict", "branches", "segments"))
    bad, again = sorted(rows(tmp_path / "out", "errors"), key=lambda row: row["duplicate_of"] or "")
    assert again["duplicate_of"] == bad["path"] and again["what"] == again["path"] and again["why"] == bad["why"]
    # and a third copy that a later scan finds
    (folder / "g.mp4").write_text("slow 0.3 same")
    assert obey(folder).words == {first["verdict"]: 1} and len(noted(tmp_path / "log")) == 3
    assert rows(tmp_path / "out")[-1]["duplicate_of"] == first["path"]


def test_a_row_says_what_was_found(media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path) -> None:
    obey(media(a="ok"))
    (row,) = rows(tmp_path / "out")
    assert (row["schema_version"], row["operating_point"], row["fake_at"]) == ("1.0", "fpr1", 0.8)
    assert [branch["branch"] for branch in row["branches"]] == ["face", "speech"]
    assert row["abstentions"] == ["speech: no_speech: it is silent"]
    assert json.loads(row["segments"])[0]["end_s"] == 1.5 and len(row["bundle_sha256"]) == 64


def test_a_detector_that_cannot_be_loaded_ends_the_scan(media: Callable[..., Path], obey: Callable[..., Any]) -> None:
    with pytest.raises(DeepfakeHFError, match="they are not there"):
        obey(media(a="ok"), load=load_nothing)
    with pytest.raises(BundleError, match="status 7"):
        obey(media(a="ok"), load=load_and_die)
