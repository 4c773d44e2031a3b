"""What the two picture decoders have in common: a decoded picture that is turned into RGB only when it is wanted."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.media.limits import Limits


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


class ShotSource(ABC):
    """A decoder of one file. Each method may be called once per pass and opens the file anew.

    Args:
        path: The file.
        limits: Length and picture size are checked while decoding, since a header can lie.
        max_side_px: Longer side at most, in pixels; None keeps the size.
    """

    def __init__(self, path: str | os.PathLike[str], limits: Limits, max_side_px: int | None) -> None:
        self.progress = Progress()
        self._path = os.fspath(path)
        self._limits = limits
        self._max_side_px = max_side_px

    @abstractmethod
    def timestamps(self) -> NDArray[np.float64]:
        """float64 (N,): all pictures' times in seconds, rising, found without converting any."""

    @abstractmethod
    def shots(self) -> Iterator[Shot]:
        """Every decodable picture in order of time."""
