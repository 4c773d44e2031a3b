"""What happens to sound on its way to a listener, done at random to genuine and fake speech alike.

By default the cheap ones: speed, room, equaliser and band limit (all filters in one pass through the Fourier domain),
coloured or impulsive noise by SNR (after RawBoost, Tak et al. 2022, arXiv:2111.04433) and clipping. Codecs are already
in the twin cache (``speech_data``), since encoding while training costs more than the training step of a small net;
``p_codec`` is for sound from elsewhere. Masks on spectrograms come after the processor:
``speech_effects.spec_augment``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft
from scipy.signal import resample_poly

from deepfake_hf.errors import UsageError
from deepfake_hf.media.perturb_sound import (
    butterworth,
    coloured_noise,
    filtered,
    level_of,
    mix_noise,
    reverberant_tail,
    room_response,
)
from deepfake_hf.training.speech_effects import AUDIOMENTATIONS, audiomentation, convolutive_noise, random_codec

Wave = NDArray[np.float32]
_SPEEDS = ((9, 10), (19, 20), (20, 19), (10, 9))


@dataclass(frozen=True)
class SpeechAugmentation:
    """Probabilities in [0, 1], and ranges as (low, high). ``SpeechAugmentation.none()`` leaves sound as it is.

    Those that are 0 by default draw no number, so that the stream of the shipped recipe stays as it is:
    ``p_convolutive`` (RawBoost's convolutive noise), ``p_effect`` (one of ``effects``, of audiomentations) and
    ``p_codec``.
    """

    p_speed: float = 0.15
    p_reverberation: float = 0.2
    p_equaliser: float = 0.5
    p_low_pass: float = 0.25
    p_high_pass: float = 0.2
    p_noise: float = 0.6
    p_impulses: float = 0.1
    p_clipping: float = 0.05
    snr_db: tuple[float, float] = (8.0, 40.0)
    low_pass_hz: tuple[float, float] = (3_400.0, 7_800.0)
    p_convolutive: float = 0.0
    p_effect: float = 0.0
    effects: tuple[str, ...] = tuple(AUDIOMENTATIONS)
    p_codec: float = 0.0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.effects) - set(AUDIOMENTATIONS))
        if unknown or (self.p_effect and not self.effects):
            why = f"{', '.join(unknown)} is not offered" if unknown else "there is none to choose from"
            raise UsageError("effects", why, f"use some of {', '.join(AUDIOMENTATIONS)}")

    @classmethod
    def none(cls) -> SpeechAugmentation:
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def __call__(self, waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
        """Change one clip.

        Args:
            waveform: float32 (num_samples,).
            sampling_rate: Hz.
            rng: Source of every choice.

        Returns:
            float32, finite; (num_samples,) unless the speed was changed.
        """
        x: NDArray[Any] = waveform
        if rng.random() < self.p_speed:
            x = resample_poly(x, *_SPEEDS[int(rng.integers(len(_SPEEDS)))]).astype(np.float32)
        x = self._filters(x, sampling_rate, rng)
        level = level_of(x)
        if rng.random() < self.p_noise:
            noise = coloured_noise(len(x), float(rng.uniform(0.0, 2.0)), rng)
            x = mix_noise(x, noise, float(rng.uniform(*self.snr_db)))
        if rng.random() < self.p_impulses:
            hits = rng.random(len(x)) < rng.uniform(0.0005, 0.01)
            x = x + hits * rng.normal(size=len(x)) * np.abs(x) * float(rng.uniform(0.5, 2.0))
        if rng.random() < self.p_clipping:
            limit = level * float(rng.uniform(1.5, 4.0))
            x = np.clip(x, -limit, limit)
        x = np.asarray(x, np.float32)
        if self.p_convolutive and rng.random() < self.p_convolutive:
            x = convolutive_noise(x, sampling_rate, rng)
        if self.p_effect and rng.random() < self.p_effect:
            x = audiomentation(self.effects[int(rng.integers(len(self.effects)))], x, sampling_rate, rng)
        if self.p_codec and rng.random() < self.p_codec:
            x = random_codec(x, sampling_rate, rng)
        return np.asarray(x, np.float32)

    def _filters(self, x: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
        size = next_fast_len(len(x) + sampling_rate // 4, real=True)
        hertz = np.arange(size // 2 + 1, dtype=np.float64) * (sampling_rate / size)
        response = np.ones(len(hertz), np.complex64)
        touched = False
        if rng.random() < self.p_reverberation:
            response = response * rfft(room(sampling_rate, rng), size)
            touched = True
        if rng.random() < self.p_equaliser:
            knots = np.geomspace(60.0, sampling_rate / 2, 7)
            gains_db = np.interp(np.log(hertz + 1.0), np.log(knots), rng.normal(0.0, 4.0, 7))
            response = response * 10.0 ** (gains_db / 20.0)
            touched = True
        if rng.random() < self.p_low_pass:
            response = response * butterworth(hertz, float(rng.uniform(*self.low_pass_hz)), int(rng.integers(4, 40)))
            touched = True
        if rng.random() < self.p_high_pass:
            response = response * butterworth(-hertz, -float(rng.uniform(50.0, 300.0)), int(rng.integers(2, 8)))
            touched = True
        if not touched:
            return x
        return filtered(x, response, size)


def room(sampling_rate: int, rng: np.random.Generator) -> Wave:
    """A small room's impulse response: the direct sound, then noise that dies away within 0.05 to 0.25 s."""
    tail = reverberant_tail(int(sampling_rate * rng.uniform(0.05, 0.25)), sampling_rate, rng)
    return room_response(tail, float(rng.uniform(0.0, 15.0)))
