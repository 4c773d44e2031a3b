"""Batches of twins: the same stretch of a clip as genuine and as fake, speakers and generator families in balance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.synthesis.self_rebuild import self_rebuild
from deepfake_hf.synthesis.vocoders import FAMILIES
from deepfake_hf.training.speech_augmentation import SpeechAugmentation
from deepfake_hf.training.speech_data import GENUINE, SAMPLING_RATE, SpeechClip, read_clips, wave_path

Wave = NDArray[np.float32]
_EXTRA_SHARE: Final = 0.3  # share of groups that come from the recordings without speaker names


@dataclass(frozen=True)
class Twins:
    """One clip in all its versions: ``waves[generator]`` is [clean, codec version, …], each int16 (num_samples,)."""

    clip: SpeechClip
    waves: dict[str, list[NDArray[np.int16]]]

    def wave(self, generator: str, version: int = 0) -> Wave:
        return self.waves[generator][version].astype(np.float32) / 32767.0


def read_twins(cache_dir: str | Path, split: str, leave_out: str | None = None) -> list[Twins]:
    """Load every clip of a split that has a genuine wave and at least one fake.

    Args:
        cache_dir: The twin cache.
        split: ``train``, ``dev`` or ``validation``.
        leave_out: A family of ``FAMILIES`` whose generators are not loaded.

    Raises:
        DataError: Nothing is there, or the family is unknown.
    """
    if leave_out is not None and leave_out not in FAMILIES.values():
        raise DataError(f"unknown family {leave_out!r}", "no generator has it", f"use one of {set(FAMILIES.values())}")
    cache_dir = Path(cache_dir)
    kept = [GENUINE, *(name for name, family in FAMILIES.items() if family != leave_out)]
    found = []
    for clip in read_clips(cache_dir):
        if clip.split != split:
            continue
        waves = {}
        for name in kept:
            paths = [wave_path(cache_dir, clip.name, name, version) for version in (None, 0, 1)]
            if paths[0].is_file():
                waves[name] = [np.load(path) for path in paths if path.is_file()]
        if GENUINE in waves and len(waves) > 1:
            found.append(Twins(clip, waves))
    if not found:
        raise DataError(f"no twins of split {split} in {cache_dir}", "no wave was made yet", "run make_speech_cache")
    return found


@dataclass
class TwinSampler:
    """Draws a pair from the number of its step and group alone, so that a resumed run sees the same ones.

    Args:
        twins: The training clips.
        seed: Of the run.
        window_s: Shortest and longest window in seconds; one length is drawn for each step.
        p_codec: Probability that a waveform comes from its codec version.
        p_augment: Probability that a waveform is augmented at all.
        ramp: Steps between which both probabilities rise from 0: a net that meets codecs and noise before it knows
            what to look for learns nothing (measured: loss stays at 0.69).
        exclude: Generators that are left out of the batches.
        p_rebuild: Share of fakes that are self-rebuilt from the genuine window instead of taken from the cache.
        estimate_phase: Whether self-rebuilding may use Griffin-Lim (not where that family is left out for a test).
        augmentation: What is done to both classes.
    """

    twins: list[Twins]
    seed: int
    window_s: tuple[float, float] = (1.0, 1.8)
    p_codec: float = 0.5
    p_augment: float = 0.7
    ramp: tuple[int, int] = (0, 0)
    exclude: tuple[str, ...] = ()
    p_rebuild: float = 0.3
    estimate_phase: bool = True
    augmentation: SpeechAugmentation = field(default_factory=SpeechAugmentation)

    def __post_init__(self) -> None:
        by_speaker: dict[str, list[Twins]] = defaultdict(list)
        for twins in self.twins:
            by_speaker[twins.clip.speaker].append(twins)
        named = {name for name in by_speaker if name not in ("wake_words", "precise")}
        self._extras = [item for name in by_speaker if name not in named for item in by_speaker[name]]
        self._speakers = [by_speaker[name] for name in sorted(named)]

    def pair(self, step: int, group: int) -> tuple[Wave, Wave]:
        """One window of one clip as genuine and as fake, each float32 (num_samples,), of the length of its step."""
        num_samples = int(np.random.default_rng((self.seed, step)).uniform(*self.window_s) * SAMPLING_RATE)
        rng = np.random.default_rng((self.seed, step, group))
        strength = float(np.clip((step - self.ramp[0]) / max(self.ramp[1] - self.ramp[0], 1), 0.0, 1.0))
        if self.ramp == (0, 0):
            strength = 1.0
        twins = self._draw(rng)
        start, end = self._window(twins.clip, num_samples, rng)
        shared = int(rng.integers(2**31)) if rng.random() < 0.5 else None  # the same damage to both, half the time
        made = []
        for label in (REAL, FAKE):
            way = np.random.default_rng(int(rng.integers(2**31)) if shared is None else shared)
            made.append(self._wave(twins, label, start, end, strength, rng, way))
        return made[0], made[1]

    def _wave(
        self,
        twins: Twins,
        label: int,
        start: int,
        end: int,
        strength: float,
        rng: np.random.Generator,
        way: np.random.Generator,
    ) -> Wave:
        """``rng`` chooses the generator, ``way`` what happens to the sound afterwards."""
        rebuilt = label == FAKE and rng.random() < self.p_rebuild
        name = GENUINE if label == REAL or rebuilt else self._generator(twins, rng)
        versions = twins.waves[name]
        use_codec = len(versions) > 1 and way.random() < self.p_codec * strength
        wave = twins.wave(name, int(rng.integers(1, len(versions))) if use_codec else 0)[start:end]
        if rebuilt:
            wave = self_rebuild(wave, SAMPLING_RATE, rng, self.estimate_phase)
        if way.random() < self.p_augment * strength:
            wave = self.augmentation(wave, SAMPLING_RATE, way)
        return wave

    def _draw(self, rng: np.random.Generator) -> Twins:
        if self._extras and (not self._speakers or rng.random() < _EXTRA_SHARE):
            return self._extras[int(rng.integers(len(self._extras)))]
        clips = self._speakers[int(rng.integers(len(self._speakers)))]
        return clips[int(rng.integers(len(clips)))]

    def _window(self, clip: SpeechClip, num_samples: int, rng: np.random.Generator) -> tuple[int, int]:
        """A window of the clip, half of the time within its speech: silence at the ends is cut at random."""
        low, high = clip.speech if rng.random() < 0.5 else (0, clip.num_samples)
        start = int(rng.integers(low, max(high - num_samples, low) + 1))
        return start, min(start + num_samples, high)

    def _generator(self, twins: Twins, rng: np.random.Generator) -> str:
        by_family: dict[str, list[str]] = defaultdict(list)
        for name in twins.waves:
            if name != GENUINE and name not in self.exclude:
                by_family[FAMILIES.get(name, name)].append(name)
        names = by_family[sorted(by_family)[int(rng.integers(len(by_family)))]]
        return names[int(rng.integers(len(names)))]
