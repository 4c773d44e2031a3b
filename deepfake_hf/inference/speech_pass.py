"""The pass over sound: a speech gate and sliding windows over any length, block by block."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.inference.scorers import BATCH, SoundScorer
from deepfake_hf.types import AudioTrack, WindowScore

WINDOW_S = 2.5
HOP_S = 1.25
MIN_SPEECH_S = 0.6
GATE_CHUNK = 512
GATE_RATE = 16_000  # Hz
_GATE_GRAPH: Final = "silero_vad_16k_sequence.onnx"
_GATE_CONTEXT: Final = 64  # samples before a chunk that the net sees with it
MAX_SEAM_S = 0.1


@lru_cache(maxsize=1)
def _gate_session() -> Any:
    """The package's graph over whole sequences; the state goes in and out, so that all gates share it."""
    import onnxruntime

    # Looked up and not imported: importing silero_vad sets one thread for the whole process.
    package = importlib.util.find_spec("silero_vad")
    graph = Path((package.origin if package else None) or "silero_vad").with_name("data") / _GATE_GRAPH
    if not graph.is_file():
        raise MissingDependencyError(
            "speech cannot be found in sound", f"{graph} is missing", "pip install 'silero-vad>=6.2.3'"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # too small for more
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


class SpeechGate:
    """Speech probability per 32 ms of 16 kHz sound (silero-vad), kept running across blocks.

    On 3,770 chunks of 31 clips the sequence graph gave what the package's own loop over chunks gives to 1e-5 and the
    same answers, in 2.4 instead of 30 ms a second of sound (docs/speed.md).
    """

    def __init__(self) -> None:
        self._session = _gate_session()
        self._memory = [np.zeros((1, 1, 128), np.float32)] * 2  # the LSTM's
        self._before = np.zeros(_GATE_CONTEXT, np.float32)
        self._rest = np.zeros(0, np.float32)

    def feed(self, waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Args: waveform: float32 (n,), 16 kHz. Returns: bool (whole chunks,), True where there is speech."""
        joined = np.concatenate((self._rest, waveform)).astype(np.float32, copy=False)
        whole = len(joined) // GATE_CHUNK * GATE_CHUNK
        self._rest = joined[whole:]
        if not whole:
            return np.zeros(0, bool)
        seen = np.concatenate((self._before, joined[:whole]))
        self._before = seen[-_GATE_CONTEXT:]
        rows = np.lib.stride_tricks.sliding_window_view(seen, _GATE_CONTEXT + GATE_CHUNK)[::GATE_CHUNK]  # (L, 576)
        feed = {"input": np.ascontiguousarray(rows), "h": self._memory[0], "c": self._memory[1]}
        found, *self._memory = self._session.run(("speech_probs", "hn", "cn"), feed)
        return np.asarray(found >= 0.5, bool)


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
