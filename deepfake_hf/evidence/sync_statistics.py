"""Do lips and sound belong together? Distances over offsets, and what shuffled sound gives."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.types import SyncCurve

FRAME_MS: Final = 40
MAX_OFFSET_FRAMES: Final = 15  # 0.6 s
SHUFFLES: Final = 999
BLOCK_FRAMES: Final = 10  # 0.4 s: sound stays as it is for a syllable or two, so that its smoothness is kept
LEAST_PAIRS: Final = 10
SEED: Final = 0
Table = NDArray[np.float64]


def pairs_per_offset(table: Table, spoken: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 (31,): how many pairs of a look and a spoken window there are at each offset."""
    padded, columns, rows = _aligned(table, spoken)
    return np.asarray(np.isfinite(padded[rows, columns]).sum(1), np.int64)


def sync_curve(table: Table, spoken: NDArray[np.bool_], shuffles: int = SHUFFLES, seed: int = SEED) -> SyncCurve:
    """Compare a clip's sound with the same sound cut into blocks of 0.4 s and put together in another order.

    Only windows of sound with speech count, before and after shuffling, so that pauses, in which any closed mouth fits,
    prove nothing. The sound is turned by a random amount before it is cut, so that the cuts fall elsewhere each time.

    Args:
        table: float64 (N, N), distance of look i and sound j, both starting at frame i or j; nan where one is missing.
        spoken: bool (N,), the windows of sound with speech.
        shuffles: How many other orders.
        seed: Of the orders.

    Raises:
        UsageError: An offset has fewer than ``LEAST_PAIRS`` pairs.

    Source: Chung & Zisserman 2016, section 4 (offset, confidence); block permutation after Künsch 1989.
    """
    padded, columns, rows = _aligned(table, spoken)
    if len(columns) == 0 or int(pairs_per_offset(table, spoken).min()) < LEAST_PAIRS:
        raise UsageError(
            f"{len(columns)} spoken windows", f"an offset has fewer than {LEAST_PAIRS} pairs", "give a longer clip"
        )
    rng = np.random.default_rng(seed)
    # every chosen column has sound, so that what is missing is missing by row, whatever the order
    pairs, present = np.isfinite(padded[rows, columns]).sum(1), np.nan_to_num(padded)
    own = present[rows, columns].sum(1) / pairs  # (31,)
    others = np.stack([present[rows, shuffled(columns, rng)].sum(1) / pairs for _ in range(shuffles)])
    confidence = float(np.median(own) - own.min())
    reached = int((np.median(others, axis=1) - others.min(1) >= confidence).sum())
    low, high = np.quantile(others, (0.05, 0.95), axis=0)
    offsets_ms = FRAME_MS * np.arange(-MAX_OFFSET_FRAMES, MAX_OFFSET_FRAMES + 1)
    return SyncCurve(offsets_ms, own, low, high, confidence, (1 + reached) / (1 + shuffles))


def shuffled(columns: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Turned by a random amount, cut into blocks of ``BLOCK_FRAMES``, and those in random order."""
    turned = np.roll(columns, int(rng.integers(len(columns))))
    blocks = [turned[first : first + BLOCK_FRAMES] for first in range(0, len(turned), BLOCK_FRAMES)]
    return np.concatenate([blocks[place] for place in rng.permutation(len(blocks))])


def _aligned(table: Table, spoken: NDArray[np.bool_]) -> tuple[Table, NDArray[np.int64], NDArray[np.int64]]:
    """The table with rows of nan round it, (M,) the spoken columns, (31, M) the row of each at each offset."""
    reach = MAX_OFFSET_FRAMES
    padded = np.pad(table, ((reach, reach), (0, 0)), constant_values=np.nan)
    columns = np.flatnonzero(spoken & np.isfinite(table).any(0))
    rows = columns + reach + np.arange(-reach, reach + 1)[:, None]
    return padded, columns, rows
