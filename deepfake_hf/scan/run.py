"""A scan from beginning to end: listing, what is done already, an engine, results, summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import DeepfakeHFError, UsageError
from deepfake_hf.scan.analyse import Load, load_detector
from deepfake_hf.scan.collector import Collector, Progress
from deepfake_hf.scan.crew import Crew
from deepfake_hf.scan.index import Index
from deepfake_hf.scan.listing import ACCEPTED, list_paths, no_pyarrow
from deepfake_hf.scan.schema import Row, failure
from deepfake_hf.scan.settings import Settings, keep_or_refuse, limits_of
from deepfake_hf.scan.store import ROWS_PER_PART, Store
from deepfake_hf.scan.worker import Guard

LOCK: Final = ".lock"
LOCAL, RAY = "local", "ray"
ENGINES: Final = (LOCAL, RAY)


@dataclass(frozen=True)
class Work:
    """How a scan is done; none of this changes an answer.

    Args:
        engine: ``local`` or ``ray``.
        workers: number of workers; the smallest, for Ray.
        most_workers: up to which Ray's pool grows.
        timeout_s: for one file, fetching included.
        memory_mb: MiB of a worker's resident memory; None: unwatched.
        address: of a Ray cluster; None: one is started here.
        cpus: cores that Ray keeps for a worker, may be a fraction.
        gpus: GPUs likewise.
        retry_errors: analyse again what is among the errors.
        rows_per_part: rows of a parquet part.
    """

    engine: str = LOCAL
    workers: int = 1
    most_workers: int | None = None
    timeout_s: float = 1800.0
    memory_mb: int | None = 4096
    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    retry_errors: bool = False
    rows_per_part: int = ROWS_PER_PART

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UsageError(f"engine {self.engine!r}", "it is unknown", f"say {' or '.join(ENGINES)}")
        if self.most_workers is not None and self.most_workers < self.workers:
            raise UsageError(
                f"--workers {self.workers}:{self.most_workers}", "the most are fewer than the least", "turn them round"
            )


def scan(
    sources: Sequence[str],
    out: Path,
    settings: Settings,
    work: Work,
    *,
    column: str = "path",
    tell: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda sentence: None,
    load: Load | None = None,
) -> Progress:
    """Analyse all files of all sources that ``out`` has no row of.

    Args:
        sources: see :data:`deepfake_hf.scan.listing.ACCEPTED`.
        out: folder of the results.
        settings: what can change an answer.
        work: what can't.
        column: of paths in tables.
        tell: called after every row.
        say: called with sentences about sources that gave nothing and parts that are broken.
        load: makes the predict callable in each worker; None: the public detector.

    Raises:
        UsageError: nothing to scan, unusable options, or ``out`` holds results of other settings or is in use.
        MissingDependencyError: a package is missing.
        DataError: ``out`` cannot be written.
        BundleError: the detector cannot be loaded.
    """
    about = settings.about()
    _need_pyarrow()
    keep_or_refuse(out, about)
    guard = Guard(
        work.timeout_s,
        work.memory_mb,
        limits_of(settings.max_minutes).max_bytes,
        {"bundle_sha256": about["bundle_sha256"], "operating_point": about["operating_point"]},
        settings.threads,
    )
    with _alone(out), closing(Index()) as index:
        store = Store(out, index, say, work.rows_per_part, work.retry_errors)
        progress = Progress()
        collector = Collector(store, progress, tell)
        try:
            listed = _writable(list_paths(sources, column, say), store, guard.origin)
            left, total = index.plan(listed)
            if not total and not progress.done and not any(store.counts.values()):
                raise UsageError(" ".join(sources), "no media file was found", f"name {ACCEPTED}")
            progress.total, progress.before = total, total - left
            tell(progress)
            if left:
                _analyse_all(index, left, collector, load or partial(load_detector, settings), guard, work)
        finally:
            store.seal()
    return progress


def _analyse_all(index: Index, left: int, collector: Collector, load: Load, guard: Guard, work: Work) -> None:
    if work.engine == RAY:
        from deepfake_hf.scan.ray_engine import run_on_ray

        for outcome in run_on_ray(index, left, load, guard, work):
            collector.accept(outcome)
        return
    with Crew(min(work.workers, left), load, guard) as crew:
        for outcome in crew.run(index.todo(), collector.claim):
            collector.accept(outcome)


def _writable(paths: Iterator[str], store: Store, origin: Row) -> Iterator[str]:
    """Names that are no UTF-8 can't stand in a table: they are errors under a name that can."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            error = UsageError(shown, "its name is not UTF-8", "rename it")
            table, row = failure(shown, "unreadable", error, origin)
            store.add(table, row)
        else:
            yield path


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise no_pyarrow("results cannot be written") from error


def _alone(out: Path) -> Any:
    """A lock that goes with its process.

    Raises:
        UsageError: Another scan writes there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(out / LOCK)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"{out} is in use", "another scan writes there", "wait for it, or name another folder"
        ) from None
    except OSError as error:
        raise DeepfakeHFError(f"{out} cannot be locked", str(error), "name another folder") from error
