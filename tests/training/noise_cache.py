"""A twin cache of noise."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from deepfake_hf.training.speech_data import GENUINE, SpeechClip, wave_path, write_wave

RATE = 16_000


def noise_cache(folder: Path) -> Path:
    """Six clips of noise; the 'fakes' lack everything over 3 kHz ('world') or are rounded ('griffin_lim')."""
    clips = []
    rng = np.random.default_rng(0)
    for i in range(6):
        split = ("train", "train", "dev", "dev", "validation", "validation")[i]
        clip = SpeechClip(f"c{i}", f"c{i}.flac", "test", f"s{i}", split, 0, RATE, (800, RATE - 800))  # type: ignore[arg-type]
        wave = rng.normal(0, 0.1, RATE).astype(np.float32)
        spectrum = np.fft.rfft(wave)
        spectrum[3_000:] = 0
        write_wave(wave_path(folder, clip.name, GENUINE), wave)
        write_wave(wave_path(folder, clip.name, "world"), np.fft.irfft(spectrum, RATE).astype(np.float32))
        write_wave(wave_path(folder, clip.name, "griffin_lim"), np.round(wave * 8).astype(np.float32) / 8)
        clips.append(dataclasses.asdict(clip))
    (folder / "clips.json").write_text(json.dumps(clips))
    return folder
