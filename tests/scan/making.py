"""Small generated media, and files that only look like it, for scans."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from tests.media.media_making import make_sound, make_video

# Kind to its share of a hundred files. The last four give errors or nothing new.
MIX: Final = {"picture": 50, "sound": 14, "clip": 12, "cut": 8, "text": 5, "empty": 3, "copy": 8}
ERRORS: Final = ("cut", "text", "empty")


def make_archive(folder: Path, count: int, seed: int = 0) -> dict[str, str]:
    """``count`` files in folders of a hundred.

    Returns:
        Path to kind, of all of them.
    """
    draw = random.Random(seed)
    noise = np.random.default_rng(seed)
    portrait, (genuine, fake) = astronaut_rgb(), speech_pair()
    made: dict[str, str] = {}
    for number in range(count):
        place = folder / f"{number // 100:03}"
        place.mkdir(parents=True, exist_ok=True)
        good = [path for path, kind in made.items() if kind not in ("copy", *ERRORS)]
        (kind,) = draw.choices(list(MIX), list(MIX.values())) if good else ["picture"]
        path = place / f"{number:05}_{kind}"
        if kind == "picture":
            path = path.with_suffix(draw.choice((".jpg", ".png")))
            Image.fromarray(_view(portrait, draw, noise)).save(path)
        elif kind == "sound":
            track = draw.choice((genuine, fake))
            length = round(draw.uniform(1.5, 3.0) * SPEECH_RATE)
            start = draw.randrange(len(track) - length)
            path = make_sound(path.with_suffix(".wav"), track[start : start + length], SPEECH_RATE)
        elif kind in ("clip", "cut"):
            rgb = _view(portrait, draw, noise, 160)
            path = make_video(path.with_suffix(".mp4"), 12, rgb.shape[1::-1], 8, pictures=rgb, sound_codec="aac")
            if kind == "cut":  # its index stands at the end
                path.write_bytes(path.read_bytes()[: path.stat().st_size // draw.randint(2, 6)])
        elif kind == "text":
            path = path.with_suffix(draw.choice((".jpg", ".mp4", ".wav")))
            path.write_text(f"This is no medium, number {number}.")
        elif kind == "empty":
            path = path.with_suffix(draw.choice((".png", ".mp4")))
            path.touch()
        else:
            other = Path(draw.choice(good))
            path = path.with_suffix(other.suffix)
            shutil.copy(other, path)
        made[str(path)] = kind
    return made


def _view(
    portrait: NDArray[np.uint8], draw: random.Random, noise: np.random.Generator, side: int = 256
) -> NDArray[np.uint8]:
    """Another cut of the portrait, brighter or darker and with noise of its own: no two are equal."""
    size = draw.randint(260, 330)
    left, top = draw.randint(60, 110), draw.randint(0, 20)
    cut = Image.fromarray(portrait[top : top + size, left : left + size]).resize((side, side))
    rgb = np.asarray(cut, np.float32) * draw.uniform(0.8, 1.1) + noise.normal(0, 2, (side, side, 3))
    return np.clip(rgb, 0, 255).astype(np.uint8)
