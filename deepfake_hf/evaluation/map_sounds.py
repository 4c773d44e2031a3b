"""Scoring the maps of a sound branch on genuine speech with a second of it rebuilt by a vocoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.map_check import Trial, summary, trial, with_random_weights
from deepfake_hf.evaluation.map_metrics import rank_correlation
from deepfake_hf.evaluation.map_plants import PlantedSound, rebuilt_stretch
from deepfake_hf.evidence.maps.kinds import KINDS, SOUND
from deepfake_hf.evidence.maps.sound import NUM_BANDS, STEP_S, sound_map

Wave = NDArray[np.float32]
Tell = Callable[[int, int], None]

_TOP_HZ: Final = 8000.0
_NUM_RANDOM: Final = 8


@dataclass(frozen=True)
class SpeechPair:
    """Genuine speech and the same words from a vocoder, float32 (num_samples,) each, as long as each other."""

    genuine: Wave
    twin: Wave
    generator: str


def check_sound_maps(
    branch: Any, pairs: Sequence[SpeechPair], seed: int = 0, tell: Tell = lambda done, total: None
) -> dict[str, Any]:
    """Score every kind that a sound branch can give.

    A map over time is scored on its seconds, a map over bands and time on fakes in which one band alone was rebuilt,
    on band and seconds together. Every fake counts, whatever the score of the whole: a second of rebuilt speech in a
    longer recording seldom turns the whole (``margin`` of a trial is 0).

    Args:
        branch: Of sound.
        pairs: Recordings of two seconds or more.
        seed: Of the places.
        tell: Told of (done, total).

    Returns:
        By kind as of :func:`~deepfake_hf.evaluation.map_check.summary`, and ``pointing_by_generator``.

    Raises:
        DataError: There is no recording.
    """
    if not pairs:
        raise DataError("maps cannot be scored", "there is no speech of two seconds or more", "give a speech cache")
    able = [name for name, kind in KINDS.items() if kind.medium == SOUND and _can(branch, name, pairs[0].genuine)]
    figures: dict[str, Any] = {}
    for turn, kind in enumerate(able):
        trials, by_generator = [], dict[str, list[bool]]()
        plants = [_plant(pair, branch.sampling_rate, [seed, i], kind == "band_shares") for i, pair in enumerate(pairs)]
        for i, plant in enumerate(plants):
            values = sound_map(kind, branch, plant.waveform).values
            one: Trial = trial(i, 0.0, values, truth_of(plant, values.shape))
            trials.append(one)
            by_generator.setdefault(plant.generator, []).append(one.hit)
            tell(turn * len(pairs) + i + 1, len(able) * len(pairs))
        found = summary(trials, _random_correlation(branch, kind, plants[:_NUM_RANDOM], seed))
        found["pointing_by_generator"] = {
            name: {"n": len(hits), "pointing": float(np.mean(hits))} for name, hits in sorted(by_generator.items())
        }
        figures[kind] = found
    return {"kinds": figures}


def _can(branch: Any, kind: str, waveform: Wave) -> bool:
    try:
        sound_map(kind, branch, waveform)
    except UsageError:
        return False
    return True


def _plant(pair: SpeechPair, rate: int, seed: list[int], band: bool) -> PlantedSound:
    return rebuilt_stretch(pair.genuine, pair.twin, pair.generator, rate, np.random.default_rng(seed), band)


def truth_of(plant: PlantedSound, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What was rebuilt, on the grid of a map over time (T,) or over bands and time (bands, T)."""
    middles = (np.arange(shape[-1]) + 0.5) * STEP_S
    when = (middles >= plant.begin_s) & (middles < plant.end_s)
    if len(shape) == 1:
        return when
    pitches = (np.arange(NUM_BANDS) + 0.5) * _TOP_HZ / NUM_BANDS
    return ((pitches >= plant.low_hz) & (pitches < plant.high_hz))[:, None] & when[None]


def _random_correlation(branch: Any, kind: str, plants: Sequence[PlantedSound], seed: int) -> float | None:
    if not hasattr(getattr(branch, "model", None), "named_modules"):
        return None
    other = with_random_weights(branch, seed)
    found = [
        rank_correlation(*(sound_map(kind, each, plant.waveform).values for each in (branch, other)))
        for plant in plants
    ]
    return float(np.mean(found))
