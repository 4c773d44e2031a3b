"""What varies between speakers, cameras and rooms and says nothing of sync: framing, light, level, tone."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_TURN_DEG: Final = 6.0
_SCALE: Final = (0.85, 1.15)
_SHIFT: Final = 0.06  # of the crop's side
_LEVEL: Final = 1.5  # of the log energy: 6.5 dB to each side
_TONE: Final = 0.5  # of each cepstral coefficient's own spread in the clip


def varied_look(mouths: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """One framing and one light for all frames of a look; mirrored half of the time.

    Args:
        mouths: uint8 (F, S, S, 3).
        rng: Draws.

    Returns:
        float32 (F, S, S, 3), about [0, 255].
    """
    side = mouths.shape[1]
    middle = (side - 1) / 2
    turn, scale = float(rng.uniform(-_TURN_DEG, _TURN_DEG)), float(rng.uniform(*_SCALE))
    matrix = cv2.getRotationMatrix2D((middle, middle), turn, scale)
    matrix[:, 2] += rng.uniform(-_SHIFT, _SHIFT, 2) * side
    moved = [cv2.warpAffine(one, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE) for one in mouths]
    look = np.stack(moved).astype(np.float32)
    if rng.random() < 0.5:
        look = look[:, :, ::-1]
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3)
    return np.asarray(look * gain + rng.uniform(-25, 25), np.float32)


def cepstral_lift(cepstra: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another level and a steady filter: in cepstra each is a constant over time.

    Args:
        cepstra: float32 (num_coefficients, L) of a clip, the first row its log energy.
        rng: Draws.

    Returns:
        float32 (num_coefficients, 1), to be added.
    """
    lift = rng.normal(0.0, _TONE, len(cepstra)) * cepstra.std(1)
    lift[0] = rng.uniform(-_LEVEL, _LEVEL)
    return lift[:, None].astype(np.float32)
