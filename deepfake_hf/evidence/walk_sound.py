"""One pass over a file's sound for evidence, block by block; a second one at its own rate where that is higher."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.evidence.band_limit import RATE, LongSpectrum, band_findings, band_plot, band_readings
from deepfake_hf.evidence.measures import Reading
from deepfake_hf.evidence.mel_strip import MelStrip
from deepfake_hf.evidence.pauses import Pauses
from deepfake_hf.evidence.voice import Voice
from deepfake_hf.inference.speech_gate import GATE_CHUNK, SpeechGate
from deepfake_hf.media import Limits, read_audio
from deepfake_hf.types import Finding, Plot, SoundPicture

BLOCK_S: Final = 625 * GATE_CHUNK / RATE  # 20 s: whole chunks of the speech gate, so that no sample waits in it
MIN_FILE_RATE: Final = 17_000  # Hz, above which the file's own spectrum is taken too


class SoundWalk:
    """What one pass found."""

    def __init__(self) -> None:
        self.spectrum = LongSpectrum(RATE)
        self.voice, self.pauses, self.mel = Voice(RATE), Pauses(RATE), MelStrip(RATE)
        self.gate = SpeechGate()
        self.native: LongSpectrum | None = None
        self.heard = False

    def add(self, waveform: NDArray[np.float32], start_s: float = 0.0) -> None:
        """Take a block of 16 kHz sound, float32 (num_samples,), that begins at ``start_s``."""
        self.heard = True
        self.mel.add(waveform, start_s)
        self.spectrum.add(waveform)
        chunks = self.gate.feed(waveform)
        speech = np.repeat(chunks, GATE_CHUNK)[: len(waveform)]
        speech = np.concatenate((speech, np.zeros(len(waveform) - len(speech), bool)))
        self.pauses.add(waveform, speech)
        self.voice.add(waveform, speech)

    def readings(self) -> list[Reading]:
        """All that was measured."""
        own = [*band_readings(self.spectrum)]
        for part in (self.voice, self.pauses):
            own += [Reading(measure, value, "sound") for measure, value in part.values().items()]
        return own

    def findings(self) -> list[Finding]:
        """All findings on the sound; none where there was none."""
        if not self.heard:
            return []
        return [*band_findings(self.spectrum, self.native), self.voice.finding(), self.pauses.finding()]

    def plots(self) -> list[Plot]:
        """The long spectrum."""
        plot = band_plot(self.spectrum, self.native) if self.heard else None
        return [plot] if plot else []

    def picture(self) -> SoundPicture | None:
        """The mel spectrogram."""
        return self.mel.picture()


def walk_sound(path: Path, file_rate: int | None, limits: Limits | None = None) -> SoundWalk:
    """Go through a file's sound.

    Args:
        path: The file.
        file_rate: Its own sampling rate in Hz; None where it has no sound.
        limits: As in the analysis.
    """
    walk = SoundWalk()
    if file_rate is None:
        return walk
    try:
        for block in read_audio(path, RATE, BLOCK_S, limits):
            walk.add(block.waveform, block.start_s)
        if file_rate > MIN_FILE_RATE:
            walk.native = LongSpectrum(file_rate)
            for block in read_audio(path, file_rate, BLOCK_S, limits):
                walk.native.add(block.waveform)
    except MediaError:
        return walk  # the analysis has said already what is wrong with the file
    return walk
