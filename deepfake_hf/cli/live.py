"""``deepfake-hf live``: a camera, or a file played as one, with boxes and readings as it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import typer

from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.terminal import DONE, SOME_UNREADABLE, plain_errors
from deepfake_hf.errors import MediaError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deepfake_hf.inference.live import LiveWatch
    from deepfake_hf.media.live_source import FreshFrames
    from deepfake_hf.types import AudioTrack, DetectionResult, Frame

_TITLE: Final = "deepfake-hf live (q ends)"
_RECENT: Final = 50  # frames that the drawn figures are of
_RESULT_EVERY_S: Final = 1.0
_CAMERA_FPS: Final = 30.0  # the nominal rate of a recording; its frames keep their own times
_PROBE: Final = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1); cv2.destroyAllWindows()"


@dataclass
class Pace:
    """What was measured of a run: each shown frame's delay from capture to shown, frames dropped and analysed."""

    delays_s: array[float] = field(default_factory=lambda: array("f"))
    shown_at_s: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    started_s: float | None = None
    dropped: int = 0
    analysed: int = 0

    def shown(self, captured_s: float) -> None:
        """A frame is on the screen, or written."""
        now_s = time.monotonic()
        self.started_s = captured_s if self.started_s is None else self.started_s
        self.delays_s.append(now_s - captured_s)
        self.shown_at_s.append(now_s)

    def line(self) -> str:
        """For the corner of the picture."""
        if len(self.shown_at_s) < 2:
            return "starting"
        spent_s = max(1e-6, self.shown_at_s[-1] - self.shown_at_s[0])
        delay_ms = 1000 * float(np.median(self.delays_s[-_RECENT:]))
        return f"{(len(self.shown_at_s) - 1) / spent_s:.0f} fps, delay {delay_ms:.0f} ms, dropped {self.dropped}"

    def summary(self) -> str:
        """For the terminal."""
        if self.started_s is None:
            return "no frame was shown"
        spent_s = max(1e-6, self.shown_at_s[-1] - self.started_s)
        shown = len(self.delays_s)
        middle, late = np.quantile(np.asarray(self.delays_s), [0.5, 0.95])
        return (
            f"{shown} frames shown in {spent_s:.1f} s ({shown / spent_s:.1f} a second), {self.dropped} of "
            f"{shown + self.dropped} dropped, {self.analysed} analysed; delay from capture to shown "
            f"{1000 * middle:.0f} ms (median), {1000 * late:.0f} ms (95 %)"
        )


@dataclass(frozen=True)
class LiveOptions:
    """What the command was asked for, beside what ``detect`` takes."""

    camera: str | None
    input: Path | None
    output: Path | None
    seconds: float | None


def run(asked: LiveOptions, options: DetectOptions) -> int:
    """Do the command; returns its exit status."""
    pace = Pace()
    with plain_errors():
        try:
            result = _watch(asked, options, pace)
        except MediaError as error:
            typer.echo(str(error), err=True)
            return SOME_UNREADABLE
    if not options.quiet:
        typer.echo(pace.summary() + (f". {_whole(result)}" if result else ""))
    return DONE


def _watch(asked: LiveOptions, options: DetectOptions, pace: Pace) -> DetectionResult | None:
    from deepfake_hf.media.live_source import FreshFrames, camera_frames, played_frames

    fps = _check(asked, options)
    watch = options.detector().live(threshold=options.threshold)
    if asked.input is not None:
        source = played_frames(str(asked.input), options.limits())
    else:
        camera = asked.camera or "0"
        source = camera_frames(int(camera) if camera.isdigit() else camera)
    with _interruptible() as stopped, closing(FreshFrames(source)) as fresh:
        drawing = Drawing(watch, pace, asked.input, stopped, asked.seconds)
        _show(drawing.frames(fresh), asked, fps)
    return drawing.result


def _check(asked: LiveOptions, options: DetectOptions) -> float:
    """Refuse what can't work before the weights are loaded; returns the nominal frame rate.

    Raises:
        UsageError: No place to show, two sources, or the file is read and written.
    """
    from deepfake_hf.media import probe

    if asked.camera is not None and asked.input is not None:
        raise UsageError("--camera and --input", "they exclude each other", "give one of them")
    if asked.output is None:
        need_display()
    elif asked.input is not None and asked.output.resolve() == asked.input.resolve():
        raise UsageError(f"{asked.output}", "it is the file that is read", "name another file to write")
    if asked.input is None:
        return _CAMERA_FPS
    return probe(asked.input, options.limits()).fps or 25.0


