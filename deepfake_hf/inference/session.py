"""A live session: frames and samples in, bounded memory, the passes' state out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.faces import FaceDetector, TrackedFace
from deepfake_hf.faces.detection import check_picture
from deepfake_hf.inference.faces_pass import FacesPass
from deepfake_hf.inference.scorers import CropScorer, SoundScorer
from deepfake_hf.inference.speech_pass import SpeechPass
from deepfake_hf.types import AudioTrack, Frame

MEMORY_S = 30.0


class LiveSession:
    """Keeps the last ``MEMORY_S`` seconds of windows; one per source.

    Frames are analysed at most every ``step_s`` seconds of the source's own time; on others faces are only tracked.
    """

    def __init__(
        self, detector: FaceDetector, face: CropScorer | None, speech: SoundScorer | None, sampling_rate: int
    ) -> None:
        self.step_s = 0.2
        self.num_analysed = 0
        self.faces = FacesPass(detector, face, self.step_s) if face else None
        self.speech = SpeechPass(speech) if speech else None
        if self.speech and sampling_rate != self.speech.rate:
            raise UsageError(
                f"samples at {sampling_rate} Hz were given",
                f"the speech branch reads {self.speech.rate} Hz",
                f"resample to {self.speech.rate} Hz and say sampling_rate={self.speech.rate}",
            )
        self._heard_s = 0.0
        self._last_s = -np.inf
        self._analysed_s = -np.inf

    def push_frame(self, rgb: NDArray[np.uint8], pts_s: float) -> list[TrackedFace]:
        """Take one uint8 (H, W, 3) frame; ``pts_s`` must not fall. Returns the faces where they are in this frame."""
        check_picture(rgb)
        if not pts_s >= self._last_s:
            raise UsageError(
                f"a frame at {pts_s:.3f} s came late",
                f"{self._last_s:.3f} s was there before",
                "send frames in time order",
            )
        self._last_s = pts_s
        if self.faces is None:
            return []
        if pts_s - self._analysed_s < self.step_s - 1e-3:
            return self.faces.follow(rgb, pts_s)
        self._analysed_s, self.faces.step_s = pts_s, self.step_s
        tracked = self.faces.feed(Frame(rgb, pts_s, self.num_analysed))
        self.faces.flush()
        self.num_analysed += 1
        for number, track in list(self.faces.tracks.items()):
            track.windows[:] = [w for w in track.windows if w.end_s >= pts_s - MEMORY_S]
            if track.end_s < pts_s - MEMORY_S:
                del self.faces.tracks[number]
        return tracked

    def push_samples(self, samples: NDArray[np.float32]) -> None:
        """Take float32 (n,) mono samples in [-1, 1]."""
        if self.speech is None:
            return
        self.speech.feed(AudioTrack(np.asarray(samples, np.float32), self.speech.rate, self._heard_s))
        self._heard_s += len(samples) / self.speech.rate
        self.speech.flush()
        self.speech.windows[:] = [w for w in self.speech.windows if w.end_s >= self._heard_s - MEMORY_S]

    def heard(self) -> tuple[FacesPass | None, SpeechPass | None]:
        """The passes that have been given something so far."""
        return (self.faces if self.num_analysed else None), (self.speech if self._heard_s else None)
