"""The Ray engine on a local cluster: the same rows as the local engine, and nothing lost when actors die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.scan.run import RAY, Work
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from tests.scan.conftest import names, rows
from tests.scan.predicting import load_nothing, noted
from tests.tiny_bundle import write_tiny_bundle


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One for all tests, or the one that RAY_ADDRESS names; without one a scan starts its own."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    import ray

    address = os.environ.get("RAY_ADDRESS", "local")
    small = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 2**27} if address == "local" else {}
    ray.init(address=address, logging_level="ERROR", log_to_driver=False, **small)
    yield
    ray.shutdown()


def comparable(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    passing = ("seconds", "duplicate_of", "reason")
    return [{key: value for key, value in row.items() if key not in passing} for row in found]


def last_actor(log: Path) -> psutil.Process:
    """The actor whose worker began an analysis last."""
    worker = int(log.read_text().splitlines()[-1].split()[0])
    actor = psutil.Process(worker).parent()
    assert actor is not None and "MapWorker" in " ".join(actor.cmdline())
    return actor


def test_rows_are_those_of_the_local_engine_and_a_second_run_does_nothing(
    media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path
) -> None:
    good = {f"good{number}": f"ok {number // 2}" for number in range(10)}
    folder = media(a_crash="crash", b_fail="fail", c_broken="broken it is", **good)
    work = Work(engine=RAY, workers=2, most_workers=2, cpus=0.5)
    assert obey(folder, work=work, out="ray").done == 13
    analysed = len(noted(tmp_path / "log"))
    assert analysed == 3 + 1 + 5  # of each pair of equal files one, and once more what crashed
    assert obey(folder, work=work, out="ray").before == 13 and len(noted(tmp_path / "log")) == analysed
    obey(folder, work=Work(workers=2), out="local")
    for table in ("files", "errors"):
        assert comparable(rows(tmp_path / "ray", table)) == comparable(rows(tmp_path / "local", table))
    firsts = {row["path"]: row["sha256"] for row in rows(tmp_path / "ray") if row["duplicate_of"] is None}
    seconds = [row for row in rows(tmp_path / "ray") if row["duplicate_of"] is not None]
    assert len(seconds) == 5 and all(firsts[row["duplicate_of"]] == row["sha256"] for row in seconds)


def test_killed_actors_lose_nothing(media: Callable[..., Path], obey: Callable[..., Any], tmp_path: Path) -> None:
    folder = media(**{f"f{number:02}": f"slow 0.2 {number}" for number in range(24)})
    killed: list[int] = []

    def kill() -> None:
        for after in (6, 14):
            while len(noted(tmp_path / "log")) < after:
                time.sleep(0.02)
            victim = last_actor(tmp_path / "log")
            killed.append(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    progress = obey(folder, work=Work(engine=RAY, workers=2))
    killer.join()
    assert len(killed) == 2 and progress.done == 24
    assert names(rows(tmp_path / "out")) == [f"f{number:02}.mp4" for number in range(24)]
    assert not rows(tmp_path / "out", "errors")
    # at most what the dead actors had in hand is done again
    assert len(set(noted(tmp_path / "log"))) == 24 and len(noted(tmp_path / "log")) <= 24 + 2 * 8


def test_a_detector_that_cannot_be_loaded_ends_the_scan(media: Callable[..., Path], obey: Callable[..., Any]) -> None:
    with pytest.raises(DeepfakeHFError, match="they are not there"):
        obey(media(a="ok"), work=Work(engine=RAY), load=load_nothing)


@pytest.mark.slow
def test_the_command_with_a_pool_that_grows(tmp_path: Path) -> None:
    """Real weights of a tiny bundle on real pictures; the rows are those of the command's local engine."""
    folder, bundle = tmp_path / "media", write_tiny_bundle(tmp_path / "tiny").path
    folder.mkdir()
    for number in range(6):
        Image.fromarray(astronaut_rgb()[number : 320 + number, 70:390]).save(folder / f"{number}.png")
    (folder / "broken.mp4").write_text("no film")
    found = []
    for name, options in (("ray", ["--engine", "ray", "--workers", "1:2"]), ("local", ["--workers", "2"])):
        out = tmp_path / name
        done = CliRunner().invoke(app, ["scan", str(folder), "-o", str(out), "--bundle", str(bundle), *options])
        assert done.exit_code == 3 and "7 files" in done.output, done.output
        found.append([comparable(rows(out, table)) for table in ("files", "errors")])
    assert found[0] == found[1] and [len(table) for table in found[0]] == [6, 1]
