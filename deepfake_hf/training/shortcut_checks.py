"""What the detector says of genuine sound that was only disturbed, and of sound that is no speech."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.detector import Detector
from deepfake_hf.evaluation.whole_media import SETS_HEAD, set_row
from deepfake_hf.media.perturb_sound import (
    codec_roundtrip,
    coloured_noise,
    level_of,
    limit_band,
    mix_noise,
    reverberant_tail,
    reverberate,
    room_response,
    trim_silence,
)
from deepfake_hf.media.sound import read_audio
from deepfake_hf.media.write_sound import write_audio
from deepfake_hf.training.speech_data import read_clips
from deepfake_hf.types import AudioTrack, DetectionResult

Wave = NDArray[np.float32]
Rng = np.random.Generator

RATE: Final = 16_000  # Hz
_LONGEST_S: Final = 10.0
_REPEATS: Final = 5
_CHORDS: Final = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (-3, 0, 4))  # semitones over the tonic: I, IV, V, vi
_NOTE_S: Final = 0.5


def music(seconds: float, rng: Rng) -> Wave:
    """Plucked chords in a random key, RMS 1: float32 (num_samples,)."""
    note = np.arange(round(_NOTE_S * RATE)) / RATE
    tonic = 110.0 * 2 ** (rng.integers(0, 24) / 12)
    bars = []
    for _ in range(int(np.ceil(seconds / _NOTE_S))):
        chord = _CHORDS[rng.integers(len(_CHORDS))]
        tones = [
            np.sin(2 * np.pi * tonic * 2 ** (step / 12) * partial * note) * np.exp(-note * 3 * partial) / partial
            for step in chord
            for partial in range(1, 7)
        ]
        bars.append(np.sum(tones, axis=0))
    sound = np.concatenate(bars)[: round(seconds * RATE)]
    return np.asarray(sound / np.sqrt(np.mean(sound**2)), np.float32)


def _claps(seconds: float, rng: Rng) -> Wave:
    sound = np.zeros(round(seconds * RATE), np.float32)
    for start in rng.integers(0, len(sound) - RATE // 4, int(seconds * 2)):
        fade = np.exp(-np.arange(RATE // 8) / (0.01 * RATE))
        sound[start : start + RATE // 8] += (rng.standard_normal(RATE // 8) * fade).astype(np.float32)
    return sound


def _tone(seconds: float, rng: Rng) -> Wave:
    return np.sin(2 * np.pi * rng.uniform(100, 3000) * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


NO_SPEECH: Final[Mapping[str, Callable[[Rng], Wave]]] = {
    "silence": lambda _rng: np.zeros(round(_LONGEST_S * RATE), np.float32),
    "white noise": lambda rng: coloured_noise(round(_LONGEST_S * RATE), 0, rng),
    "pink noise": lambda rng: coloured_noise(round(_LONGEST_S * RATE), 1, rng),
    "tone": lambda rng: _tone(_LONGEST_S, rng),
    "plucked chords": lambda rng: music(_LONGEST_S, rng),
    "claps": lambda rng: _claps(_LONGEST_S, rng),
}
_LOUDNESS: Final = 0.1  # RMS of sound that is no speech

DISTURBED: Final[Mapping[str, Callable[[Wave, Rng], Wave]]] = {
    "as it is": lambda wave, _rng: wave,
    "silence trimmed, 40 dB": lambda wave, _rng: trim_silence(wave, RATE, 40),
    "20 dB quieter": lambda wave, _rng: wave * 0.1,
    "clipped at a third of its peak": lambda wave, _rng: np.clip(wave, *(np.array([-1, 1]) * np.abs(wave).max() / 3)),
    "MP3 64 kbit/s": lambda wave, _rng: codec_roundtrip(wave, RATE, "mp3", 64_000),
    "AAC 48 kbit/s": lambda wave, _rng: codec_roundtrip(wave, RATE, "aac", 48_000),
    "Opus 24 kbit/s": lambda wave, _rng: codec_roundtrip(wave, RATE, "opus", 24_000),
    "telephone, G.711": lambda wave, _rng: codec_roundtrip(wave, RATE, "pcm_mulaw"),
    "band up to 4 kHz": lambda wave, _rng: limit_band(wave, RATE, 4000),
    "a room of 0.3 s": lambda wave, rng: reverberate(
        wave, room_response(reverberant_tail(round(0.3 * RATE), RATE, rng), 0)
    ),
    "pink noise, 20 dB": lambda wave, rng: mix_noise(wave, coloured_noise(len(wave), 1, rng), 20),
    "pink noise, 10 dB": lambda wave, rng: mix_noise(wave, coloured_noise(len(wave), 1, rng), 10),
    "chords behind it, 20 dB": lambda wave, rng: mix_noise(wave, music(len(wave) / RATE, rng)[: len(wave)], 20),
    "chords behind it, 10 dB": lambda wave, rng: mix_noise(wave, music(len(wave) / RATE, rng)[: len(wave)], 10),
}


def write_shortcuts(detector: Detector, speech: Path, cache: Path, out: Path) -> None:
    """Measure and write a page.

    Args:
        detector: the bundle to measure.
        speech: folder of the genuine recordings.
        cache: the twin cache, for which speakers were held out.
        out: the page.
    """
    held = sorted({clip.path for clip in read_clips(cache) if clip.split == "validation"})
    recordings = [_beginning(speech / path) for path in held if path.startswith("librispeech")]
    page = [
        "# Sound that is genuine but disturbed, and sound that is no speech",
        "",
        f"Made by `python train.py shortcuts` with the bundle `{detector.bundle.label}`. Nothing here is fake: every "
        "`fake` is a false alarm. Made sounds are drawn with seeds 0 to 4; pictures and clips that are re-encoded and "
        "resized stand in [robustness.md](robustness.md).",
        "",
        "## No speech",
        "",
        f"{_REPEATS} files of {_LONGEST_S:.0f} s each. The right answer is none, with a reason.",
        "",
        SETS_HEAD,
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, make in NO_SPEECH.items():
            made = [make(np.random.default_rng(seed)) for seed in range(_REPEATS)]
            waves = [wave * (_LOUDNESS / max(level_of(wave), 1e-3)) for wave in made]
            page.append(set_row(name, _detect(detector, waves, Path(folder))))
        page += [
            "",
            "## Genuine speech, disturbed",
            "",
            f"Recordings of {len(recordings)} held-out LibriSpeech speakers, their first {_LONGEST_S:.0f} s.",
            "",
            SETS_HEAD,
        ]
        for name, change in DISTURBED.items():
            waves = [change(wave, np.random.default_rng(place)) for place, wave in enumerate(recordings)]
            page.append(set_row(name, _detect(detector, waves, Path(folder))))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(page) + "\n")


def _beginning(path: Path) -> Wave:
    whole = np.concatenate([block.waveform for block in read_audio(path, RATE)])
    return whole[: round(_LONGEST_S * RATE)]


def _detect(detector: Detector, waves: Sequence[Wave], folder: Path) -> list[DetectionResult]:
    paths = []
    for place, wave in enumerate(waves):
        paths.append(folder / f"{place}.flac")
        write_audio(paths[-1], AudioTrack(np.clip(wave, -1, 1), RATE))
    return list(detector.detect_many(paths))
