"""Windows of a second of genuine recordings, and of the same with seconds of copy-synthesis put in: statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.inference.speech_pass import SHORT_S, hear
from deepfake_hf.media import read_audio
from deepfake_hf.models.layers_speech_statistics import Stretches, num_statistics, speech_statistics
from deepfake_hf.synthesis.sound_fakes import splice
from deepfake_hf.synthesis.vocoders import FAMILIES, vocode
from deepfake_hf.training.speech_data import SAMPLING_RATE, Wave, fit_length, seed_of
from deepfake_hf.training.speech_effects import random_codec
from deepfake_hf.types import AudioTrack

_BESIDE_S: Final = 0.3  # of the recording on both sides, which a vocoder sees as well
_FADE_S: Final = 0.02
_STEP_S: Final = 0.1
_LEAST_SHARE: Final = 0.3
_DRAWS: Final = {False: 4, True: 5}  # seeds of the clean and the coded version


@dataclass(frozen=True)
class ShortRows:
    """Of one recording, raw statistics float32 (…, D): all windows of the genuine sound, and those windows of the
    spliced one that lie in a splice by more than three tenths, with that share and the generator's family."""

    genuine: NDArray[np.float32]
    begin_s: NDArray[np.float64]
    spliced: NDArray[np.float32]
    share: NDArray[np.float64]
    family: NDArray[np.str_]


class _Keeper(SoundScorer):
    """Scores nothing and keeps the statistics of windows of a second."""

    sampling_rate = SAMPLING_RATE

    def __init__(self) -> None:
        self.kept = [np.zeros((0, num_statistics()), np.float32)]

    def score(self, windows: Sequence[Wave]) -> NDArray[np.float64]:
        return np.zeros(len(windows))

    @torch.inference_mode()
    def score_along(self, sound: Wave, spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        short = [span for span in spans if span[1] - span[0] <= SHORT_S * SAMPLING_RATE]
        if short:
            wave, places = torch.from_numpy(np.ascontiguousarray(sound))[None], torch.tensor(short)[None]
            parts = Stretches(places[..., 0], places[..., 1])
            real = torch.ones_like(wave, dtype=torch.bool)
            self.kept.append(speech_statistics(wave, real, SAMPLING_RATE, parts)[0].numpy())
        return np.zeros(len(spans))


def window_statistics(sound: Wave) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Statistics (W, D) and times (W, 2) in seconds of the windows of a second, as the detector takes them."""
    keeper = _Keeper()
    windows = hear(keeper, [AudioTrack(sound, SAMPLING_RATE, 0.0)]).short_windows
    times = np.array([(window.start_s, window.end_s) for window in windows]).reshape(-1, 2)
    return np.concatenate(keeper.kept), times


def read_rows(name: str, speech_dir: Path, cache_dir: Path, coded: bool) -> ShortRows | None:
    """The rows of one recording, kept in the cache; None where it holds no window of speech.

    Args:
        name: Of the recording, as in the manifest; with the version it decides all draws.
        speech_dir: The folder with the recordings.
        cache_dir: The twin cache.
        coded: Send both sounds through one random codec.
    """
    path = cache_dir / "seconds" / f"{Path(name).stem}__{'coded' if coded else 'clean'}.npz"
    if not path.is_file():
        made = _make_rows(name, speech_dir, coded)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **{} if made is None else vars(made))
        part.replace(path)
    with np.load(path) as held:
        return ShortRows(**dict(held)) if held.files else None


def _make_rows(name: str, speech_dir: Path, coded: bool) -> ShortRows | None:
    rng = np.random.default_rng(seed_of("seconds", name, _DRAWS[coded]))
    genuine = np.concatenate([block.waveform for block in read_audio(speech_dir / name, SAMPLING_RATE)])
    genuine = (genuine - genuine.mean()).astype(np.float32)
    spliced, places = _with_splices(genuine, rng)
    if coded:
        seed = int(rng.integers(2**31))
        genuine, spliced = (
            fit_length(random_codec(sound, SAMPLING_RATE, np.random.default_rng(seed)), len(sound))
            for sound in (genuine, spliced)
        )
    (values, times), (others, their) = window_statistics(genuine), window_statistics(spliced)
    if not len(values) or not len(others):
        return None
    edges = np.array([(0.0, 0.0), *(place[:2] for place in places)])  # the first holds nothing, for lack of a splice
    common = np.minimum(their[:, None, 1], edges[:, 1]) - np.maximum(their[:, None, 0], edges[:, 0])
    shares = np.clip(common, 0, None) / (their[:, 1] - their[:, 0])[:, None]  # (windows, splices)
    share, which = shares.max(1), shares.argmax(1)
    keep = share > _LEAST_SHARE
    family = np.array([FAMILIES[places[place - 1][2]] for place in which[keep]], np.str_)
    return ShortRows(values, times[:, 0], others[keep], share[keep], family)


def _with_splices(genuine: Wave, rng: np.random.Generator) -> tuple[Wave, list[tuple[float, float, str]]]:
    """Several splices of 1 to 1.5 s, more than a second apart, of families in random order; and where, in seconds."""
    rate, count = SAMPLING_RATE, len(genuine)
    names = _one_of_each_family(rng)
    power = np.concatenate([[0.0], np.cumsum(genuine.astype(np.float64) ** 2)])
    at = int(rng.uniform(0.3, 1.2) * rate)
    starts = np.arange(0, count - rate + 1, rate // 100)
    if not len(starts):
        return genuine, []
    levels = np.sqrt(np.maximum(power[starts + rate] - power[starts], 0) / rate)
    limit, out = 0.5 * np.quantile(levels, 0.9), genuine
    places: list[tuple[float, float, str]] = []
    while True:
        length = int(rng.uniform(1.0, 1.5) * rate)
        if at + length > count:
            return np.clip(out, -1, 1), places
        if np.sqrt(max(power[at + length] - power[at], 0) / length) < limit:  # not speech
            at += round(_STEP_S * rate)
            continue
        name = names[len(places) % len(names)]
        first, beside = max(0, at - round(_BESIDE_S * rate)), round(_BESIDE_S * rate)
        made = vocode(name, genuine[first : at + length + beside], rate, int(rng.integers(2**31)))
        out = splice(out, made[at - first : at - first + length], at, rate, _FADE_S, alike=True)
        places.append((at / rate, (at + length) / rate, name))
        at += length + int(rng.uniform(1.0, 1.4) * rate)


def _one_of_each_family(rng: np.random.Generator) -> list[str]:
    families: dict[str, list[str]] = {}
    for name, family in FAMILIES.items():
        families.setdefault(family, []).append(name)
    order = list(families)
    rng.shuffle(order)
    return [families[family][int(rng.integers(len(families[family])))] for family in order]
