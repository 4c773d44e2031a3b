"""The twin cache: stretches of genuine speech, each beside the copies that the vocoders make of it.

Layout under the cache folder: ``clips.json`` (a list of ``SpeechClip``), ``wave/<clip>__<generator>.npy`` and
``wave/<clip>__<generator>__c<k>.npy`` (the same after one random codec), int16 (num_samples,) at 16 kHz. ``genuine``
is the generator's name of the genuine twin, which has gone through HiFi-GAN's resampling path. Every file is written
whole or not at all, so the making can be stopped and started again.

Splits are by speaker: LibriSpeech 80/10/10; recordings without speaker names stand whole in ``train``.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from deepfake_hf.errors import DataError
from deepfake_hf.media import read_audio
from deepfake_hf.synthesis.vocoders import resampling_path, vocode
from deepfake_hf.training.speech_effects import random_codec

SAMPLING_RATE: Final = 16_000
GENUINE: Final = "genuine"
FAST_GENERATORS: Final = (
    "world", "world_coarse", "griffin_lim", "griffin_lim_linear", "mel_magnitude", "phase_drift", "lpc", "cepstral",
)  # fmt: skip
Wave = NDArray[np.float32]
Split = Literal["train", "dev", "validation"]


@dataclass(frozen=True)
class SpeechClip:
    """One stretch of genuine speech. ``speech`` is (first, last + 1) sample of its speech; ``speaker`` is the group."""

    name: str
    path: str
    source: str
    speaker: str
    split: Split
    start: int
    num_samples: int
    speech: tuple[int, int]


def seed_of(*parts: object) -> int:
    """A seed that depends on names only, never on the order of making."""
    return zlib.crc32("|".join(map(str, parts)).encode())


def plan_clips(
    speech_dir: Path,
    seed: int = 0,
    train_s: float = 3.0,
    held_out_s: float = 3.5,
    num_extra: tuple[int, int] = (110, 60),
    train_stretches: int = 4,
) -> list[SpeechClip]:
    """Choose the stretches: speech only (Silero VAD), two a held-out speaker, and some extras without a speaker's name.

    Args:
        speech_dir: The folder with ``manifest.csv`` (columns file_name, speaker, duration_s, source).
        seed: Chooses speakers and stretches.
        train_s: Longest training stretch in seconds.
        held_out_s: Longest stretch of ``dev`` and ``validation`` in seconds.
        num_extra: How many of ``wake_words`` and ``precise`` to take, at most 2 s each.
        train_stretches: How many stretches of a training speaker at most.

    Raises:
        DataError: There is no manifest.
    """
    manifest = speech_dir / "manifest.csv"
    if not manifest.is_file():
        raise DataError(f"no speech manifest at {manifest}", "the folder has no manifest.csv", "give the speech folder")
    rows = list(csv.DictReader(manifest.open()))
    rng = np.random.default_rng(seed)
    rng.shuffle(rows)  # type: ignore[arg-type]
    speakers = sorted({row["speaker"] for row in rows if row["speaker"]})
    rng.shuffle(speakers)
    tenth = round(len(speakers) / 10)
    split_of: dict[str, Split] = dict.fromkeys(speakers, "train")
    split_of.update(dict.fromkeys(speakers[:tenth], "validation"))
    split_of.update(dict.fromkeys(speakers[tenth : 2 * tenth], "dev"))
    left = dict(zip(("wake_words", "precise"), num_extra, strict=True))
    clips: list[SpeechClip] = []
    for row in tqdm(rows, desc="speech gate", mininterval=10):
        folder = row["file_name"].split("/")[0]
        if folder in left and left[folder] <= 0:
            continue
        split = split_of.get(row["speaker"], "train")
        longest_s = 2.0 if folder in left else (train_s if split == "train" else held_out_s)
        random_part, wanted = (2, 2) if split != "train" else (1, 1 if folder in left else train_stretches)
        found = _speech_stretches(speech_dir / row["file_name"], longest_s, random_part, wanted, rng)
        for i, (start, length, speech) in enumerate(found):
            name = f"{row['file_name'].rsplit('.', 1)[0].replace('/', '-')}-{i}"
            speaker = row["speaker"] or folder
            clips.append(SpeechClip(name, row["file_name"], folder, speaker, split, start, length, speech))
        if folder in left and found:
            left[folder] -= 1
    return clips


def _read(path: Path) -> Wave:
    return np.concatenate([track.waveform for track in read_audio(path, SAMPLING_RATE)])


_vad: Any = None


def _speech_stretches(
    path: Path, longest_s: float, random_part: int, wanted: int, rng: np.random.Generator
) -> list[tuple[int, int, tuple[int, int]]]:
    """Up to ``wanted`` stretches that don't overlap, each with at least 0.6 s between first and last speech sample.

    The first ``random_part`` of them lie together at a random place, the others before and after.
    """
    from silero_vad import get_speech_timestamps, load_silero_vad

    global _vad
    _vad = _vad or load_silero_vad()
    waveform = _read(path)
    spans = get_speech_timestamps(torch.from_numpy(waveform), _vad, sampling_rate=SAMPLING_RATE)
    length = int(longest_s * SAMPLING_RATE)
    found = []
    first = int(rng.integers(0, max(len(waveform) - random_part * length, 0) + 1))
    after = range(first, len(waveform), length)
    before = range(first - length, -1, -length)
    for start in (*after, *before)[: max(wanted, random_part)]:
        end = min(start + length, len(waveform))
        inside = [(max(s["start"], start), min(s["end"], end)) for s in spans if s["end"] > start and s["start"] < end]
        if inside and inside[-1][1] - inside[0][0] >= 0.6 * SAMPLING_RATE and end - start >= SAMPLING_RATE:
            found.append((start, end - start, (inside[0][0] - start, inside[-1][1] - start)))
    return found


def wave_path(cache_dir: Path, clip: str, generator: str, codec: int | None = None) -> Path:
    return cache_dir / "wave" / (f"{clip}__{generator}" + ("" if codec is None else f"__c{codec}") + ".npy")


def write_wave(path: Path, waveform: Wave) -> None:
    """Save float32 [-1, 1] as int16, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, np.round(np.clip(waveform, -1, 1) * 32767).astype(np.int16))
    part.replace(path)


