"""The pass over sound: a speech gate and sliding windows over any length, block by block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.inference.speech_gate import GATE_CHUNK, SpeechGate
from deepfake_hf.types import AudioTrack, ShortWindow, WindowScore

WINDOW_S: Final = 2.5
HOP_S: Final = 1.28
SHORT_S: Final = 1.0
SHORT_HOP_S: Final = 0.256
MIN_SPEECH_S: Final = 0.6
MIN_SHORT_SPEECH_S: Final = 0.5
MAX_SEAM_S: Final = 0.1
_AT_ONCE: Final = 6  # windows; what overlaps is worked out once for all of them
Span = tuple[int, int]


def hear(branch: SoundScorer, blocks: Iterable[AudioTrack]) -> SpeechPass:
    """A whole sound in blocks, as the detector hears it: its short windows too."""
    speech = SpeechPass(branch, with_short=True)
    for block in blocks:
        speech.feed(block)
    speech.finish()
    return speech


class SpeechPass:
    """Feed blocks of mono sound in time order; read ``windows`` after :meth:`finish`.

    Args:
        branch: What scores.
        with_short: Score windows of a second as well, in ``short_windows``: a few words changed in a long recording
            are lost in windows of 2.5 s.
    """

    def __init__(self, branch: SoundScorer, with_short: bool = False) -> None:
        self.branch = branch
        self.rate = branch.sampling_rate
        self.gate = SpeechGate()
        self.windows: list[WindowScore] = []
        self.short_windows: list[ShortWindow] = []
        self.duration_s = 0.0
        self.speech_s = 0.0
        self._with_short = with_short
        self._window, self._short = round(WINDOW_S * self.rate), round(SHORT_S * self.rate)
        self._hop, self._short_hop = (
            round(hop_s * self.rate / GATE_CHUNK) * GATE_CHUNK for hop_s in (HOP_S, SHORT_HOP_S)
        )
        self._sound = np.zeros(0, np.float32)
        self._speech = np.zeros(0, bool)
        self._origin: float | None = None

    def feed(self, block: AudioTrack) -> None:
        """Take one block. One that does not follow the last without a gap starts a new stretch of windows."""
        if self._origin is not None and abs(self._origin + len(self._sound) / self.rate - block.start_s) > MAX_SEAM_S:
            self._drain()
        if self._origin is None:
            self._origin = block.start_s
        self.duration_s += block.duration_s
        found = self.gate.feed(block.waveform)
        self.speech_s += float(found.sum()) * GATE_CHUNK / self.rate
        self._sound = np.concatenate((self._sound, block.waveform))
        self._speech = np.concatenate((self._speech, found))
        while self._num_whole() >= _AT_ONCE:
            self._take(_AT_ONCE)

    def flush(self) -> None:
        """Score every window that is there already, as a live source needs it."""
        whole = self._num_whole()
        if whole:
            self._take(whole)

    def finish(self) -> list[WindowScore]:
        """Score the rest: the last window ends at the very end of the sound."""
        self._drain()
        return self.windows

    def _num_whole(self) -> int:
        """Windows that can be scored now; the last waits: a rest may still join it."""
        return max(0, (len(self._sound) - self._window) // self._hop)

    def _take(self, count: int) -> None:
        """Score this many windows and let go of the sound before the next."""
        passed = count * self._hop
        reach = passed - self._hop + self._window
        spans = [(start, start + self._window) for start in range(0, passed, self._hop)]
        short = [(start, start + self._short) for start in range(0, passed, self._short_hop)]
        self._score(self._sound[:reach], spans, short)
        self._sound, self._speech = self._sound[passed:], self._speech[passed // GATE_CHUNK :]
        self._origin = (self._origin or 0.0) + passed / self.rate

    def _drain(self) -> None:
        self.flush()
        if len(self._sound):
            spans, short = (
                self._to_the_end(window, hop)
                for window, hop in ((self._window, self._hop), (self._short, self._short_hop))
            )
            self._score(self._sound, spans, short)
        self._sound, self._speech, self._origin = self._sound[:0], self._speech[:0], None

    def _to_the_end(self, window: int, hop: int) -> list[Span]:
        length = len(self._sound)
        last = max(0, -(-(length - window) // GATE_CHUNK) * GATE_CHUNK)
        return [(start, min(start + window, length)) for start in (*range(0, last, hop), last)]

    def _score(self, sound: NDArray[np.float32], spans: list[Span], short: list[Span]) -> None:
        spans = [span for span in spans if self._spoken_s(span) >= MIN_SPEECH_S]
        short = [span for span in short if self._with_short and self._spoken_s(span) >= MIN_SHORT_SPEECH_S]
        if not spans and not short:
            return
        margins = self.branch.score_both(sound, [*spans, *short])
        for place, (begin, end) in enumerate([*spans, *short]):
            start_s = self._origin or 0.0
            facts = (start_s + begin / self.rate, start_s + end / self.rate, "speech", None, float(margins[place, 0]))
            if place < len(spans):
                self.windows.append(WindowScore(*facts))
            else:
                self.short_windows.append(ShortWindow(*facts, short_margin=float(margins[place, 1])))

    def _spoken_s(self, span: Span) -> float:
        begin, end = (place // GATE_CHUNK for place in span)
        return float(self._speech[begin:end].sum()) * GATE_CHUNK / self.rate
