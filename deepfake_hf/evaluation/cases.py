"""Speech that was judged rightly and wrongly, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.evaluation.breakdown import limit_of
from deepfake_hf.evaluation.scores import CLIP, Key, Score
from deepfake_hf.labels import FAKE
from deepfake_hf.media import read_audio
from deepfake_hf.scoring.calibration import margin_of

RATE: Final = 16_000


@dataclass(frozen=True)
class SpeechCase:
    """A window of sound: ``waveform`` float32 (num_samples,) at 16 kHz, and what was said of it."""

    path: str
    label: int
    p_fake: float
    right: bool
    start_s: float
    waveform: NDArray[np.float32]


def speech_cases(scores: Sequence[Score], threshold: str | float, of_each: int = 1) -> list[SpeechCase]:
    """Of genuine and fake speech, rightly and wrongly judged, the surest windows; at most one of a video.

    A file that is no longer there is passed over.
    """
    windows = [score for score in scores if score.level == CLIP and score.track is None and score.p_fake is not None]

    def sureness(score: Score) -> float:
        return score.margin - float(margin_of(limit_of(score, threshold)))

    cases: list[SpeechCase] = []
    for label in (0, 1):
        for right in (True, False):
            fitting = [s for s in windows if s.label == label and ((sureness(s) >= 0) == (label == FAKE)) == right]
            fitting.sort(key=lambda score: -abs(sureness(score)))
            taken: set[Key] = set()
            for score in fitting:
                if len(taken) == of_each:
                    break
                if score.key in taken or score.start_s is None or score.end_s is None:
                    continue
                sound = _read(score.path, score.start_s, score.end_s)
                if sound is not None:
                    taken.add(score.key)
                    cases.append(SpeechCase(score.path, label, float(score.p_fake or 0), right, score.start_s, sound))
    return cases


def _read(path: str, start_s: float, end_s: float) -> NDArray[np.float32] | None:
    if not Path(path).is_file():
        return None
    parts, low, high = [], round(start_s * RATE), round(end_s * RATE)
    try:
        for block in read_audio(path, RATE):
            first = round(block.start_s * RATE)
            parts.append(block.waveform[max(0, low - first) : max(0, high - first)])
            if first + len(block.waveform) >= high:
                break
    except MediaError:
        return None
    sound = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return sound if len(sound) >= RATE // 10 else None
