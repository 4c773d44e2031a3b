"""What the passes need of a branch, whatever runs it; no torch here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

BATCH: Final = 16
# On a CPU small batches stay in its caches (docs/speed.md).
CPU_FACES: Final = 4
CPU_WINDOWS: Final = 2


class CropScorer(Protocol):
    """What the pass over frames needs of a branch."""

    def score(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Args: crops: N of uint8 (H, W, 3). Returns: float64 (N,), ``logit_fake``."""


class SoundScorer(Protocol):
    """What the pass over sound needs of a branch."""

    @property
    def sampling_rate(self) -> int:
        """Hz of the windows."""

    def score(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Args: windows: N of float32 (num_samples,). Returns: float64 (N,), ``logit_fake``."""

    def score_along(self, sound: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """Score windows of one sound, which may overlap.

        Args:
            sound: float32 (num_samples,).
            spans: N of first and last + 1 sample.

        Returns:
            float64 (N,), ``logit_fake``.
        """
        return self.score([sound[begin:end] for begin, end in spans])

    def score_both(self, sound: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """As :meth:`score_along`, beside what a head for windows of a second says, or 0 without one: float64 (N, 2)."""
        margins = self.score_along(sound, spans)
        return np.stack((margins, np.zeros(len(margins))), axis=1)


def in_batches(
    items: Sequence[NDArray[Any]], margins: Callable[[list[NDArray[Any]]], NDArray[np.float64]], size: int = BATCH
) -> NDArray[np.float64]:
    """float64 (N,): what ``margins`` gives for the items, ``size`` of them at a time."""
    parts = [margins(list(items[start : start + size])) for start in range(0, len(items), size)]
    return np.concatenate(parts) if parts else np.zeros(0)
