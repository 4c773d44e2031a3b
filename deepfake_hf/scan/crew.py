"""The local engine: worker processes, each given one file at a time; one that dies is replaced."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Final

from deepfake_hf.errors import BundleError, DeepfakeHFError
from deepfake_hf.scan.analyse import Load, Outcome
from deepfake_hf.scan.worker import Guard, Worker

TRIES: Final = 2
MAX_FAILED_STARTS: Final = 3
_TICK_S: Final = 0.2
# sha256 and path: True where this path is to be analysed, False where another one of the same content is or was
Claims = Callable[[str, str], bool]


class Crew:
    """Workers and what they are at. Use as a context manager.

    A file over a limit is an error at once. One whose worker dies otherwise is tried again on a new worker, in case it
    was not the file's fault, and is an error when that dies too.

    Args:
        size: number of workers.
        load: makes the detector, in the worker; can be pickled.
        guard: limits for one file.
    """

    def __init__(self, size: int, load: Load, guard: Guard) -> None:
        self._load, self._guard = load, guard
        self._workers = [Worker(load, guard) for _ in range(size)]
        self._failed_starts = 0
        self._queue: deque[tuple[str, int]] = deque()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(kill=kind is not None)

    def close(self, kill: bool = False) -> None:
        for worker in self._workers:
            worker.stop(kill)
        self._workers = []

    def run(self, paths: Iterable[str], claims: Claims) -> Iterator[Outcome]:
        """Outcomes in the order in which they come.

        Raises:
            DeepfakeHFError: The workers can't load the detector.
        """
        coming = iter(paths)
        left = self._hand_out(coming)
        while left:
            ready = wait([worker.connection for worker in self._workers], timeout=_TICK_S)
            speaking = [place for place, worker in enumerate(self._workers) if worker.connection in ready]
            outcomes = [self._hear(place, claims) for place in speaking]
            for worker in self._workers:
                worker.watch()
            left = self._hand_out(coming)
            yield from (outcome for outcome in outcomes if outcome is not None)

    def _hand_out(self, coming: Iterator[str]) -> bool:
        """Work to those that have none; False where nothing is left and nobody is at anything."""
        for worker in self._workers:
            if not self._queue and (path := next(coming, None)) is not None:
                self._queue.append((path, 0))
            if self._queue and worker.ready and worker.path is None and not worker.was_killed:
                path, tries = self._queue.popleft()
                worker.give(path, tries + 1)
        return bool(self._queue) or any(worker.path is not None for worker in self._workers)

    def _hear(self, place: int, claims: Claims) -> Outcome | None:
        worker = self._workers[place]
        try:
            word, content = worker.connection.recv()
        except (EOFError, OSError):
            return self._replace(place)
        if word == "refused":
            raise DeepfakeHFError(*content)
        if word == "ready":
            worker.check_room()
            worker.ready, self._failed_starts = True, 0
            return None
        assert worker.path is not None
        if word == "claim":
            worker.sha256, worker.size_bytes = content
            worker.tell(claims(worker.sha256 or "", worker.path))
            return None
        worker.path = None
        outcome: Outcome = content
        return outcome

    def _replace(self, place: int) -> Outcome | None:
        """A worker is dead: its file's error, or None where the file is tried again or there was none."""
        worker = self._workers[place]
        outcome = None
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise BundleError(
                    "the workers do not start",
                    f"{self._failed_starts} died while loading the weights; of the last one, {worker.how_it_died()}",
                    "see what `deepfake-hf doctor` says, or take fewer --workers if memory is short",
                )
        elif worker.path is not None:
            if worker.was_killed or worker.tries >= TRIES:
                outcome = worker.last_outcome()
            else:
                self._queue.append((worker.path, worker.tries))
        worker.stop(kill=True)
        self._workers[place] = Worker(self._load, self._guard)
        return outcome
