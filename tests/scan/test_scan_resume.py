"""What stands is never done again and never lost, whatever the last run was doing when it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from deepfake_hf.errors import UsageError
from deepfake_hf.scan.index import Index
from deepfake_hf.scan.run import Work
from deepfake_hf.scan.store import Store
from tests.scan.conftest import names, rows
from tests.scan.predicting import noted

_SCAN = """
import sys
from functools import partial
from pathlib import Path
from deepfake_hf.scan.run import Work, scan
from deepfake_hf.scan.settings import Settings
from tests.scan.predicting import load
if __name__ == "__main__":
    source, out, log, bundle = sys.argv[1:]
    work = Work(workers=2, rows_per_part=5)
    scan([source], Path(out), Settings(bundle=bundle), work, load=partial(load, Path(log)))
"""


def _row(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "sha256": None, "duplicate_of": None, **more}


def test_a_scan_killed_with_sigkill_goes_on_where_it_was(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path, bundle: str
) -> None:
    folder = media(**{f"f{number:02}": f"slow 0.1 {number}" for number in range(24)}, hang="hang")
    script = tmp_path / "run.py"
    script.write_text(_SCAN)
    command = [sys.executable, str(script), str(folder), str(tmp_path / "out"), str(tmp_path / "log"), bundle]
    scan = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.getcwd()})
    while len(noted(tmp_path / "log")) < 12:
        time.sleep(0.02)
        assert scan.poll() is None
    crew = psutil.Process(scan.pid).children(recursive=True)
    os.kill(scan.pid, signal.SIGKILL)
    scan.wait()
    _, alive = psutil.wait_procs(crew, timeout=10)
    assert not alive  # the one that hangs, too
    kept = sum(len(journal.read_text().splitlines()) for journal in (tmp_path / "out" / "open").iterdir())
    kept += sum(pq.read_metadata(part).num_rows for part in (tmp_path / "out" / "files").glob("part-*"))
    assert 8 <= kept <= 12
    (folder / "hang.mp4").write_text("ok now")
    progress = obey(folder)
    assert progress.before == kept and progress.done == 25 - kept
    assert names(rows(tmp_path / "out")) == [*(f"f{number:02}.mp4" for number in range(24)), "hang.mp4"]
    assert 25 <= len(noted(tmp_path / "log")) <= 27  # what the two workers had in hand
    assert not list((tmp_path / "out" / "open").iterdir())
    analysed = len(noted(tmp_path / "log"))
    assert obey(folder).done == 0 and len(noted(tmp_path / "log")) == analysed


def test_other_settings_are_refused(media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path) -> None:
    folder = media(a="ok")
    obey(folder)
    for settings in ({"threshold": "fpr5"}, {"fps": 2.0}, {"max_minutes": 1.0}):
        with pytest.raises(UsageError, match=r"cannot be gone on with.*not"):
            obey(folder, settings=settings)
    with pytest.raises(UsageError, match=r"holds other files and no about\.json"):
        obey(folder, out="in")
    about = tmp_path / "out" / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"library_version": "0.0.1"}))
    with pytest.raises(UsageError, match=r"library_version 0\.0\.1"):
        obey(folder)


def test_two_scans_into_one_folder_are_refused(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"), pytest.raises(UsageError, match="in use"):
        obey(media(a="ok"))


def test_a_broken_part_is_noticed_and_its_files_are_done_again(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    folder = media(**{f"f{number}": f"ok {number}" for number in range(6)})
    obey(folder, work=Work(workers=1, rows_per_part=3))
    first, second = sorted((tmp_path / "out" / "files").glob("part-*"))
    first.write_bytes(first.read_bytes()[:-20])
    (second.parent / ".part-x.tmp").write_bytes(b"half")
    said: list[str] = []
    progress = obey(folder, say=said.append)
    assert progress.done == 3 and "is broken" in said[0] and len(said) == 1
    assert len(rows(tmp_path / "out")) == 6 and (first.parent / f"_broken-{first.name}").exists()
    assert not (second.parent / ".part-x.tmp").exists()


def test_a_journal_is_sealed_once_whenever_it_was_left(tmp_path: Path) -> None:
    store = Store(tmp_path, Index(), print)
    for number in range(3):
        assert store.add("files", _row(f"/{number}.mp4"))
    assert store.add("errors", _row("/x.mp4", what="x", why="y", mend="z"))
    assert not store.add("files", _row("/1.mp4"))
    (journal,) = (tmp_path / "open").iterdir()
    left = journal.read_text()
    store.seal()
    journal.write_text(left + '["files", {"path": "/half')  # killed between the parts and the journal's removal
    index = Index()
    again = Store(tmp_path, index, print)
    assert again.counts == {"files": 3, "errors": 1} and not journal.exists()
    assert len(rows(tmp_path)) == 3 and len(rows(tmp_path, "errors")) == 1
    assert index.is_done("/x.mp4") and not index.is_done("/half.mp4")


def test_errors_can_be_tried_again(media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path) -> None:
    folder = media(a="ok", b="fail")
    obey(folder)
    (folder / "b.mp4").write_text("ok now")
    assert obey(folder).done == 0
    assert obey(folder, work=Work(retry_errors=True)).done == 1
    assert names(rows(tmp_path / "out")) == ["a.mp4", "b.mp4"] and not rows(tmp_path / "out", "errors")
