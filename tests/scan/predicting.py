"""Predict callables whose behaviour is written in the file that they are given, so that failures can be ordered."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deepfake_hf.errors import BundleError
from deepfake_hf.scan.analyse import load_detector
from deepfake_hf.scan.settings import Settings
from deepfake_hf.types import BranchResult, DetectionResult, MediaKind, OperatingBand, Segment, Status, Verdict


def load(log: Path) -> Callable[[str], DetectionResult]:
    return partial(predict, log)


def load_nothing() -> Callable[[str], DetectionResult]:
    raise BundleError("the weights", "they are not there", "fetch them")


def load_and_die() -> Callable[[str], DetectionResult]:
    os._exit(7)


def note(log: Path, path: str) -> None:
    """One line for each analysis that began."""
    with log.open("a") as file:
        file.write(f"{os.getpid()} {path}\n")


def noted(log: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in log.read_text().splitlines()] if log.exists() else []


def predict(log: Path, path: str, sha256: str | None) -> DetectionResult:
    """Obeys the first word of the file; scores with the second."""
    note(log, path)
    word, _, rest = Path(path).read_text().partition(" ")
    if word == "hang":
        time.sleep(3600)
    elif word == "slow":
        time.sleep(float(rest.split()[0]))
    elif word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "once":  # the first time only
        mark = Path(f"{path}.seen")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif word == "grow":
        held = []
        while True:
            held.append(b"x" * 20_000_000)
            time.sleep(0.01)
    elif word == "fail":
        raise RuntimeError("a surprise\nof two lines")
    elif word == "broken":
        return result(path, status=Status.UNREADABLE, reason=f"{path}: it is no medium. Get a complete copy.")
    return result(path)


def result(path: str, status: Status = Status.SCORED, reason: str = "") -> DetectionResult:
    scored = status is Status.SCORED
    p_fake = (sum(Path(path).read_bytes()) % 1000) / 1000
    verdict = Verdict.FAKE if p_fake > 0.8 else Verdict.REAL
    return DetectionResult(
        path=path,
        status=status,
        verdict=verdict if scored else None,
        p_fake=p_fake if scored else None,
        reason=reason or f"{path}: read",
        kind=MediaKind.VIDEO,
        duration_s=2.0,
        interval=(p_fake, 1.0),
        coverage=1.0,
        band=OperatingBand("fpr1", 0.8, 0.5),
        branches=(
            BranchResult("face", Status.SCORED, "1 face", verdict, p_fake, None, 1.0, 8, "w"),
            BranchResult("speech", Status.NO_SPEECH, "it is silent", None, None, None, 0.0, 0, "w"),
        ),
        tracks=(),
        windows=(),
        segments=(Segment(0.5, 1.5, "face", 0, p_fake),),
        rule="rule",
        sha256=None,
        weights="w",
        versions={},
    )


def load_and_note(settings: Settings, log: Path) -> Callable[[str, str | None], DetectionResult]:
    """The public detector; what it begins stands in ``log``."""
    detect = load_detector(settings)

    def noting(path: str, sha256: str | None) -> DetectionResult:
        note(log, path)
        return detect(path, sha256)

    return noting
