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
# Settings of the shuffling were chosen on 20 validation clips of GRID, with their own sound and with LibriSpeech's:
# raw distances over spoken windows gave p < 0.05 for 22 % of 80 pairs with the latter; these for 7.5 % of 200, and for
# 13 of the 20 own sounds. Blocks of 0.4 s were too short: p < 0.05 for 11 % of smooth sequences that are independent.
SLOW_FRAMES: Final = 9
BLOCK_FRAMES: Final = 14  # 0.56 s: sound stays as it is for a few syllables
LEAST_PAIRS: Final = 10
SEED: Final = 0
Table = NDArray[np.float64]


def distance_table(looks: Table, sounds: Table) -> Table:
    """Distances of looks and sounds, less what each does slowly.

    The moving mean over ``SLOW_FRAMES`` (0.36 s) is taken off both: who speaks, how loud, and where in the sentence
    would otherwise make neighbouring windows alike, and shuffled sound a poor likeness of unrelated sound.

    Args:
        looks: float64 (N, D), embedding of the look at each frame; a row of nan where there is none.
        sounds: float64 (N, D), of the sound from each frame on.

    Returns:
        float64 (N, N), look i against sound j; nan where one is missing.
    """
    quick = [_without_slow(part) for part in (looks, sounds)]
    squares = (quick[0] ** 2).sum(1)[:, None] + (quick[1] ** 2).sum(1) - 2 * quick[0] @ quick[1].T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def pairs_per_offset(table: Table) -> NDArray[np.int64]:
    """int64 (31,): how many pairs of a look and a sound there are at each offset."""
    padded, columns, rows = _aligned(table)
    return np.asarray(np.isfinite(padded[rows, columns]).sum(1), np.int64)


def sync_curve(table: Table, shuffles: int = SHUFFLES, seed: int = SEED) -> SyncCurve:
    """Compare a clip's sound with the same sound cut into blocks of 0.56 s and put together in another order.

    The sound is turned by a random amount before it is cut, so that the cuts fall elsewhere each time.

    Args:
        table: Of :func:`distance_table`.
        shuffles: How many other orders.
        seed: Of the orders.

    Raises:
        UsageError: An offset has fewer than ``LEAST_PAIRS`` pairs.

    Source: Chung & Zisserman 2016, section 4 (offset, confidence); block permutation after Künsch 1989.
    """
    pairs = pairs_per_offset(table)  # (31,)
    if int(pairs.min()) < LEAST_PAIRS:
        raise UsageError(
            f"a table of {len(table)} windows", f"an offset has fewer than {LEAST_PAIRS} pairs", "give a longer clip"
        )
    rng = np.random.default_rng(seed)
    padded, columns, rows = _aligned(table)
    present = np.nan_to_num(padded)  # every column has sound: what is missing is missing by row, whatever the order
    own = present[rows, columns].sum(1) / pairs
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


def _without_slow(embeds: Table) -> Table:
    present = np.isfinite(embeds[:, :1])
    width = np.ones(SLOW_FRAMES)
    counts = np.convolve(present[:, 0].astype(float), width, "same")
    filled = np.where(present, embeds, 0.0)
    slow = np.stack([np.convolve(column, width, "same") for column in filled.T], axis=1)
    return np.asarray(embeds - slow / np.maximum(counts, 1.0)[:, None])


def _aligned(table: Table) -> tuple[Table, NDArray[np.int64], NDArray[np.int64]]:
    """The table with rows of nan round it, (M,) the columns with sound, (31, M) the row of each at each offset."""
    reach = MAX_OFFSET_FRAMES
    padded = np.pad(table, ((reach, reach), (0, 0)), constant_values=np.nan)
    columns = np.flatnonzero(np.isfinite(table).any(0))
    rows = columns + reach + np.arange(-reach, reach + 1)[:, None]
    return padded, columns, rows
