"""How someone speaks in time: pauses and syllables."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from deepfake_hf.evidence.measures import Measure, Reading, finding_of, silent
from deepfake_hf.types import Finding

SHARE: Final = Measure("pause_share", "share of pauses", "%", 0)
LENGTH: Final = Measure("pause_length", "mean length of a pause", "s", 2)
PER_MINUTE: Final = Measure("pauses_per_minute", "pauses a minute", "", 0)
SYLLABLES: Final = Measure("speaking_rate", "syllables a second of speech", "")
MEASURES: Final = (SHARE, LENGTH, PER_MINUTE, SYLLABLES)
MIN_SPEECH_S: Final = 2.0
MIN_PAUSE_S: Final = 0.15
_HOP_S: Final = 0.01
_SMOOTH: Final = 2.0  # frames
_DIP_DB: Final = 2.0
_UNDER_DB: Final = 25.0  # under the loudest of a block a peak is no syllable


def syllables(waveform: NDArray[np.float32], rate: int, speech: NDArray[np.bool_]) -> int:
    """How many nuclei of syllables: peaks of the intensity with a dip of 2 dB on both sides, at most 25 dB under the
    loudest, where someone speaks.

    Args:
        waveform: float32 (num_samples,).
        rate: Hz.
        speech: bool (num_samples,).

    Source: de Jong & Wempe 2009, "Praat script to detect syllable nuclei and measure speech rate automatically",
    without its test for voicing.
    """
    hop = int(_HOP_S * rate)
    count = len(waveform) // hop
    if count < 10:
        return 0
    power = (waveform[: count * hop].astype(np.float64) ** 2).reshape(count, hop).mean(axis=1)
    level = gaussian_filter1d(10 * np.log10(power + 1e-9), _SMOOTH)
    peaks = find_peaks(level, height=level.max() - _UNDER_DB, prominence=_DIP_DB)[0]
    return int(speech[np.minimum(peaks * hop + hop // 2, len(speech) - 1)].sum())


class Pauses:
    """Gathers speech and silence block by block; keeps sums only. Silence before the first word and after the last is
    no pause."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._silence = 0  # samples since the last word; before the first word it does not count
        self._begun = False
        self._pauses: tuple[int, int] = (0, 0)  # how many, samples
        self._empty = 0  # samples in pauses that are exactly alike: no microphone gives those
        self._speech = 0
        self._waiting_empty = 0
        self._syllables = 0
        self._short = 0  # samples of gaps too short for a pause

    def add(self, waveform: NDArray[np.float32], speech: NDArray[np.bool_]) -> None:
        """Take a block, float32 (n,), and where someone speaks in it, bool (n,)."""
        self._syllables += syllables(waveform, self.rate, speech)
        edges = np.flatnonzero(np.diff(speech.astype(int))) + 1
        for part, spoken in zip(np.split(waveform, edges), np.split(speech, edges), strict=True):
            if not len(part):
                continue
            if spoken[0]:
                self._end_pause()
                self._begun = True
                self._speech += len(part)
            elif self._begun:
                self._silence += len(part)
                self._waiting_empty += int((np.diff(part) == 0).sum())

    def _end_pause(self) -> None:
        if self._silence >= MIN_PAUSE_S * self.rate:
            self._pauses = (self._pauses[0] + 1, self._pauses[1] + self._silence)
            self._empty += self._waiting_empty
        else:
            self._short += self._silence
        self._silence = self._waiting_empty = 0

    def values(self) -> dict[Measure, float]:
        """By measure its value; none with too little speech, no length without a pause."""
        speech_s = (self._speech + self._short) / self.rate
        if speech_s < MIN_SPEECH_S:
            return {}
        count, samples = self._pauses
        paused_s = samples / self.rate
        found = {
            SHARE: 100 * paused_s / (speech_s + paused_s),
            PER_MINUTE: 60 * count / (speech_s + paused_s),
            SYLLABLES: self._syllables / speech_s,
        }
        return found | ({LENGTH: paused_s / count} if count else {})

    def finding(self) -> Finding:
        """The finding; abstains with too little speech."""
        values, title = self.values(), "Pauses and speaking rate"
        if not values:
            return silent("sound", title, f"less than {MIN_SPEECH_S:.0f} s of speech were found")
        share = 100 * self._empty / max(self._pauses[1], 1)
        facts = [("pauses", f"{self._pauses[0]} of {MIN_PAUSE_S} s or more"),
                 ("samples in pauses that repeat the one before", f"{share:.0f} %")]  # fmt: skip
        return finding_of(
            "sound", title, [Reading(measure, value, "sound") for measure, value in values.items()],
            "Synthetic speech can pause too seldom or too evenly. A copy of a genuine recording by a vocoder keeps its "
            "pauses and its rate.",
            "That a hurried or halting voice is false: reading, editing and language change all of these. Silence that "
            "repeats one value comes from editing, noise gates and codecs too.",
            facts,
        )  # fmt: skip
