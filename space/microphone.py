"""A microphone that misses nothing.

Gradio's own audio stream keeps the last piece only where pieces come faster than they are judged: a voice with holes.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

RATE = 16_000  # Hz, what the detector hears
SCRIPT = (Path(__file__).parent / "microphone.js").read_text(encoding="utf-8")
_MOST_S = 40.0  # in one piece
_RATES = (8_000, 192_000)


def recorder(most_s: float) -> str:
    """The button, the level and what is going on; ends by itself after ``most_s`` seconds."""
    return (
        f'<div class="dh-mic" data-seconds="{most_s:g}">'
        '<button type="button" class="dh-button" aria-pressed="false">Record</button>'
        '<meter min="0" max="1" value="0" aria-label="Loudness"></meter>'
        '<span role="status" class="dh-small">The microphone is off.</span></div>'
    )


def samples_of(rate: Any, pcm: Any) -> NDArray[np.int16]:
    """One piece as the page sends it: int16 (n,) from base64.

    Raises:
        UsageError: It is none, or longer than a piece may be.
    """
    wrong = UsageError("the microphone's sound", "the page sent what is no sound", "load the page again")
    if not isinstance(rate, int) or not _RATES[0] <= rate <= _RATES[1] or not isinstance(pcm, str):
        raise wrong
    if len(pcm) > rate * _MOST_S * 2 * 4 / 3 + 4:
        raise UsageError("the microphone's sound", f"a piece is longer than {_MOST_S:g} s", "press Record again")
    try:
        raw = base64.b64decode(pcm, validate=True)
    except binascii.Error:
        raise wrong from None
    if len(raw) % 2:
        raise wrong
    return np.frombuffer(raw, "<i2")


class Ear:
    """One stream of sound, piece by piece and of any rate, as float32 (n,) in [-1, 1] at ``RATE``, without seams."""

    def __init__(self) -> None:
        self._rate = RATE
        self._resampler: av.AudioResampler | None = None

    def hear(self, samples: NDArray[np.int16], rate: int) -> NDArray[np.float32]:
        """Take int16 (n,) mono samples. Up to some ms come with the next piece."""
        sound = samples.astype(np.float32) / np.float32(32768)
        if rate != self._rate:
            self._rate = rate
            self._resampler = None if rate == RATE else av.AudioResampler("flt", "mono", RATE)
        if self._resampler is None or not len(sound):
            return sound
        piece = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        piece.sample_rate = rate
        heard = [frame.to_ndarray()[0] for frame in self._resampler.resample(piece)]
        return np.clip(np.concatenate([np.zeros(0, np.float32), *heard]), -1.0, 1.0)
