"""Frames at their own pace: a camera, or a file played as one. What comes too late is dropped, nothing piles up."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.media.frames import read_frames
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.sampling import EveryNth

MAX_WAITING: Final = 8  # frames
MAX_AGE_S: Final = 0.15  # an older one is dropped where a newer one is there


@dataclass(frozen=True)
class LiveFrame:
    """``rgb`` uint8 (H, W, 3); ``pts_s`` from the source's start; ``captured_s`` on the clock of time.monotonic."""

    rgb: NDArray[np.uint8]
    pts_s: float
    captured_s: float


def camera_frames(camera: int | str) -> Generator[LiveFrame, None, None]:
    """Frames of a camera, as they come, until it stops.

    Args:
        camera: A number, or a device or address that OpenCV opens (``/dev/video2``, ``rtsp://…``).

    Raises:
        MediaError: It can't be opened, or gives no picture.
    """
    import cv2

    name = f"camera {camera}"
    level = cv2.utils.logging.getLogLevel()  # type: ignore[attr-defined]
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # type: ignore[attr-defined]
    try:
        source = cv2.VideoCapture(camera)
    finally:
        cv2.utils.logging.setLogLevel(level)  # type: ignore[attr-defined]
    try:
        if not source.isOpened():
            raise MediaError(
                name, "it is not there or another program holds it",
                "plug it in, close what else uses it, give another number, or play a file with --input FILE",
            )  # fmt: skip
        start_s: float | None = None
        while True:
            found, bgr = source.read()
            if not found:
                if start_s is None:
                    raise MediaError(name, "it opens but gives no picture", "try another camera")
                return
            now_s = time.monotonic()
            start_s = now_s if start_s is None else start_s
            rgb = np.ascontiguousarray(np.asarray(bgr, np.uint8)[..., ::-1])
            yield LiveFrame(rgb, now_s - start_s, now_s)
    finally:
        source.release()


def played_frames(path: str, limits: Limits | None = None) -> Generator[LiveFrame, None, None]:
    """Frames of a file, each at its own time, as a camera would give them.

    ``captured_s`` is the moment a frame is due, so that slow decoding counts as delay.

    Raises:
        MediaError: The file can't be read or has no pictures.
    """
    start_s: float | None = None
    for frame in read_frames(path, EveryNth(1), limits=limits):
        if start_s is None:
            start_s = time.monotonic() - frame.pts_s
        due_s = start_s + frame.pts_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield LiveFrame(frame.rgb, frame.pts_s, due_s)


class FreshFrames(Iterator[LiveFrame]):
    """Reads a source in a thread and gives its frames in order; late ones are dropped and counted.

    Args:
        source: Endless or not.
        max_age_s: Seconds after which a waiting frame is dropped where a newer one is there.

    An error of the source is raised by the next frame.
    """

    def __init__(self, source: Generator[LiveFrame, None, None], max_age_s: float = MAX_AGE_S) -> None:
        self.dropped = 0
        self._max_age_s = max_age_s
        self._waiting: deque[LiveFrame] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: Exception | None = None
        self._reader = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._reader.start()

    def _read(self, source: Generator[LiveFrame, None, None]) -> None:
        try:
            with closing(source):
                for frame in source:
                    with self._changed:
                        if self._ended:
                            return
                        self._waiting.append(frame)
                        if len(self._waiting) > MAX_WAITING:
                            self._waiting.popleft()
                            self.dropped += 1
                        self._changed.notify()
        except Exception as error:  # handed over to the thread that waits for frames
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def __next__(self) -> LiveFrame:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                if self._error is not None:
                    raise self._error
                raise StopIteration
            too_old_s = time.monotonic() - self._max_age_s
            while len(self._waiting) > 1 and self._waiting[0].captured_s < too_old_s:
                self._waiting.popleft()
                self.dropped += 1
            return self._waiting.popleft()

    def close(self) -> None:
        """Stop reading; what waits is thrown away."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
        self._reader.join(timeout=2.0)
