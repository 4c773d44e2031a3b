"""The long drill: scan generated files, kill the scan and its workers again and again, and count.

python -m tests.scan.drill --files 2000 --kills 8 [--engine ray] [--bundle FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

PASSING = ("seconds", "duplicate_of", "path", "reason", "abstentions", "branches")


@dataclass
class Counts:
    """What happened; ``in_flight`` is how many files may have been begun twice."""

    starts: int = 0
    scans_killed: int = 0
    workers_killed: int = 0
    in_flight: int = 0
    orphans: int = 0
    seconds: float = 0.0
    rows_at_kill: list[int] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=8, help="of the scan; workers are killed in between")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--bundle")
    parser.add_argument("--sample", type=int, default=100, help="files that are scanned again without a kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="default: a temporary one")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        return _scan_once(asked)
    with tempfile.TemporaryDirectory(prefix="scan_drill_") as temporary:
        return _drill(asked, asked.folder or Path(temporary))


def _scan_once(asked: argparse.Namespace) -> int:
    """What is killed: a scan of ``folder/media`` into ``child``."""
    from deepfake_hf.scan.run import Work, scan
    from deepfake_hf.scan.settings import Settings
    from tests.scan.predicting import load_and_note

    settings = Settings(bundle=asked.bundle)
    work = Work(asked.engine, asked.workers, rows_per_part=50)
    source = asked.folder / ("sample.txt" if asked.child.name == "sample" else "media")
    load = partial(load_and_note, settings, asked.child.with_suffix(".log"))
    scan([str(source)], asked.child, settings, work, say=print, load=load)
    return 0


def _drill(asked: argparse.Namespace, folder: Path) -> int:
    from tests.scan.making import make_archive

    draw = random.Random(asked.seed)
    made = make_archive(folder / "media", asked.files, asked.seed)
    kinds = Counter(made.values())
    print(f"{len(made)} files: {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}", flush=True)
    out, counts = folder / "results", Counts()
    began = time.monotonic()
    while _run_until_kill(asked, folder, out, counts, draw, len(made)):
        pass
    counts.seconds = time.monotonic() - began
    sample = sorted(draw.sample(sorted(made), min(asked.sample, len(made))))
    (folder / "sample.txt").write_text("\n".join(sample) + "\n")
    subprocess.run(_command(asked, folder, folder / "sample"), check=True)
    wrong = _check(made, out, folder / "sample", sample, counts)
    for sentence in wrong[:20]:
        print(f"WRONG: {sentence}")
    print("all as it should be" if not wrong else f"{len(wrong)} things are wrong")
    return bool(wrong)


def _command(asked: argparse.Namespace, folder: Path, out: Path) -> list[str]:
    options = ["--folder", str(folder), "--child", str(out), "--workers", str(asked.workers), "--engine", asked.engine]
    return [sys.executable, "-m", "tests.scan.drill", *options, *(["--bundle", asked.bundle] if asked.bundle else [])]


def _run_until_kill(
    asked: argparse.Namespace, folder: Path, out: Path, counts: Counts, draw: random.Random, total: int
) -> bool:
    """One start of the scan. True when it was killed and is to go on."""
    counts.starts += 1
    child = subprocess.Popen(_command(asked, folder, out))
    log = out.with_suffix(".log")
    last = counts.scans_killed >= asked.kills
    share = (counts.scans_killed + draw.uniform(0.3, 1.0)) / (asked.kills + 1)
    goal, worker_goal = share * total, (share - 0.4 / (asked.kills + 1)) * total
    while child.poll() is None:
        begun = len(_noted(log))
        if begun >= worker_goal and (last or begun < goal):
            counts.workers_killed += _kill_a_worker(child.pid, draw)
            counts.in_flight += 1 if asked.engine == "local" else 8
            worker_goal = float("inf")  # files that are tried again count as begun, too
        if not last and begun >= goal:
            time.sleep(draw.uniform(0, 1.0))
            crew = psutil.Process(child.pid).children(recursive=True)
            child.kill()
            child.wait()
            counts.scans_killed += 1
            counts.in_flight += asked.workers * (1 if asked.engine == "local" else 8)
            counts.rows_at_kill.append(begun)
            time.sleep(3)
            left = [one for one in crew if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
            counts.orphans += len(left) if asked.engine == "local" else 0
            return True
        time.sleep(0.05)
    if child.returncode != 0:
        raise SystemExit(f"the scan ended with status {child.returncode}")
    return False


def _kill_a_worker(parent: int, draw: random.Random) -> int:
    crew = [one for one in psutil.Process(parent).children(recursive=True) if _is_worker(one)]
    if not crew:
        return 0
    os.kill(draw.choice(crew).pid, signal.SIGKILL)
    return 1


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def _noted(log: Path) -> list[str]:
    from tests.scan.predicting import noted

    return noted(log)


def _check(made: dict[str, str], out: Path, sample_out: Path, sample: list[str], counts: Counts) -> list[str]:
    from tests.scan.conftest import rows
    from tests.scan.making import ERRORS

    files, errors = rows(out), rows(out, "errors")
    found = Counter(row["path"] for row in [*files, *errors])
    wrong = [f"{path} has {found[path]} rows" for path in made if found[path] != 1]
    wrong += [f"{path} was never listed" for path in found if path not in made]
    wrong += [f"{row['path']} is an error ({row['why']})" for row in errors if made[row["path"]] not in ERRORS]
    wrong += [f"{row['path']} has an answer" for row in files if made[row["path"]] in ERRORS]
    begun = Counter(_noted(out.with_suffix(".log")))
    contents = {row["path"]: row["sha256"] for row in [*files, *errors]}
    analysed = {contents[path] for path in begun}
    distinct, twice = len(set(contents.values())), begun.total() - len(analysed)
    if len(analysed) != distinct:
        wrong.append(f"{distinct} contents, but {len(analysed)} were analysed")
    if twice > counts.in_flight:
        wrong.append(f"{twice} analyses were begun again, but at most {counts.in_flight} were in flight at a kill")
    if counts.orphans:
        wrong.append(f"{counts.orphans} workers outlived a killed scan")
    again = {row["path"]: row for row in [*rows(sample_out), *rows(sample_out, "errors")]}
    killed = {row["path"]: row for row in [*files, *errors]}
    unequal = [path for path in sample if _plain(again[path]) != _plain(killed[path])]
    wrong += [f"{path} has other values than without kills" for path in unequal]
    report: dict[str, Any] = vars(counts) | {
        "files": len(files),
        "errors": len(errors),
        "copies": sum(row["duplicate_of"] is not None for row in [*files, *errors]),
        "contents": distinct,
        "analyses_begun": begun.total(),
        "begun_again": twice,
        "error_statuses": Counter(row["status"] for row in errors),
        "parts": len(list(out.glob("*/part-*.parquet"))),
        "sample_equal": f"{len(sample) - len(unequal)} of {len(sample)}",
    }
    print(json.dumps(report, indent=2))
    return wrong


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """What doesn't depend on which of two equal files came first, and on the clock."""
    return {key: value for key, value in row.items() if key not in PASSING}


if __name__ == "__main__":
    raise SystemExit(main())
