"""The ladders of the robustness runs: what is done, how strongly at each level, to pictures, clips and sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.media.perturb_clip import h264_roundtrip
from deepfake_hf.media.perturb_picture import (
    Picture,
    add_grey_blocks,
    add_picture_noise,
    blur_picture,
    change_contrast,
    change_saturation,
    pixelate,
    recompress_jpeg,
    resize_factor,
)
from deepfake_hf.media.perturb_sound import (
    Wave,
    change_speed,
    codec_roundtrip,
    coloured_noise,
    cut_length,
    limit_band,
    mix_noise,
    reverberant_tail,
    reverberate,
    room_response,
    trim_silence,
)
from deepfake_hf.media.write_sound import AudioCodec

_DIRECT_DB: Final = {0.2: 12.0, 0.3: 9.0, 0.5: 6.0, 0.8: 3.0, 1.2: 0.0}  # of a room, by its reverberation time in s


class Kind(StrEnum):
    """What a ladder is for. ``clip``: the frames of a video together, since the codec compares neighbours."""

    PICTURE = "picture"
    CLIP = "clip"
    SOUND = "sound"


@dataclass(frozen=True)
class Ladder:
    """One kind of damage.

    Args:
        name: What ``--only`` takes.
        kind: What it is done to.
        title: For tables and plots.
        unit: What the values are.
        values: One for each level, from level 1; a later one changes more.
        change: Of a picture ``(rgb, value, rng)``, of sound ``(waveform, sampling_rate, value, rng)``, of a clip
            ``(frames, value)``.
        keeps_time: Whether what is heard stays where it was.
    """

    name: str
    kind: Kind
    title: str
    unit: str
    values: tuple[float, ...]
    change: Callable[..., NDArray[Any]]
    keeps_time: bool = True


@dataclass(frozen=True)
class Perturbation:
    """One step of a ladder: ``level`` counts from 1."""

    ladder: Ladder
    level: int

    @property
    def value(self) -> float:
        return self.ladder.values[self.level - 1]

    @property
    def name(self) -> str:
        """Kind and value, for example ``blur-13``: what stored scores are known by, whatever level that is."""
        return f"{self.ladder.name}-{self.value:g}"

    def picture(self, rgb: Picture, rng: np.random.Generator) -> Picture:
        """Change uint8 (H, W, 3); of a clip's ladder the picture is a clip of one frame."""
        if self.ladder.kind is Kind.CLIP:
            return np.asarray(self.ladder.change(rgb[None], self.value)[0], np.uint8)
        return np.asarray(self.ladder.change(rgb, self.value, rng), np.uint8)

    def sound(self, waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
        """Change float32 (num_samples,); where peaks would leave [-1, 1], all is made quieter."""
        changed = np.asarray(self.ladder.change(waveform, sampling_rate, self.value, rng), np.float32)
        peak = float(np.abs(changed).max(initial=0.0))
        return changed / np.float32(peak) if peak > 1.0 else changed


def _noisy(exponent: float) -> Callable[..., Wave]:
    def change(waveform: Wave, rate: int, snr_db: float, rng: np.random.Generator) -> Wave:
        return mix_noise(waveform, coloured_noise(len(waveform), exponent, rng), snr_db)

    return change


def _in_room(waveform: Wave, rate: int, seconds: float, rng: np.random.Generator) -> Wave:
    tail = reverberant_tail(round(seconds * rate), rate, rng)
    return reverberate(waveform, room_response(tail, _DIRECT_DB[seconds]))


def _coded(codec: AudioCodec) -> Callable[..., Wave]:
    def change(waveform: Wave, rate: int, kbps: float, rng: np.random.Generator) -> Wave:
        bit_rate = None if codec in ("pcm_mulaw", "pcm_alaw") else round(1000 * kbps)
        return codec_roundtrip(waveform, rate, codec, bit_rate)

    return change


_GRID: Final = (  # DeeperForensics-1.0 (arXiv:2001.03024), levels 1 to 5
    Ladder("saturation", Kind.PICTURE, "saturation", "factor", (0.4, 0.3, 0.2, 0.1, 0.0),
           lambda rgb, value, rng: change_saturation(rgb, value)),
    Ladder("contrast", Kind.PICTURE, "contrast", "factor", (0.85, 0.725, 0.6, 0.475, 0.35),
           lambda rgb, value, rng: change_contrast(rgb, value)),
    Ladder("blocks", Kind.PICTURE, "grey blocks", "number at 256 px", (16, 32, 48, 64, 80), add_grey_blocks),
    Ladder("noise", Kind.PICTURE, "Gaussian noise", "variance", (0.001, 0.002, 0.005, 0.01, 0.05), add_picture_noise),
    Ladder("blur", Kind.PICTURE, "Gaussian blur", "kernel px", (7, 9, 13, 17, 21),
           lambda rgb, value, rng: blur_picture(rgb, int(value))),
    Ladder("pixelation", Kind.PICTURE, "pixelation", "factor", (2, 3, 4, 5, 6),
           lambda rgb, value, rng: pixelate(rgb, int(value))),
    Ladder("h264", Kind.CLIP, "H.264", "CRF", (30, 32, 35, 38, 40),
           lambda frames, value: h264_roundtrip(frames, int(value))),
)  # fmt: skip
_LADDERS: Final = (
    *_GRID,
    Ladder("jpeg", Kind.PICTURE, "JPEG", "quality", (100, 80, 60, 40, 20, 10),
           lambda rgb, value, rng: recompress_jpeg(rgb, int(value))),
    Ladder("resize", Kind.PICTURE, "resize and back", "factor", (0.75, 0.5, 0.35, 0.25, 0.125),
           lambda rgb, value, rng: resize_factor(rgb, value)),
    Ladder("white_noise", Kind.SOUND, "white noise", "dB SNR", (40, 30, 20, 10, 5), _noisy(0.0)),
    Ladder("pink_noise", Kind.SOUND, "pink noise", "dB SNR", (40, 30, 20, 10, 5), _noisy(1.0)),
    Ladder("reverberation", Kind.SOUND, "reverberation", "s to −60 dB", tuple(_DIRECT_DB), _in_room),
    Ladder("mp3", Kind.SOUND, "MP3", "kbit/s", (128, 64, 48, 32, 24), _coded("mp3")),
    Ladder("aac", Kind.SOUND, "AAC", "kbit/s", (64, 48, 32, 24, 16), _coded("aac")),
    Ladder("opus", Kind.SOUND, "Opus", "kbit/s", (64, 32, 24, 16, 8), _coded("opus")),
    Ladder("g711_mu", Kind.SOUND, "G.711 µ-law", "kbit/s", (64,), _coded("pcm_mulaw")),
    Ladder("g711_a", Kind.SOUND, "G.711 A-law", "kbit/s", (64,), _coded("pcm_alaw")),
    Ladder("band", Kind.SOUND, "band limit", "Hz", (8000, 3400),
           lambda wave, rate, value, rng: limit_band(wave, rate, value)),
    Ladder("slower", Kind.SOUND, "slower", "speed", (0.95, 0.9),
           lambda wave, rate, value, rng: change_speed(wave, value), keeps_time=False),
    Ladder("faster", Kind.SOUND, "faster", "speed", (1.05, 1.1),
           lambda wave, rate, value, rng: change_speed(wave, value), keeps_time=False),
    Ladder("trim", Kind.SOUND, "silence trimmed", "dB below loudest", (50, 40, 30),
           lambda wave, rate, value, rng: trim_silence(wave, rate, value), keeps_time=False),
    Ladder("length", Kind.SOUND, "clip length", "s", (10, 4, 2, 1),
           lambda wave, rate, value, rng: cut_length(wave, rate, value), keeps_time=False),
)  # fmt: skip
LADDERS: Final = {ladder.name: ladder for ladder in _LADDERS}
GROUPS: Final = {
    "deeperforensics": tuple(ladder.name for ladder in _GRID),
    **{kind.value: tuple(ladder.name for ladder in _LADDERS if ladder.kind is kind) for kind in Kind},
}


def choose(only: Sequence[str] = (), levels: Iterable[int] | None = None) -> list[Perturbation]:
    """The steps asked for, in the order of ``LADDERS``.

    Args:
        only: Names of ladders or of ``GROUPS``; empty for all.
        levels: Levels from 1; None for all. A ladder with fewer levels gives those it has.

    Raises:
        UsageError: An unknown name, or nothing is left.
    """
    names = {name for entry in only for name in GROUPS.get(entry, (entry,))}
    unknown = sorted(names - set(LADDERS))
    if unknown:
        known = ", ".join([*LADDERS, *GROUPS])
        raise UsageError(f"--only {','.join(unknown)}", "there is no such perturbation", f"use some of {known}")
    wanted = None if levels is None else set(levels)
    chosen = [
        Perturbation(ladder, level)
        for ladder in LADDERS.values()
        if not names or ladder.name in names
        for level in range(1, len(ladder.values) + 1)
        if wanted is None or level in wanted
    ]
    if not chosen:
        raise UsageError(f"levels {sorted(wanted or ())}", "no chosen perturbation has them", "levels count from 1")
    return chosen
