"""Work that goes on in a thread while the page tells how far it is, and that can be cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

POLL_S = 0.25
WAITING = "waiting for the detector"


class Cancelled(Exception):
    """Raised inside a job, at its next sign of life, after somebody cancelled it."""


class Job:
    """One piece of work.

    Args:
        work: Called with this job; tells its progress by :meth:`tell` and returns what it made.
    """

    def __init__(self, work: Callable[[Job], Any]) -> None:
        self.share, self.what = 0.0, WAITING
        self.found: Any = None  # what is there before the end
        self.result: Any = None
        self.error: BaseException | None = None
        self.started = time.monotonic()
        self._work, self._stop, self._ended = work, threading.Event(), threading.Event()

    def start(self) -> Job:
        threading.Thread(target=self._run, daemon=True, name="deepfake_hf job").start()
        return self

    def cancel(self) -> None:
        """Stop it at its next sign of life; ended jobs stay as they are."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def tell(self, share: float, what: str) -> None:
        """Progress from inside. Raises: Cancelled."""
        if self._stop.is_set():
            raise Cancelled
        self.share, self.what = max(self.share, min(1.0, share)), what

    def seconds_left(self) -> float | None:
        """By the share that is done; None while that says nothing yet."""
        gone = time.monotonic() - self.started
        return gone * (1 - self.share) / self.share if self.share > 0.04 and gone > 1 else None

    def snapshots(self) -> Iterator[Job]:
        """This job again and again, until it has ended; cancelled, should nobody listen any more."""
        try:
            while not self._ended.wait(POLL_S):
                yield self
        finally:
            if not self._ended.is_set():
                self.cancel()

    def _run(self) -> None:
        try:
            self.result = self._work(self)
        except BaseException as error:  # told to the visitor by whoever reads the job
            self.error = error
        finally:
            self._ended.set()


class Sessions:
    """By session the job that runs in it, so that one visitor's button never stops another's work."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._guard = threading.Lock()

    def begin(self, session: str, job: Job) -> Job:
        """Start a job; one of the same session that still runs is cancelled."""
        with self._guard:
            earlier = self._jobs.pop(session, None)
            self._jobs[session] = job
        if earlier is not None:
            earlier.cancel()
        return job.start()

    def cancel(self, session: str) -> None:
        with self._guard:
            job = self._jobs.pop(session, None)
        if job is not None:
            job.cancel()

    def __len__(self) -> int:
        return len(self._jobs)
