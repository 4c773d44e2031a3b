"""What the two picture decoders have in common: a decoded picture that is turned into RGB only when it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shot:
    """One decoded picture at ``pts_s`` seconds; ``to_rgb`` makes it uint8 (H, W, 3), upright. Valid until the next."""

    pts_s: float
    to_rgb: Callable[[], NDArray[np.uint8]]


@dataclass
class Progress:
    """How far a decoder came: seconds up to the end of the last good picture, and what is wrong (None: nothing)."""

    decoded_until_s: float = 0.0
    damaged: str | None = None


class ShotSource(Protocol):
    """A decoder of one file. Each method may be called once per pass and opens the file anew."""

    progress: Progress

    def timestamps(self) -> NDArray[np.float64]:
        """float64 (N,): all pictures' times in seconds, rising, found without converting any."""

    def shots(self) -> Iterator[Shot]:
        """Every decodable picture in order of time."""
