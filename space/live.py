"""Live sessions: each visitor's camera or microphone has a watch of its own; idle ones end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfake_hf import DetectionResult, Detector, draw_faces
from deepfake_hf.errors import UsageError
from deepfake_hf.inference.speech_pass import HOP_S, WINDOW_S
from deepfake_hf.types import SeenFace
from space.cards import live_card
from space.microphone import RATE, Ear

FIRST_S = WINDOW_S + HOP_S  # of sound, before its first reading
PLOT_S = 30.0
_SWEEP_S = 5.0


@dataclass
class LiveSession:
    """One visitor's stream: its watch, the last scores, and how fast it goes."""

    watch: Any
    started: float
    touched: float
    scores: deque[tuple[float, float, str]] = field(default_factory=lambda: deque(maxlen=600))
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    delays_s: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    faces: tuple[SeenFace, ...] = ()
    ear: Ear = field(default_factory=Ear)
    heard_s: float = 0.0

    @property
    def fps(self) -> float:
        """Frames a second over the last ones."""
        if len(self.arrivals) < 2 or self.arrivals[-1] <= self.arrivals[0]:
            return 0.0
        return (len(self.arrivals) - 1) / (self.arrivals[-1] - self.arrivals[0])

    @property
    def delay_ms(self) -> float:
        """The longest of the last ones from arrival to answer; most frames are only followed, in no time."""
        return 1000 * max(self.delays_s, default=0.0)


class LiveRoom:
    """All live sessions of the page, on a detector of their own, so that they never wait behind an analysis.

    Args:
        load: How that detector is loaded.
        most: Sessions at a time.
        idle_s: After which a session that sends nothing ends.
        clock: Seconds; for tests.
    """

    def __init__(
        self, load: Callable[[], Detector], most: int, idle_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load, self._most, self._idle_s, self._clock = load, most, idle_s, clock
        self._detector: Detector | None = None
        self._sessions: dict[str, LiveSession] = {}
        self._work, self._guard = threading.Lock(), threading.Lock()
        self._sweeping = False

    def warm(self) -> None:
        """Load the detector now, in a thread of its own, so that the first stream need not wait for it."""
        threading.Thread(target=self._ready, daemon=True, name="deepfake_hf live load").start()

    def push_frame(self, name: str, rgb: NDArray[np.uint8], threshold: str) -> tuple[NDArray[np.uint8], LiveSession]:
        """Take one frame uint8 (H, W, 3) of a session; gives it back with its faces marked.

        Raises:
            UsageError: All places are taken, or the frame is none.
        """
        session = self._session(name, threshold)
        arrived = self._clock()
        with self._work:
            session.faces = session.watch.push_frame(rgb, arrived - session.started)
        for seen in session.faces:
            if seen.p_fake is not None:
                session.scores.append((arrived - session.started, seen.p_fake, str(seen.verdict)))
        session.arrivals.append(arrived)
        session.delays_s.append(self._clock() - arrived)
        line = f"{session.fps:.1f} fps, up to {session.delay_ms:.0f} ms"
        return draw_faces(rgb, session.faces, (line,)), session

    def push_sound(
        self, name: str, rate: int, samples: NDArray[np.int16], threshold: str
    ) -> tuple[DetectionResult, LiveSession]:
        """Take the next int16 (n,) mono samples of any rate.

        Raises:
            UsageError: All places are taken.
        """
        session = self._session(name, threshold)
        arrived = self._clock()
        with self._work:
            session.watch.push_samples(session.ear.hear(samples, rate))
            result: DetectionResult = session.watch.result()
        session.heard_s += len(samples) / rate
        if result.p_fake is not None:
            session.scores.append((arrived - session.started, result.p_fake, str(result.verdict)))
        session.arrivals.append(arrived)
        session.delays_s.append(self._clock() - arrived)
        return result, session

    def end(self, name: str) -> None:
        """The visitor stopped or left."""
        with self._guard:
            self._sessions.pop(name, None)

    def sweep(self) -> None:
        """End what has been idle for too long."""
        now = self._clock()
        with self._guard:
            for name in [key for key, held in self._sessions.items() if now - held.touched > self._idle_s]:
                del self._sessions[name]

    def __len__(self) -> int:
        return len(self._sessions)

    def _session(self, name: str, threshold: str) -> LiveSession:
        self.sweep()
        detector = self._ready()
        now = self._clock()
        with self._guard:
            held = self._sessions.get(name)
            if held is None:
                if len(self._sessions) >= self._most:
                    raise UsageError("live", f"all {self._most} places are taken", "come in a minute")
                held = LiveSession(detector.live(threshold=threshold, sampling_rate=RATE), now, now)
                self._sessions[name] = held
                self._begin_sweeping()
            held.touched = now
            return held

    def _ready(self) -> Detector:
        with self._work:
            if self._detector is None:
                self._detector = self._load()
            return self._detector

    def _begin_sweeping(self) -> None:
        if self._sweeping:
            return
        self._sweeping = True

        def sweep() -> None:
            while True:
                time.sleep(_SWEEP_S)
                self.sweep()

        threading.Thread(target=sweep, daemon=True, name="deepfake_hf live sweep").start()


def plot_html(session: LiveSession, now_s: float) -> str:
    """The scores of the last ``PLOT_S`` seconds as moving dots: circle real, triangle fake, square uncertain."""
    marks = ""
    for at_s, p_fake, word in session.scores:
        x, y = 1000 * (1 - (now_s - at_s) / PLOT_S), 100 - 100 * p_fake
        if x >= 0:
            marks += f'<span class="dh-dot dh-dot-{word}" style="left:{x / 10:.1f}%;top:{y:.1f}%"></span>'
    return (
        f'<div class="dh-moving" role="img" aria-label="P(fake) over the last {PLOT_S:.0f} seconds">'
        f'<span class="dh-moving-ends" aria-hidden="true"><span>fake 1</span><span>real 0</span></span>'
        f'<div class="dh-moving-dots"><div>{marks}</div></div></div>'
    )


def words_html(session: LiveSession, result: DetectionResult | None) -> str:
    """The running reading in words, and the measured speed."""
    if result is None:
        readings = [(f"face {seen.track}", seen.verdict, seen.p_fake, seen.reason) for seen in session.faces]
    elif result.verdict is None and session.heard_s < FIRST_S:
        why = f"listening; a first reading takes {FIRST_S:.1f} s, {session.heard_s:.1f} s were heard"
        readings = [("sound", None, None, why)]
    else:
        readings = [("sound", result.verdict, result.p_fake, result.reason)]
    return live_card(readings, session.fps, session.delay_ms)
