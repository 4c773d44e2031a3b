"""Many windows to one margin, its interval and the suspicious stretches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.scoring.jumps import jumps
from deepfake_hf.types import Segment, WindowScore

TRIM = 0.1
BOOTSTRAP_ROUNDS = 200
_TOUCH_S = 0.1  # a frame's window that reaches over the next frame's by rounding does not overlap it


def robust_mean(margins: ArrayLike) -> float:
    """Mean of calibrated margins without the highest and the lowest tenth.

    A mean does not rise with the number of windows, so that a longer genuine clip is not more likely to be called fake.

    Args:
        margins: (N,), N >= 1.
    """
    return float(_trimmed_mean(np.asarray(margins, float)))


def _trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, N) to (…): what ``scipy.stats.trim_mean`` gives, to the bit; that module takes a second to import."""
    count = values.shape[-1]
    low = int(TRIM * count)
    ordered = np.partition(values, (low, count - low - 1), axis=-1)
    return np.asarray(ordered[..., low : count - low].mean(axis=-1))


def interval(margins: ArrayLike, seed: int = 0) -> tuple[float, float] | None:
    """90 % bootstrap interval of P(fake) over windows; None for fewer than three windows.

    It says how much the windows of this medium disagree, not how often the detector errs.
    """
    values = np.asarray(margins, float)
    if len(values) < 3:
        return None
    rng = np.random.default_rng(seed)
    kept = values if len(values) <= 2000 else rng.choice(values, 2000, replace=False)
    picks = rng.integers(0, len(kept), (BOOTSTRAP_ROUNDS, len(kept)))
    means = _trimmed_mean(kept[picks])
    low, high = np.quantile(means, [0.05, 0.95])
    return sigmoid(float(low)), sigmoid(float(high))


def per_second(windows: Sequence[WindowScore]) -> tuple[WindowScore, ...]:
    """One score a second for each branch and track: the mean margin of the windows that lie in that second.

    Args:
        windows: any, with calibrated ``logit_fake``. Those without a length (of a picture) are left out.

    Returns:
        Windows from whole second to whole second, without a box; seconds that no window covers are left out.
    """
    sums: dict[tuple[str, int | None], dict[int, list[float]]] = {}
    for window in windows:
        seconds = sums.setdefault((window.branch, window.track), {})
        # A frame's window that merely reaches over the edge by rounding does not count for the next second.
        for second in range(int(window.start_s), int(np.ceil(window.end_s - 0.02))):
            seconds.setdefault(second, []).append(window.logit_fake)
    means = [
        (branch, track, second, float(np.mean(margins)))
        for (branch, track), seconds in sums.items()
        for second, margins in sorted(seconds.items())
    ]
    return tuple(
        WindowScore(float(second), second + 1.0, branch, track, margin, sigmoid(margin))
        for branch, track, second, margin in means
    )


def suspicious_segments(
    windows: Sequence[WindowScore], fake_at: float, leave_at: float, join_gap_s: float, min_length_s: float = 0.5
) -> tuple[Segment, ...]:
    """Merge neighbouring suspicious windows of one branch and track, with hysteresis.

    A stretch starts at a window whose smoothed P(fake) is at or over ``fake_at``, goes on while it stays at or over
    ``leave_at``, and closes at a gap longer than ``join_gap_s`` or where the level of the scores jumps
    (:func:`~deepfake_hf.scoring.jumps.jumps`): a person whose genuine face scores near the limit would otherwise never
    let a stretch end. A dip of up to ``join_gap_s`` is no such end. After a jump the next stretch may begin at once.
    Windows that overlap share sound, and their level cannot jump between them.

    Args:
        windows: of one branch and one track, in time order, with calibrated ``logit_fake``.
        fake_at: P(fake) in [0, 1] that opens a segment.
        leave_at: P(fake), at most ``fake_at``, under which it closes.
        join_gap_s: seconds.
        min_length_s: shorter stretches are dropped.
    """
    if not windows:
        return ()
    margins = np.array([w.logit_fake for w in windows])
    edges = [0, *_ends_of_levels(windows, margins, join_gap_s), len(margins)]
    smooth = np.concatenate([_median_of_three(margins[a:b]) for a, b in pairwise(edges)])
    segments: list[Segment] = []
    current: list[int] = []

    def close() -> None:
        if current and windows[current[-1]].end_s - windows[current[0]].start_s >= min_length_s:
            first, last = windows[current[0]], windows[current[-1]]
            p_fake = sigmoid(float(np.mean(margins[current])))
            segments.append(Segment(first.start_s, last.end_s, first.branch, first.track, p_fake))
        current.clear()

    for index, window in enumerate(windows):
        if current and (index in edges or window.start_s - windows[current[-1]].end_s > join_gap_s):
            close()
        p_fake = sigmoid(float(smooth[index]))
        if p_fake >= fake_at or (current and p_fake >= leave_at):
            current.append(index)
        else:
            close()
    close()
    return tuple(segments)


def _ends_of_levels(windows: Sequence[WindowScore], margins: NDArray[np.float64], dip_s: float) -> list[int]:
    """Where a new level begins, without the two ends of each dip that is as short as ``dip_s``."""
    if any(later.start_s < sooner.end_s - _TOUCH_S for sooner, later in pairwise(windows)):
        return []
    edges = [0, *jumps(margins), len(margins)]
    levels = [float(margins[a:b].mean()) for a, b in pairwise(edges)]
    dips = {
        place
        for place in range(1, len(levels) - 1)
        if levels[place] < min(levels[place - 1], levels[place + 1])
        and windows[edges[place + 1] - 1].end_s - windows[edges[place]].start_s <= dip_s + 1e-6
    }
    return [edge for place, edge in enumerate(edges) if 0 < place < len(levels) and not {place, place - 1} & dips]


def _median_of_three(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each value (N,) and its neighbours."""
    return np.array([np.median(margins[max(0, i - 1) : i + 2]) for i in range(len(margins))])
