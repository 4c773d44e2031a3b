"""The pass over sound: a speech gate and sliding windows over any length, block by block."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.inference.branch import BATCH, SoundScorer
from deepfake_hf.types import AudioTrack, WindowScore

WINDOW_S = 2.5
HOP_S = 1.25
MIN_SPEECH_S = 0.6
GATE_CHUNK = 512
GATE_RATE = 16_000  # Hz
MAX_SEAM_S = 0.1


@lru_cache(maxsize=1)
def _gate_model() -> Any:
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    model = load_silero_vad()
    torch.set_num_threads(threads)  # the package's import sets one thread for the whole process
    return model


class SpeechGate:
    """Speech probability per 32 ms of 16 kHz sound (silero-vad), kept running across blocks."""

    def __init__(self) -> None:
        self.model = copy.deepcopy(_gate_model())  # it holds its running state; a copy takes 30 ms, a load 150
        self._rest = np.zeros(0, np.float32)

    def feed(self, waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Args: waveform: float32 (n,), 16 kHz. Returns: bool (whole chunks,), True where there is speech."""
        joined = np.concatenate((self._rest, waveform))
        whole = len(joined) // GATE_CHUNK * GATE_CHUNK
        self._rest = joined[whole:]
        with torch.inference_mode():
            chunks = torch.from_numpy(joined[:whole]).reshape(-1, GATE_CHUNK)
            return np.array([float(self.model(chunk, GATE_RATE)) >= 0.5 for chunk in chunks], bool)


class SpeechPass:
    """Feed blocks of mono sound in time order; read ``windows`` after :meth:`finish`."""

    def __init__(self, branch: SoundScorer) -> None:
        self.branch = branch
        self.rate = branch.sampling_rate
        self.gate = SpeechGate()
        self.windows: list[WindowScore] = []
        self.duration_s = 0.0
        self.speech_s = 0.0
        self._sound = np.zeros(0, np.float32)
        self._speech = np.zeros(0, bool)
        self._origin: float | None = None
        self._pending: list[tuple[float, float, NDArray[np.float32]]] = []

    def feed(self, block: AudioTrack) -> None:
        """Take one block. One that does not follow the last without a gap starts a new stretch of windows."""
        if self._origin is not None and abs(self._origin + len(self._sound) / self.rate - block.start_s) > MAX_SEAM_S:
            self._drain()
            self._origin = None
        if self._origin is None:
            self._origin = block.start_s
        self.duration_s += block.duration_s
        found = self.gate.feed(block.waveform)
        self.speech_s += float(found.sum()) * GATE_CHUNK / self.rate
        self._sound = np.concatenate((self._sound, block.waveform))
        self._speech = np.concatenate((self._speech, found))
        window, hop = int(WINDOW_S * self.rate), int(HOP_S * self.rate) // GATE_CHUNK * GATE_CHUNK
        while len(self._sound) >= window + hop:  # the last window waits: a rest may still join it
            self._take(self._sound[:window])
            self._sound, self._speech = self._sound[hop:], self._speech[hop // GATE_CHUNK :]
            self._origin += hop / self.rate

    def _take(self, samples: NDArray[np.float32]) -> None:
        spoken = float(self._speech[: len(samples) // GATE_CHUNK].sum()) * GATE_CHUNK / self.rate
        if spoken < MIN_SPEECH_S:
            return
        start_s = self._origin or 0.0
        self._pending.append((start_s, start_s + len(samples) / self.rate, samples.copy()))
        if len(self._pending) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Score what is waiting."""
        if not self._pending:
            return
        margins = self.branch.score([samples for *_, samples in self._pending])
        for (start_s, end_s, _), margin in zip(self._pending, margins, strict=True):
            self.windows.append(WindowScore(start_s, end_s, "speech", None, float(margin)))
        self._pending.clear()

    def finish(self) -> list[WindowScore]:
        """Score the rest: the last window ends at the very end of the sound."""
        self._drain()
        self.flush()
        return self.windows

    def _drain(self) -> None:
        window = int(WINDOW_S * self.rate)
        while len(self._sound) > 0:
            self._take(self._sound[:window])
            if len(self._sound) <= window:
                break
            step = -(-(len(self._sound) - window) // GATE_CHUNK) * GATE_CHUNK
            self._sound, self._speech = self._sound[step:], self._speech[step // GATE_CHUNK :]
            self._origin = (self._origin or 0.0) + step / self.rate
        self._sound, self._speech = self._sound[:0], self._speech[:0]
