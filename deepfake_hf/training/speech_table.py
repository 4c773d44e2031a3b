"""The table that the statistics detector is fitted on: statistics of one stretch of every training wave, twice.

Once clean, once through a codec. Twins give the same stretch of their clips when clean; sentences of text-to-speech
voices (``speech_voices``) have no twin. The table is kept beside the waves, since making it takes minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from deepfake_hf.models.layers_speech_statistics import speech_statistics
from deepfake_hf.synthesis.vocoders import FAMILIES
from deepfake_hf.training.speech_data import (
    GENUINE,
    SAMPLING_RATE,
    SpeechClip,
    Wave,
    read_clips,
    read_wave,
    seed_of,
    through_codec,
    wave_path,
)

STRETCH_S: Final = (1.5, 4.0)
_VOICES: Final = "voices"


@dataclass(frozen=True)
class SpeechTable:
    """Rows of statistics. ``values`` float32 (N, D); ``generator`` is ``genuine``, a vocoder's name or a voice's.

    ``family`` of a vocoder is as in ``FAMILIES``, of a voice what stands before its first hyphen; ``coded`` says which
    rows have been through a codec.
    """

    values: NDArray[np.float32]
    generator: NDArray[np.str_]
    family: NDArray[np.str_]
    coded: NDArray[np.bool_]


def family_of(generator: str) -> str:
    return FAMILIES.get(generator, generator.split("-", 1)[0])


def statistics_of(waveform: Wave) -> NDArray[np.float32]:
    """Statistics of one stretch, float32 (num_samples,) at 16 kHz: float32 (D,)."""
    values = torch.from_numpy(np.ascontiguousarray(waveform, np.float32))[None]
    with torch.inference_mode():
        return speech_statistics(values, torch.ones_like(values, dtype=torch.bool), SAMPLING_RATE)[0].numpy()


def read_table(cache_dir: str | Path, workers: int = 2) -> SpeechTable:
    """Read the table of the training waves, or make it (about 10 minutes of one core, shared among ``workers``)."""
    cache_dir = Path(cache_dir)
    clips = [clip for clip in read_clips(cache_dir) if clip.split == "train"]
    voices = sorted((cache_dir / _VOICES).glob("*__*.npy"))
    path = cache_dir / f"statistics_{_fingerprint(cache_dir, voices):08x}.npz"
    if not path.is_file():
        rows: list[tuple[NDArray[np.float32], str, bool]] = []
        with multiprocessing.get_context("spawn").Pool(workers, _one_thread) as pool:
            made = pool.imap(partial(_clip_rows, cache_dir), clips, chunksize=4)
            for part in tqdm(made, desc="statistics of twins", total=len(clips), mininterval=10):
                rows += part
            made = pool.imap(_voice_rows, voices, chunksize=8)
            for part in tqdm(made, desc="statistics of voices", total=len(voices), mininterval=10):
                rows += part
        part_path = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(
            part_path,
            values=np.stack([row[0] for row in rows]),
            generator=np.array([row[1] for row in rows]),
            coded=np.array([row[2] for row in rows]),
        )
        part_path.replace(path)
    with np.load(path) as held:
        generator = held["generator"]
        family = np.array([family_of(name) if name != GENUINE else GENUINE for name in generator])
        return SpeechTable(held["values"], generator, family, held["coded"])


def _fingerprint(cache_dir: Path, voices: list[Path]) -> int:
    """Of the waves' names and of what the statistics make of a known sound."""
    names = sorted(os.listdir(cache_dir / "wave")) + [path.name for path in voices]
    known = np.random.default_rng(0).normal(0.0, 0.1, 2 * SAMPLING_RATE).astype(np.float32)
    answer = np.round(statistics_of(known), 2).tobytes()
    return zlib.crc32("|".join([*names, str(STRETCH_S)]).encode(), zlib.crc32(answer))


def _one_thread() -> None:
    torch.set_num_threads(1)


def _clip_rows(cache_dir: Path, clip: SpeechClip) -> list[tuple[NDArray[np.float32], str, bool]]:
    rows = []
    first, end = clip.speech
    for name in (GENUINE, *FAMILIES):
        clean, coded = wave_path(cache_dir, clip.name, name), wave_path(cache_dir, clip.name, name, 0)
        if clean.is_file():
            wave = read_wave(clean)[first:end]
            rows.append((statistics_of(_stretch(wave, seed_of("clean", clip.name))), name, False))
        if coded.is_file():
            wave = read_wave(coded)[first:end]
            rows.append((statistics_of(_stretch(wave, seed_of("coded", clip.name, name))), name, True))
    return rows


def _voice_rows(path: Path) -> list[tuple[NDArray[np.float32], str, bool]]:
    wave = _spoken(read_wave(path))
    if len(wave) < SAMPLING_RATE:
        return []
    name, seed = path.name.split("__")[0], seed_of("voice", path.name)
    coded = through_codec(wave, seed)
    return [
        (statistics_of(_stretch(wave, seed)), name, False),
        (statistics_of(_stretch(coded, seed + 1)), name, True),
    ]


def _spoken(wave: Wave) -> Wave:
    """From the first to the last block of 20 ms within 35 dB of the loudest: voices begin and end with silence."""
    block = SAMPLING_RATE // 50
    energy = np.square(wave[: len(wave) // block * block].reshape(-1, block)).mean(1)
    loud = np.flatnonzero(energy > energy.max(initial=0.0) * 10**-3.5)
    return wave[loud[0] * block : (loud[-1] + 1) * block] if len(loud) else wave[:0]


def _stretch(wave: Wave, seed: int) -> Wave:
    rng = np.random.default_rng(seed)
    length = int(rng.uniform(*STRETCH_S) * SAMPLING_RATE)
    start = int(rng.integers(0, max(len(wave) - length, 0) + 1))
    return wave[start : start + length]
