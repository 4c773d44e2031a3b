"""How high a sound reaches, and narrow lines that stand still in its spectrum."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from deepfake_hf.evidence.measures import Measure, Reading, finding_of, silent
from deepfake_hf.types import Finding, Plot, PlotLine

Floats = NDArray[np.float64]
ROLL_OFF: Final = Measure("roll_off", "95 % of the energy lies below", "kHz", 2)
LIMIT: Final = Measure("band_limit", "the spectrum ends at", "kHz", 2)
BANDING: Final = Measure("banding", "narrow lines that stand in the spectrum above 1 kHz", "dB", 2)
RATE: Final = 16_000  # Hz, at which readings are held against genuine speech
MIN_FRAMES: Final = 30
_FFT: Final = 1024
_LINE_FROM_HZ: Final = 1000.0
_LINE_WIDTH: Final = 25  # bins of the running median
_FALL_DB: Final = 50.0  # under the loudest band the spectrum counts as ended
_QUIET_DB: Final = 40.0  # under the loudest frame so far a frame is left out


class LongSpectrum:
    """The mean level of a sound at each frequency, in frames of 64 ms at 16 kHz that are not silent; keeps sums only.

    Args:
        sampling_rate: Hz.
    """

    def __init__(self, sampling_rate: int) -> None:
        self.rate = sampling_rate
        self.size = max(64, 2 ** round(np.log2(_FFT * sampling_rate / RATE)))
        self._window = np.hanning(self.size)
        self._power = np.zeros(self.size // 2 + 1)
        self._log = np.zeros(self.size // 2 + 1)
        self._loudest = 0.0
        self._rest: Floats = np.zeros(0)
        self.num_frames = 0

    def add(self, waveform: NDArray[np.float32]) -> None:
        """Take the next block, float32 (num_samples,); what does not fill a frame waits for the next."""
        joined = np.concatenate((self._rest, waveform.astype(np.float64)))
        hop = self.size // 2
        starts = np.arange(0, len(joined) - self.size + 1, hop)
        self._rest = joined[len(starts) * hop :] if len(starts) else joined
        if not len(starts):
            return
        frames = np.lib.stride_tricks.sliding_window_view(joined, self.size)[starts]  # (N, size)
        energy = (frames**2).mean(axis=1)
        self._loudest = max(self._loudest, float(energy.max()))
        loud = energy > max(self._loudest * 10 ** (-_QUIET_DB / 10), 1e-10)
        power = np.abs(np.fft.rfft(frames[loud] * self._window)) ** 2 / (self._window**2).sum()  # (N, size / 2 + 1)
        self._power += power.sum(axis=0)
        self._log += (10 * np.log10(power + 1e-12)).sum(axis=0)
        self.num_frames += int(loud.sum())

    def curve(self) -> tuple[Floats, Floats]:
        """Hz and mean level in dB, each float64 (N,); mean of logarithms, so that one loud frame does not lead."""
        at = np.asarray(np.fft.rfftfreq(self.size, 1 / self.rate), np.float64)
        return at, self._log / max(self.num_frames, 1)

    def roll_off_khz(self, share: float = 0.95) -> float:
        """The frequency below which this share of the energy lies."""
        heaped = np.cumsum(self._power[1:])
        return float(np.fft.rfftfreq(self.size, 1 / self.rate)[1:][np.searchsorted(heaped, share * heaped[-1])]) / 1000

    def band_limit_khz(self) -> float:
        """The highest frequency whose level, smoothed over 11 bins, is at most 50 dB under the loudest."""
        at, level = self.curve()
        smooth = median_filter(level, 11)
        return float(at[np.flatnonzero(smooth >= smooth.max() - _FALL_DB)[-1]]) / 1000

    def banding_db(self) -> float:
        """Root mean square of the level's departure from its running median, from 1 kHz to nine tenths of the limit.

        A generator that upsamples by copying leaves lines at fixed frequencies (Pons et al. 2021, "Upsampling
        Artifacts in Neural Audio Synthesis"); speech, whose harmonics move, leaves none in a long mean.
        """
        at, level = self.curve()
        inside = (at >= _LINE_FROM_HZ) & (at <= 900 * self.band_limit_khz())
        apart = level - median_filter(level, _LINE_WIDTH)
        return float(np.sqrt(np.mean(apart[inside] ** 2))) if inside.sum() > _LINE_WIDTH else 0.0


def band_readings(spectrum: LongSpectrum) -> list[Reading]:
    """Roll-off, band limit and banding of a sound at ``RATE``; none where it is too short."""
    if spectrum.num_frames < MIN_FRAMES:
        return []
    values = {
        ROLL_OFF: spectrum.roll_off_khz(),
        LIMIT: spectrum.band_limit_khz(),
        BANDING: spectrum.banding_db(),
    }
    return [Reading(measure, value, "sound") for measure, value in values.items()]


def band_findings(spectrum: LongSpectrum, native: LongSpectrum | None = None) -> list[Finding]:
    """Roll-off with band limit, and banding.

    Args:
        spectrum: At ``RATE``.
        native: At the file's own rate where that is higher.
    """
    titles = ("Band limit and roll-off", "Banding of a vocoder")
    if spectrum.num_frames < MIN_FRAMES:
        why = f"{spectrum.num_frames} frames of 64 ms are not silent, {MIN_FRAMES} are needed"
        return [silent("sound", title, why) for title in titles]
    facts = []
    if native is not None and native.num_frames >= MIN_FRAMES:
        facts.append(("at the file's own rate", f"sampled at {native.rate / 1000:g} kHz, the spectrum ends at "
                      f"{native.band_limit_khz():.1f} kHz"))  # fmt: skip
    readings = band_readings(spectrum)
    return [
        finding_of(
            "sound", titles[0], readings[:2],
            "Generators and telephones end at 4, 8, 11 or 12 kHz, well below what the file could hold. Both figures "
            "are of the sound at 16 kHz.",
            "That a narrow band is a forgery: calls, old recordings and codecs cut the same way.", facts,
        ),
        finding_of(
            "sound", titles[1], readings[2:],
            "Upsampling in a neural vocoder can leave lines at fixed frequencies; a vocoder that smooths leaves fewer "
            "than speech has, which is what told the nine of docs/evidence.md.",
            "That lines are a vocoder's: mains hum, fans, monitors and some codecs stand still too.",
        ),
    ]  # fmt: skip


def band_plot(spectrum: LongSpectrum, native: LongSpectrum | None = None) -> Plot | None:
    """The long spectrum, at the file's own rate where that is higher."""
    shown = native or spectrum
    if shown.num_frames < MIN_FRAMES:
        return None
    at, level = shown.curve()
    return Plot(
        "long_spectrum", "sound", "Long-time spectrum of the sound",
        "Mean level over all frames that are not silent; a cliff is a band limit, a comb of narrow lines is banding.",
        "kHz", "mean level (dB)", (PlotLine("sound", at[1:] / 1000, level[1:]),),
    )  # fmt: skip
