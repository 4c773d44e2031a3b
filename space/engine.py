"""Detectors for the page: loaded once for each bundle, lent to one analysis at a time."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from deepfake_hf import DetectionResult, Detector
from deepfake_hf.cli.annotate import draw
from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.report import Examined, examine, write_case
from deepfake_hf.errors import DeepfakeHFError, UsageError
from deepfake_hf.report.record import named, write_record
from space.jobs import WAITING
from space.limits import PageLimits

MAX_BUNDLES = 2  # held at a time; the one that was used longest ago goes
Progress = Callable[[float, str], None]
_WAIT_S = 0.25
_SEE = "The terminal that runs this page shows the details"
_log = logging.getLogger("deepfake_hf.space")


@dataclass(frozen=True)
class Choice:
    """What a visitor chose: ``bundle`` None for the one the page was started with; ``threshold`` as ``detect``."""

    threshold: str = "fpr1"
    bundle: str | None = None


class Engine:
    """Analyses for the page.

    Args:
        limits: Of this page.
        bundle: The page's own weights; None: those in the box.
        load: How a detector is loaded.
    """

    def __init__(
        self,
        limits: PageLimits,
        bundle: str | None = None,
        load: Callable[[str | None], Detector] | None = None,
    ) -> None:
        self.limits, self.bundle = limits, bundle
        self.load = load or self._whole
        self._pools: OrderedDict[str | None, Queue[Detector | None]] = OrderedDict()
        self._guard = threading.Lock()
        self._known: dict[str | None, Detector] = {}
        self._inside = 0  # requests that have a detector or wait for one

    def _whole(self, name: str | None) -> Detector:
        """With all that it may need, so that faults show here and no visitor waits for the rest."""
        detector = Detector.from_pretrained(name, limits=self.limits.media())
        detector.load()
        return detector

    @contextmanager
    def lent(self, bundle: str | None = None, progress: Progress | None = None) -> Iterator[Detector]:
        """A detector for this thread alone; waits for one where all are lent.

        Args:
            bundle: None: the page's own.
            progress: Called while it waits; what it raises ends the waiting and gives the place in the line free.

        Raises:
            UsageError: Too many wait already.
        """
        pool = self._pool(bundle or self.bundle)
        with self._guard:
            if self._inside >= self.limits.queue + self.limits.concurrency:
                raise UsageError("the page is busy", f"{self.limits.queue} requests wait already", "come in a minute")
            self._inside += 1
        try:
            detector = _wait(pool, progress)
            try:
                if detector is None:
                    detector = self.load(bundle or self.bundle)
                self._known[bundle or self.bundle] = detector
                yield detector
            finally:
                pool.put(detector)
        finally:
            with self._guard:
                self._inside -= 1

    def warm(self) -> None:
        """Load the page's own weights now, so that faults show at the start and the first visitor doesn't wait."""
        with self.lent():
            pass

    def detect(self, path: str, choice: Choice, progress: Progress | None = None) -> DetectionResult:
        """Analyse one file; the result knows it by its name only."""
        with self.lent(choice.bundle, progress) as detector:
            raw = detector.detect(path, threshold=choice.threshold, progress=progress)
        return named(raw, path, Path(path).name)

    def examine(
        self, path: str, choice: Choice, progress: Progress, found: Callable[[DetectionResult], None]
    ) -> Examined:
        """Analyse one file and gather the evidence beside the verdict."""
        options = DetectOptions(
            threshold=choice.threshold,
            bundle=choice.bundle or self.bundle,
            max_minutes=self.limits.max_minutes,
            quiet=True,
        )
        with self.lent(choice.bundle, progress) as detector:
            return examine(Path(path), options, progress, maps=True, detector=detector, found=found)

    def annotate(self, path: str, result: DetectionResult, choice: Choice, out: Path, progress: Progress) -> None:
        """Write the video with its verdict drawn in."""
        with self.lent(choice.bundle, progress) as detector:
            draw(Path(path), out, result, detector, self.limits.media(), lambda n, whole: progress(n / whole, "video"))

    def known(self, bundle: str | None = None) -> Detector | None:
        """A loaded detector of these weights, for what it says of itself only; never waits. None: not loaded yet."""
        return self._known.get(bundle or self.bundle)

    def known_points(self, bundle: str | None = None) -> dict[str, dict[str, float]]:
        """Limits on P(fake) by branch and name, of a bundle that was used; never waits."""
        detector = self.known(bundle)
        return {} if detector is None else detector.operating_points()

    def _pool(self, bundle: str | None) -> Queue[Detector | None]:
        with self._guard:
            if bundle not in self._pools:
                self._pools[bundle] = Queue()
                for _ in range(self.limits.concurrency):
                    self._pools[bundle].put(None)
                while len(self._pools) > MAX_BUNDLES:
                    oldest = next(name for name in self._pools if name != self.bundle)
                    del self._pools[oldest]
                    self._known.pop(oldest, None)
            self._pools.move_to_end(bundle)
            return self._pools[bundle]


def _wait(pool: Queue[Detector | None], progress: Progress | None) -> Detector | None:
    while True:
        try:
            return pool.get(timeout=_WAIT_S)
        except Empty:
            if progress is not None:
                progress(0.0, WAITING)


def write_downloads(examined: Examined, folder: Path) -> tuple[Path, Path]:
    """The HTML report and the JSON record, under the file's own name."""
    stem = Path(examined.result.path).stem or "result"
    page, record = folder / f"{stem}.report.html", folder / f"{stem}.deepfake_hf.json"
    write_case(page, examined)
    write_record(record, examined.record)
    return page, record


def told(error: BaseException, path: str) -> str:
    """An error as a sentence for a reader; one of ours as it is, any other without its details."""
    name = Path(path).name
    if isinstance(error, DeepfakeHFError):
        return str(error).replace(str(Path(path).resolve()), name).replace(path, name)
    _log.error("analysing %s failed", path, exc_info=error)
    if not name:
        return f"This could not be done because of a fault in the program ({type(error).__name__}). {_SEE}."
    return (
        f"{name} could not be analysed because of a fault in the program ({type(error).__name__}). {_SEE}. "
        "Other files are not affected."
    )


class Workshop:
    """A temporary folder for what an analysis writes; goes with the session."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="deepfake_hf_page_"))

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
