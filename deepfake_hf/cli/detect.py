"""``deepfake-hf detect``: find the files, run the facade, print a table, write JSON lines."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from deepfake_hf.cli.terminal import BAD_USAGE, DONE, SOME_UNREADABLE
from deepfake_hf.errors import DeepfakeHFError, UsageError
from deepfake_hf.media.suffixes import MEDIA_SUFFIXES

if TYPE_CHECKING:
    from deepfake_hf.detector import Detector
    from deepfake_hf.media import Limits, Sampling
    from deepfake_hf.types import DetectionResult, Segment

_COLOURS: Final = {"real": "green", "fake": "red", "uncertain": "yellow"}


def find_media(paths: list[str]) -> tuple[list[str], list[str]]:
    """Expand files, folders and globs.

    Returns:
        The files to analyse (a named file is taken whatever its name; one that is not there stays in, so that it gets
        its own answer), and messages about folders and globs that gave nothing.
    """
    files: list[str] = []
    empty: list[str] = []
    for path in paths:
        if Path(path).is_dir():
            found = sorted(
                str(file)
                for file in Path(path).rglob("*")
                if file.is_file() and file.suffix.lower() in MEDIA_SUFFIXES and not file.name.startswith(".")
            )
            if not found:
                empty.append(
                    f"{path}: the folder holds no media file. Name the files themselves if their names end unusually."
                )
        elif glob.has_magic(path) and not Path(path).exists():
            found = sorted(name for name in glob.glob(path, recursive=True) if Path(name).is_file())
            if not found:
                empty.append(
                    f"{path}: no file matches. Check the pattern, and quote it so that the shell leaves it alone."
                )
        else:
            found = [path]
        files.extend(found)
    return list(dict.fromkeys(files)), empty


@dataclass(frozen=True)
class DetectOptions:
    """What the command was asked for, in the units of its options."""

    jsonl: Path | None = None
    threshold: str = "fpr1"
    every: int | None = None
    fps: float | None = None
    frames: int | None = None
    device: str | None = None
    runtime: str = "auto"
    bundle: str | None = None
    max_minutes: float | None = None
    quiet: bool = False

    def sampling(self) -> Sampling | None:
        """The sampling that was asked for; None for the default.

        Raises:
            UsageError: More than one was asked for.
        """
        from deepfake_hf.scan.settings import sampling_of

        return sampling_of(self.every, self.fps, self.frames)

    def limits(self) -> Limits:
        """The limits in force."""
        from deepfake_hf.scan.settings import limits_of

        return limits_of(self.max_minutes)

    def detector(self) -> Detector:
        """Load the weights that were asked for."""
        from deepfake_hf.detector import Detector

        return Detector.from_pretrained(self.bundle, device=self.device, runtime=self.runtime, limits=self.limits())


def run(paths: list[str], options: DetectOptions) -> int:
    """Do the command; returns its exit status."""
    errors = Console(stderr=True)
    console = Console()
    files, empty = find_media(paths)
    for message in empty:
        errors.print(message, style="yellow", markup=False, soft_wrap=True)
    if not files:
        return BAD_USAGE
    try:
        with contextlib.ExitStack() as stack:
            results = _analyse(files, options, errors, _sink(options.jsonl, stack))
    except DeepfakeHFError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return BAD_USAGE
    if not options.quiet:
        console.print(_table(results))
        words = Counter(str(result.verdict or result.status) for result in results)
        console.print(
            ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in words.most_common()), markup=False
        )
    broken = [result for result in results if result.status in ("unreadable", "unsupported")]
    return SOME_UNREADABLE if broken or empty else DONE


def _sink(jsonl: Path | None, stack: contextlib.ExitStack) -> TextIO | None:
    if jsonl is None:
        return None
    try:
        jsonl.parent.mkdir(parents=True, exist_ok=True)
        return stack.enter_context(jsonl.open("w", encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{jsonl} cannot be written", str(error.strerror), "name another file") from None


def _analyse(files: list[str], options: DetectOptions, errors: Console, sink: TextIO | None) -> list[DetectionResult]:
    from deepfake_hf.scoring.decision import parse_threshold

    sampling, limit = options.sampling(), parse_threshold(options.threshold)
    results = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = options.quiet or not sys.stderr.isatty()
    with Progress(*columns, console=errors, transient=True, disable=hidden) as bar:
        task = bar.add_task("loading the weights", total=len(files))
        detector = options.detector()
        for file in files:
            name = Path(file).name

            def tell(share: float, what: str, name: str = name) -> None:
                bar.update(task, description=f"{name}: {what}")

            bar.update(task, description=name)
            result = detector.detect(file, sampling=sampling, threshold=limit, progress=tell)
            results.append(result)
            if sink is not None:
                sink.write(json.dumps(result.to_dict(), ensure_ascii=False) + "\n")
                sink.flush()
            bar.advance(task)
    return results


def strongest_stretch(result: DetectionResult) -> Segment | None:
    """The suspicious stretch with the highest P(fake), the longest of equals; None where there is none."""
    stretches = [segment for segment in result.segments if segment.end_s > segment.start_s]
    return max(stretches, key=lambda one: (one.p_fake, one.end_s - one.start_s), default=None)


def _where(result: DetectionResult) -> list[str]:
    found = strongest_stretch(result)
    if found is None or result.duration_s is None:
        return []
    who = "the sound" if found.track is None else f"face {found.track}"
    return [f"most suspicious: {who} from {found.start_s:.1f} to {found.end_s:.1f} s"]


def _table(results: list[DetectionResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    shared = os.path.commonpath([os.path.dirname(result.path) for result in results])
    table.add_column("file", overflow="fold", max_width=36)
    table.add_column("verdict", no_wrap=True)
    table.add_column("P(fake)", justify="right", no_wrap=True)
    table.add_column("90 %", no_wrap=True)
    table.add_column("coverage", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", min_width=24)
    for result in results:
        word = str(result.verdict) if result.verdict else str(result.status).replace("_", " ")
        colour = _COLOURS.get(word, "dim")
        p_fake = "–" if result.p_fake is None else f"{result.p_fake:.3f}"
        spread = "" if result.interval is None else f"{result.interval[0]:.2f}–{result.interval[1]:.2f}"
        coverage = "–" if result.p_fake is None else f"{100 * result.coverage:.0f} %"
        reason = "; ".join([result.reason, *_where(result), *result.warnings])
        table.add_row(
            Text(os.path.relpath(result.path, shared or ".")),
            Text(word, style=colour),
            p_fake,
            spread,
            coverage,
            Text(reason),
        )
    return table
