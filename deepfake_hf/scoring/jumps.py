"""Where the level of a row of scores jumps, so that a stretch ends where the face was changed back."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_JUMP: Final = 1.0  # logits: a change of the odds by e
LEAST_RATIO: Final = 3.0  # of a jump to the spread within the two levels beside it
_SHORTEST: Final = 2  # windows
_LEAST_SPREAD: Final = 0.1  # logits
_LONGEST: Final = 8000  # windows; longer rows are cut into such parts first


def jumps(margins: ArrayLike) -> list[int]:
    """Places at which a new level begins, in order; 0 and N are not among them.

    The row is cut so that the squared differences to each part's mean, and a fee for each cut, are least together.
    Then neighbours whose means differ by less than ``LEAST_JUMP``, or by less than ``LEAST_RATIO`` times the spread
    within them, are joined again: a drift is no jump.

    Args:
        margins: (N,), in order of time.

    Source: Jackson et al. 2005, "An algorithm for optimal partitioning of data on an interval" (IEEE SPL 12(2)).
    """
    values = np.asarray(margins, float)
    cuts = [0]
    for start in range(0, len(values), _LONGEST):
        cuts += [start + cut for cut in _partition(values[start : start + _LONGEST])]
    cuts = sorted({*cuts, len(values)})
    while len(cuts) > 2:
        ratios = [_ratio(values[a:b], values[b:c]) for a, b, c in zip(cuts, cuts[1:], cuts[2:], strict=False)]
        weakest = int(np.argmin(ratios))
        if ratios[weakest] >= 1:
            break
        del cuts[weakest + 1]
    return cuts[1:-1]


def _ratio(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The jump between two parts over the least that counts."""
    apart = abs(float(after.mean() - before.mean()))
    within = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum())
    spread = np.sqrt(within / max(1, len(before) + len(after) - 2))
    return apart / max(LEAST_JUMP, LEAST_RATIO * float(spread))


def _partition(values: NDArray[np.float64]) -> list[int]:
    """The cheapest cuts, each part ``_SHORTEST`` long at least."""
    count = len(values)
    if count < 2 * _SHORTEST:
        return []
    # of neighbours, so that the jumps themselves do not count
    spread = max(_LEAST_SPREAD, float(np.median(np.abs(np.diff(values)))) / 0.6745 / np.sqrt(2))
    fee = 3.0 * spread**2 * np.log(count)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    squares = np.concatenate(([0.0], np.cumsum(values**2)))
    best = np.full(count + 1, np.inf)
    best[0], last = -fee, np.zeros(count + 1, int)
    for end in range(_SHORTEST, count + 1):
        starts = np.arange(0, end - _SHORTEST + 1)
        lengths = end - starts
        costs = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / lengths + best[starts] + fee
        last[end] = int(np.argmin(costs))
        best[end] = costs[last[end]]
    cuts, place = [], count
    while place > 0:
        place = int(last[place])
        cuts.append(place)
    return cuts[:-1]