def need_display() -> None:
    """Raises: UsageError: No window can be opened here.

    Asked of a process of its own: where the display cannot be reached, OpenCV's window system ends the process.
    """
    why = "neither DISPLAY nor WAYLAND_DISPLAY is set"
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        tried = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=60)
        if tried.returncode == 0:
            return
        why = "OpenCV cannot open one on this display"
    raise UsageError("no window can be opened", why, "write into a file with --output OUT.mp4")


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Ctrl+C sets the event, so that the file is ended as it should be and the figures are said."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


class Drawing:
    """Frames with what is known at that moment drawn in.

    Args:
        watch: Over the source.
        pace: Is kept up to date.
        sound_of: A file whose sound is listened to along with its frames.
        stopped: Ends the walk.
        seconds: Of the source's time, after which the walk ends.
    """

    def __init__(
        self, watch: LiveWatch, pace: Pace, sound_of: Path | None, stopped: threading.Event, seconds: float | None
    ) -> None:
        self._watch, self._pace, self._stopped, self._seconds = watch, pace, stopped, seconds
        self._sound = _sound_of(sound_of) if sound_of else iter(())
        self._next_block = next(self._sound, None)
        self.result: DetectionResult | None = None

    def frames(self, fresh: FreshFrames) -> Iterator[Frame]:
        """Each frame counts as shown when the next one is asked for."""
        from deepfake_hf.report.boxes import draw_faces
        from deepfake_hf.report.resizing import fitted
        from deepfake_hf.types import Frame

        size: tuple[int, int] | None = None
        due_s = 0.0
        for index, frame in enumerate(fresh):
            if self._stopped.is_set() or (self._seconds is not None and frame.pts_s >= self._seconds):
                break
            faces = self._watch.push_frame(frame.rgb, frame.pts_s)
            self._pace.analysed += self._watch.analysed
            self._listen(frame.pts_s)
            if self._watch.analysed and frame.pts_s >= due_s:
                self.result, due_s = self._watch.result(), frame.pts_s + _RESULT_EVERY_S
            lines = [self._pace.line(), *([_whole(self.result)] if self.result else [])]
            size = size or (frame.rgb.shape[1], frame.rgb.shape[0])
            yield Frame(fitted(draw_faces(frame.rgb, faces, lines), size), frame.pts_s, index)
            self._pace.dropped = fresh.dropped
            self._pace.shown(frame.captured_s)
        if self._pace.analysed:
            self.result = self._watch.result()

    def _listen(self, until_s: float) -> None:
        while self._next_block is not None and self._next_block.start_s + self._next_block.duration_s <= until_s:
            self._watch.push_samples(self._next_block.waveform)
            self._next_block = next(self._sound, None)


def _sound_of(path: Path) -> Iterator[AudioTrack]:
    """One second at a time; what can't be read is left out, the pictures go on."""
    from deepfake_hf.media import probe, read_audio

    if not probe(path).num_audio_streams:
        return
    with suppress(MediaError):
        yield from read_audio(path, 16_000, block_s=1.0)


def _whole(result: DetectionResult) -> str:
    if result.verdict is None or result.p_fake is None:
        return f"last 30 s: {str(result.status).replace('_', ' ')}"
    return f"last 30 s: {result.verdict.value}, P(fake) {result.p_fake:.2f}"


def _show(frames: Iterator[Frame], asked: LiveOptions, fps: float) -> None:
    if asked.output is not None:
        from deepfake_hf.media import probe, write_video

        asked.output.parent.mkdir(parents=True, exist_ok=True)
        sounding = asked.input is not None and asked.seconds is None and bool(probe(asked.input).num_audio_streams)
        sound_of = asked.input if sounding else None
        write_video(asked.output, frames, fps, crf=20, sound_of=sound_of, preset="ultrafast")
        return
    import cv2

    cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    try:
        for frame in frames:
            bgr: NDArray[np.uint8] = np.ascontiguousarray(frame.rgb[..., ::-1])
            cv2.imshow(_TITLE, bgr)
            if cv2.waitKey(1) & 0xFF in (27, ord("q")) or cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
                return
    finally:
        cv2.destroyAllWindows()
