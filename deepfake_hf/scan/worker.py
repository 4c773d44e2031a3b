"""One worker process: its own detector, one file at a time, watched from outside for time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import psutil

from deepfake_hf.errors import DeepfakeHFError, UsageError
from deepfake_hf.scan.analyse import Load, Outcome, analyse
from deepfake_hf.scan.schema import Row, failure

LOADING_S: Final = 600.0
_PR_SET_PDEATHSIG: Final = 1
_MIB: Final = 1024**2


@dataclass(frozen=True)
class Guard:
    """What one file may take, fetching included, and what workers need to know.

    Args:
        timeout_s: seconds.
        memory_mb: MiB of resident memory of the worker, its weights included; None: unwatched.
        max_bytes: of a file.
        origin: stands in every row.
        threads: of torch and its like in each worker.
    """

    timeout_s: float
    memory_mb: int | None
    max_bytes: int
    origin: Row
    threads: int = 1


def serve(connection: Connection, parent: int, load: Load, guard: Guard) -> None:
    """The worker's whole life: load, then answer file after file until told to stop or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(guard.threads)
    try:
        predict = load()
    except DeepfakeHFError as error:
        connection.send(("refused", (error.what, error.why, error.mend)))
        return

    def claim(sha256: str, size_bytes: int) -> bool:
        connection.send(("claim", (sha256, size_bytes)))
        return bool(connection.recv())

    connection.send(("ready", None))
    try:
        while (path := connection.recv()) is not None:
            connection.send(("done", analyse(path, predict, claim, guard.origin, guard.max_bytes)))
    except (EOFError, OSError):  # the parent is gone
        pass


def _die_with(parent: int) -> None:
    """A worker that hangs would outlive a killed scan; and where memory runs out, it should be the worker that goes."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except (OSError, AttributeError):  # not Linux
        pass
    if os.getppid() != parent:
        os._exit(1)


class Worker:
    """The parent's side of one worker process. ``path`` is what it works on, None where it has nothing to do."""

    def __init__(self, load: Load, guard: Guard) -> None:
        self._guard = guard
        context = multiprocessing.get_context("spawn")
        self.connection, far = context.Pipe()
        self._process = context.Process(target=serve, args=(far, os.getpid(), load, guard), daemon=True)
        self._process.start()
        far.close()
        self.ready = False
        self.path: str | None = None
        self.tries = 0
        self.sha256: str | None = None
        self.size_bytes: int | None = None
        self._since = time.monotonic()
        self._killed_for: tuple[str, DeepfakeHFError] | None = None

    def give(self, path: str, tries: int) -> None:
        """Hand a file over; ``tries`` counts this one."""
        self.path, self.tries, self.sha256, self.size_bytes = path, tries, None, None
        self._since = time.monotonic()
        self.tell(path)

    def tell(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # it died; the end of its connection says so where it is read
            self.connection.send(message)

    def watch(self) -> None:
        """Kill it where its file takes too long or too much."""
        if self._killed_for is not None:
            return
        spent_s = time.monotonic() - self._since
        if not self.ready:
            if spent_s > LOADING_S:
                self._kill("timeout", "worker", f"loading the weights took over {LOADING_S:.0f} s", "try again")
            return
        if self.path is None:
            return
        if spent_s > self._guard.timeout_s:
            why = f"it took longer than the {self._guard.timeout_s:g} s a file may take"
            self._kill("timeout", self.path, why, "raise --timeout and run again with --retry-errors")
        elif self._guard.memory_mb is not None and self._memory_mb() > self._guard.memory_mb:
            why = f"the worker grew over the {self._guard.memory_mb} MB it may take"
            self._kill("memory", self.path, why, "raise --memory-mb and run again with --retry-errors")

    def check_room(self) -> None:
        """Raises: UsageError: the memory that it may take is less than what it takes without a file."""
        taken_mb, limit_mb = self._memory_mb(), self._guard.memory_mb
        if limit_mb is not None and taken_mb > limit_mb:
            raise UsageError(
                f"--memory-mb {limit_mb}",
                f"a worker takes {taken_mb:.0f} MB with its weights alone",
                f"allow at least {2 * taken_mb:.0f}",
            )

    def _memory_mb(self) -> float:
        try:
            return float(psutil.Process(self._process.pid).memory_info().rss) / _MIB
        except psutil.Error:
            return 0.0

    def _kill(self, status: str, what: str, why: str, mend: str) -> None:
        self._killed_for = (status, DeepfakeHFError(what, why, mend))
        self._process.kill()

    @property
    def was_killed(self) -> bool:
        """By :meth:`watch`, and not by itself or from outside."""
        return self._killed_for is not None

    def how_it_died(self) -> str:
        """The end of a process that nobody here killed."""
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            by_hand = " (by the system where memory runs out, or by hand)" if -code == signal.SIGKILL else ""
            return f"the worker was ended by {signal.Signals(-code).name}{by_hand}"
        return f"the worker ended by itself with status {code}"

    def last_outcome(self) -> Outcome:
        """The error of the file that it died over."""
        assert self.path is not None
        status, error = self._killed_for or (
            "crashed",
            DeepfakeHFError(
                self.path, f"{self.how_it_died()}, {self.tries} times", "look at the file itself, or leave it out"
            ),
        )
        spent_s = time.monotonic() - self._since
        table, row = failure(self.path, status, error, self._guard.origin, self.sha256, self.size_bytes, spent_s)
        return {"path": self.path, "sha256": self.sha256, "size_bytes": self.size_bytes, "table": table, "row": row}

    def stop(self, kill: bool = False) -> None:
        """End it; kindly where it has nothing to do."""
        if kill or self.path is not None or not self.ready:
            self._process.kill()
        else:
            self.tell(None)
        self.connection.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(5)
        self._process.close()
