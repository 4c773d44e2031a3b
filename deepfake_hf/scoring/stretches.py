"""Short stretches of a sound that stand out, such as a few words that were put into a genuine recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.scoring.calibration import NullDistribution, sigmoid
from deepfake_hf.types import Segment, ShortWindow

PIECE_S: Final = 5.0
FALSE_SHARE: Final = 0.05  # of genuine recordings, however long, that may have a stretch
_DEPTH: Final = 0.6  # of the peak: below it a stretch ends
_INWARD_S: Final = 0.25  # a window reaches that far beyond what makes it stand out
_JOIN_GAP_S: Final = 0.5
_OWN: Final = 0.5  # share of a long stretch that short ones must fill for it to stay whole


def raised(windows: Sequence[ShortWindow]) -> NDArray[np.float64]:
    """How far each window lies above the recording's median: (N,), 0 and more.

    By the branch's margin and by its head for windows of a second, where it has one: the root of the sum of squares, so
    that a window which one of the two knows stands out, and the other, which may never have heard of such a generator,
    takes nothing away.
    """
    margins = np.array([(window.logit_fake, window.short_margin) for window in windows]).reshape(-1, 2)
    above = np.maximum(margins - np.median(margins, axis=0), 0.0) if len(margins) else margins
    return np.asarray(np.hypot(above[:, 0], above[:, 1]))


def piece_peaks(windows: Sequence[ShortWindow]) -> NDArray[np.float64]:
    """The highest of :func:`raised` in each piece of ``PIECE_S`` of one recording where a window begins: (P,).

    Of genuine recordings they make the null distribution that :func:`standing_out` takes.
    """
    peaks: dict[int, float] = {}
    for window, height in zip(windows, raised(windows), strict=True):
        piece = int(window.start_s / PIECE_S)
        peaks[piece] = max(float(height), peaks.get(piece, -np.inf))
    return np.array(list(peaks.values()))


def limit_over(null: NullDistribution, num_pieces: int) -> float:
    """The height that a window of as many pieces of genuine sound reaches in ``FALSE_SHARE`` of recordings."""
    return null.margin_at(1 - (1 - FALSE_SHARE) ** (1 / max(1, num_pieces)))


def standing_out(windows: Sequence[ShortWindow], null: NullDistribution) -> tuple[Segment, ...]:
    """Stretches of a recording that stand out from the rest of it as genuine speech of that length seldom does.

    One opens at a window over :func:`limit_over` and goes on, both ways, while windows stay above six tenths of its
    peak, or above the limit where that is lower. A recording that is fake throughout has none: its windows say so.

    Args:
        windows: Short ones of one sound in time order, each overlapping the next, with calibrated ``logit_fake``.
        null: Of :func:`piece_peaks`.
    """
    if not windows:
        return ()
    margins = np.array([window.logit_fake for window in windows])
    heights, limit = raised(windows), limit_over(null, len(piece_peaks(windows)))
    found: list[Segment] = []
    left = heights.copy()
    while len(left) and left.max() >= limit:
        top = int(left.argmax())
        enough = min(limit, _DEPTH * heights[top])
        first = last = top
        while first > 0 and heights[first - 1] >= enough and _touch(windows[first - 1], windows[first]):
            first -= 1
        while last + 1 < len(heights) and heights[last + 1] >= enough and _touch(windows[last], windows[last + 1]):
            last += 1
        left[first : last + 1] = -np.inf
        found.append(
            Segment(
                windows[first].start_s + _INWARD_S, windows[last].end_s - _INWARD_S, "speech", None,
                sigmoid(float(margins[first : last + 1].mean())),
            )
        )  # fmt: skip
    return _joined(sorted(found, key=lambda segment: segment.start_s))


def _touch(sooner: ShortWindow, later: ShortWindow) -> bool:
    return later.start_s <= sooner.end_s


def _joined(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    made: list[Segment] = []
    for segment in segments:
        if made and segment.start_s - made[-1].end_s <= _JOIN_GAP_S:
            before = made.pop()
            segment = Segment(
                before.start_s, max(before.end_s, segment.end_s), "speech", None, max(before.p_fake, segment.p_fake)
            )
        made.append(segment)
    return tuple(made)


def finest(long: Sequence[Segment], short: Sequence[Segment]) -> tuple[Segment, ...]:
    """Stretches of long and of short windows together: a long one with short ones in it that fill less than half of it
    gives way to them, and one that they fill stays in their place."""
    kept = [one for one in long if not 0 < _filled(one, short) < _OWN]
    finer = [one for one in short if not any(_common_s(one, other) > 0 for other in kept)]
    return tuple(sorted((*kept, *finer), key=lambda segment: segment.start_s))


def _filled(one: Segment, others: Sequence[Segment]) -> float:
    return sum(_common_s(one, other) for other in others) / (one.end_s - one.start_s)


def _common_s(one: Segment, other: Segment) -> float:
    return max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))