def read_wave(path: Path) -> Wave:
    return np.load(path).astype(np.float32) / 32767.0


def read_clips(cache_dir: Path) -> list[SpeechClip]:
    """Read ``clips.json``.

    Raises:
        DataError: The cache has not been planned yet.
    """
    path = Path(cache_dir) / "clips.json"
    if not path.is_file():
        raise DataError(f"no speech cache at {cache_dir}", "clips.json is missing", "run make_speech_cache first")
    return [SpeechClip(**{**row, "speech": tuple(row["speech"])}) for row in json.loads(path.read_text())]


def neural_generator(clip: SpeechClip) -> str:
    """Held-out clips get the universal HiFi-GAN; three in ten training clips get the LJSpeech one."""
    universal = clip.split != "train" or seed_of("neural", clip.name) % 10 < 7
    return "hifigan" if universal else "hifigan_lj"


def make_speech_cache(
    speech_dir: str | Path, cache_dir: str | Path, seed: int = 0, neural: bool = True, codec_versions: int = 1
) -> None:
    """Make or finish the twin cache: held-out clips first, the cheap generators before HiFi-GAN, each with its codecs.

    Args:
        speech_dir: Folder with ``manifest.csv`` and the genuine clips, 16 kHz.
        cache_dir: Where the cache lies; git must ignore it.
        seed: Of the plan. Each fake's own seed is a hash of its clip and generator.
        neural: Whether to make HiFi-GAN twins (about 0.8 s of one core per second of sound).
        codec_versions: How many codec versions of each wave.
    """
    speech_dir, cache_dir = Path(speech_dir), Path(cache_dir)
    cache_dir.mkdir(parents=True, exist_ok=True)
    if not (cache_dir / "clips.json").is_file():
        planned = plan_clips(speech_dir, seed)
        (cache_dir / "clips.json").write_text(json.dumps([dataclasses.asdict(clip) for clip in planned], indent=0))
    order = {"validation": 0, "dev": 1, "train": 2}
    clips = sorted(
        read_clips(cache_dir), key=lambda clip: (order[clip.split], clip.name.rsplit("-", 1)[1], seed_of(clip.name))
    )
    for clip in tqdm(clips, desc="cheap twins", mininterval=10):
        _make_twins(speech_dir, cache_dir, clip, (GENUINE, *FAST_GENERATORS), codec_versions)
    if neural:
        for clip in tqdm(clips, desc="neural twins", mininterval=10):
            _make_twins(speech_dir, cache_dir, clip, (neural_generator(clip),), codec_versions)


def _make_twins(
    speech_dir: Path, cache_dir: Path, clip: SpeechClip, generators: Sequence[str], codec_versions: int
) -> None:
    _make_waves(speech_dir, cache_dir, clip, generators)
    for name in generators:
        for k in range(codec_versions):
            _make_codec_version(cache_dir, clip, name, k)


def _make_waves(speech_dir: Path, cache_dir: Path, clip: SpeechClip, generators: Sequence[str]) -> None:
    missing = [name for name in generators if not wave_path(cache_dir, clip.name, name).is_file()]
    if not missing:
        return
    whole = _read(speech_dir / clip.path)[clip.start : clip.start + clip.num_samples]
    genuine = resampling_path(whole - whole.mean(), SAMPLING_RATE)
    genuine *= 0.5 / max(float(np.abs(genuine).max()), 1e-4)
    for name in missing:
        made = genuine if name == GENUINE else vocode(name, genuine, SAMPLING_RATE, seed_of(clip.name, name))
        write_wave(wave_path(cache_dir, clip.name, name), made)


def _make_codec_version(cache_dir: Path, clip: SpeechClip, name: str, version: int) -> None:
    """Send a wave through a random codec. Genuine and fake draw from the same codecs and bit rates, each for itself."""
    path = wave_path(cache_dir, clip.name, name, version)
    if path.is_file():
        return
    wave = read_wave(wave_path(cache_dir, clip.name, name))
    write_wave(path, through_codec(wave, seed_of("codec", clip.name, name, version)))


def through_codec(waveform: Wave, seed: int) -> Wave:
    """Send a wave through one of ``CODECS`` at a random bit rate: float32 (num_samples,), the length it came with."""
    coded = random_codec(waveform, SAMPLING_RATE, np.random.default_rng(seed))
    return fit_length(coded, len(waveform))


def fit_length(waveform: Wave, num_samples: int) -> Wave:
    """Cut or pad with zeros at the end: (num_samples,)."""
    out = np.zeros(num_samples, np.float32)
    out[: min(num_samples, len(waveform))] = waveform[:num_samples]
    return out
