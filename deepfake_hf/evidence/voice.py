"""Characteristics of a voice: pitch, jitter, shimmer, harmonics, formants."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evidence.formants import NUM, formants
from deepfake_hf.evidence.measures import Measure, Reading, finding_of, silent
from deepfake_hf.evidence.pitch import HOP_S, cycles, perturbation, track_pitch, voiced_runs
from deepfake_hf.types import Finding

Floats = NDArray[np.float64]
PITCH: Final = Measure("pitch", "pitch (geometric mean)", "Hz", 0)
RANGE: Final = Measure("pitch_range", "spread of pitch (standard deviation)", "semitones")
JITTER: Final = Measure("jitter", "jitter (local)", "%", 2)
SHIMMER: Final = Measure("shimmer", "shimmer (local)", "%")
HARMONICS: Final = Measure("harmonics", "harmonics over noise", "dB")
FORMANTS: Final = tuple(Measure(f"formant_{i}", f"formant {i} (median)", "Hz", 0) for i in range(1, NUM + 1))
MEASURES: Final = (PITCH, RANGE, JITTER, SHIMMER, HARMONICS, *FORMANTS)
MIN_VOICED_S: Final = 0.5
MAX_VOICED_S: Final = 300.0  # more of a voice tells no more
_BIN_HZ: Final = 10.0
_EVERY: Final = 2  # voiced frames, for formants


class Voice:
    """Gathers a voice block by block; keeps sums and histograms only.

    Args:
        rate: Hz, a multiple of 2000.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._sums = np.zeros(5)  # of perturbation()
        self._pitch = np.zeros(3)  # frames, sum and sum of squares of semitones over 100 Hz
        self._harmonics = 0.0
        self._formants = np.zeros((NUM, 500))  # histograms of 10 Hz

    @property
    def voiced_s(self) -> float:
        return float(self._pitch[0]) * HOP_S

    def add(self, waveform: NDArray[np.float32], speech: NDArray[np.bool_] | None = None) -> None:
        """Take a block of speech.

        Args:
            waveform: float32 (num_samples,).
            speech: bool (num_samples,), where someone speaks; None: everywhere.
        """
        if self.voiced_s >= MAX_VOICED_S or len(waveform) < 0.1 * self.rate:
            return
        times, pitch, strength = track_pitch(waveform, self.rate)
        if speech is not None:
            pitch = np.where(speech[np.minimum((times * self.rate).astype(int), len(speech) - 1)], pitch, np.nan)
        for run in voiced_runs(pitch):
            semitones = 12 * np.log2(pitch[run] / 100)
            self._pitch += (len(semitones), semitones.sum(), (semitones**2).sum())
            self._harmonics += float((10 * np.log10(strength[run] / (1 - strength[run]))).sum())
            self._sums += perturbation(*cycles(waveform, self.rate, times, pitch, run))
            places = formants(waveform, self.rate, times[run][::_EVERY])
            for row in range(NUM):
                seen = places[~np.isnan(places[:, row]), row]
                self._formants[row] += np.bincount((seen / _BIN_HZ).astype(int), minlength=500)[:500]

    def values(self) -> dict[Measure, float]:
        """By measure its value; those that cannot be taken are left out."""
        frames, total, squares = self._pitch
        if self.voiced_s < MIN_VOICED_S:
            return {}
        mean = total / frames
        found = {
            PITCH: 100 * 2 ** (mean / 12),
            RANGE: float(np.sqrt(max(squares / frames - mean**2, 0.0))),
            HARMONICS: self._harmonics / frames,
        }
        if self._sums[4] >= 20:
            found |= {JITTER: 100 * self._sums[0] / self._sums[1], SHIMMER: 100 * self._sums[2] / self._sums[3]}
        for measure, counts in zip(FORMANTS, self._formants, strict=True):
            if counts.sum() >= 20:
                found[measure] = _BIN_HZ * (float(np.searchsorted(np.cumsum(counts), counts.sum() / 2)) + 0.5)
        return {measure: float(value) for measure, value in found.items()}

    def finding(self) -> Finding:
        """The finding; abstains with too little voice."""
        values = self.values()
        if not values:
            why = f"{self.voiced_s:.1f} s are voiced, {MIN_VOICED_S} s are needed"
            return silent("sound", "Voice", why)
        return finding_of(
            "sound", "Voice", [Reading(measure, value, "sound") for measure, value in values.items()],
            "A vocoder can make a voice too even (little jitter and shimmer) or too rough. Jitter and shimmer are of "
            "running speech, so they are higher than the figures of clinics, which are of held vowels.",
            "Who speaks, or that a voice is ill or false: noise, codecs, age and a cold change all of these. Several "
            "speakers are taken as one.",
            (("voiced", f"{self.voiced_s:.1f} s"),),
        )  # fmt: skip
