"""Fakes of a whole sound track: rebuilt by a vocoder, shifted against its pictures, or with a stretch replaced.

Every function takes and gives float32 (num_samples,) in [-1, 1], mono, and is a function of its inputs alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

Wave = NDArray[np.float32]

_BLOCK_S: Final = 20.0  # vocoders hold several spectra of what they are given
_OVERLAP_S: Final = 0.1
_SEAM_S: Final = 0.01
_HOP_S: Final = 0.01
_MAX_GAIN: Final = 4.0


def vocode_long(name: str, waveform: Wave, sampling_rate: int, seed: int) -> Wave:
    """Copy-synthesis of sound of any length, in cross-faded blocks; as :func:`~.vocoders.vocode`."""
    from deepfake_hf.synthesis.vocoders import vocode

    block, overlap = round(_BLOCK_S * sampling_rate), round(_OVERLAP_S * sampling_rate)
    if len(waveform) <= block + overlap:
        return vocode(name, waveform, sampling_rate, seed)
    out = np.zeros(len(waveform), np.float32)
    rising = np.linspace(0, 1, overlap, dtype=np.float32)
    for begin in range(0, len(waveform), block):
        made = vocode(name, waveform[begin : begin + block + overlap], sampling_rate, seed)
        if begin:
            made[:overlap] *= rising[: len(made)]
        if begin + block + overlap <= len(waveform):
            made[-overlap:] *= rising[::-1]
        out[begin : begin + len(made)] += made
    return np.clip(out, -1.0, 1.0)


def shift_sound(waveform: Wave, sampling_rate: int, shift_s: float) -> Wave:
    """Move sound by ``shift_s`` seconds, later where positive. What leaves at one end comes in at the other.

    So there is no silence that would give the shift away; the seam is faded over 10 ms.

    Raises:
        UsageError: The shift is not shorter than the sound.
    """
    shift = round(shift_s * sampling_rate)
    if shift == 0 or abs(shift) >= len(waveform):
        raise UsageError(
            f"a shift of {shift_s:g} s",
            f"the sound lasts {len(waveform) / sampling_rate:.2f} s and has to move, by less than that",
            "choose another shift",
        )
    out = np.roll(waveform, shift)
    seam, half = shift % len(waveform), max(1, round(_SEAM_S * sampling_rate / 2))
    dip = np.abs(np.linspace(-1, 1, 2 * half, dtype=np.float32))
    begin, end = max(0, seam - half), min(len(out), seam + half)
    out[begin:end] *= dip[begin - seam + half : end - seam + half]
    return out


def other_sound(waveform: Wave, other: Wave) -> Wave:
    """Another sound in this one's place: as long (repeated where shorter) and as loud."""
    if not len(other):
        raise UsageError("the other sound", "it has no samples", "give another file")
    fitted = np.resize(other, len(waveform)).astype(np.float32)
    return _as_loud(fitted, waveform)


def choose_stretch(waveform: Wave, sampling_rate: int, seconds: float, rng: np.random.Generator) -> tuple[int, int]:
    """A stretch of speech at random: among those at least half as loud as the loudest tenth of the recording is.

    Args:
        waveform: The recording.
        sampling_rate: Hz.
        seconds: Length of the stretch.
        rng: Source of chance.

    Returns:
        First sample, and the first after it.

    Raises:
        UsageError: The recording is silent, or shorter than the stretch.
    """
    count, hop = round(seconds * sampling_rate), max(1, round(_HOP_S * sampling_rate))
    if count < 1 or count > len(waveform):
        raise UsageError(
            f"a stretch of {seconds:g} s",
            f"the recording lasts {len(waveform) / sampling_rate:.2f} s",
            "choose a shorter stretch or a longer recording",
        )
    power = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    starts = np.arange(0, len(waveform) - count + 1, hop)
    levels = np.sqrt(np.maximum(power[starts + count] - power[starts], 0) / count)
    limit = 0.5 * float(np.quantile(levels, 0.9))
    if limit < 1e-5:
        raise UsageError("the recording", "it is silent", "give speech")
    begin = int(rng.choice(starts[levels >= limit]))
    return begin, begin + count


def splice(waveform: Wave, piece: Wave, begin: int, sampling_rate: int, fade_s: float, alike: bool) -> Wave:
    """Lay a piece over a recording from sample ``begin`` on, as loud as what it replaces and cross-faded.

    Args:
        waveform: The recording.
        piece: What replaces it, no longer than what is left.
        begin: First sample that is touched.
        sampling_rate: Hz.
        fade_s: Length of each cross-fade, inside the piece.
        alike: Whether the two run in step (a twin of the same words): their amplitudes then add up, else their powers.
    """
    out = waveform.copy()
    place = slice(begin, begin + len(piece))
    fade = min(max(1, round(fade_s * sampling_rate)), len(piece) // 2)
    weight = np.ones(len(piece), np.float32)
    ramp = (np.arange(fade, dtype=np.float32) + 1) / (fade + 1)
    weight[:fade], weight[len(piece) - fade :] = ramp, ramp[::-1]
    rising, falling = (weight, 1 - weight) if alike else (np.sqrt(weight), np.sqrt(1 - weight))
    out[place] = np.clip(_as_loud(piece, waveform[place]) * rising + waveform[place] * falling, -1, 1)
    return out


def _as_loud(waveform: Wave, model: Wave) -> Wave:
    """Scaled to the same effective level, by a factor of 4 at most either way, and to no more than full scale."""
    level, goal = (float(np.sqrt(np.mean(part.astype(np.float64) ** 2))) for part in (waveform, model))
    gain = float(np.clip(goal / max(level, 1e-9), 1 / _MAX_GAIN, _MAX_GAIN))
    peak = float(np.abs(waveform).max(initial=0.0))
    return np.asarray(waveform * np.float32(min(gain, 1.0 / max(peak, 1e-9))), np.float32)
