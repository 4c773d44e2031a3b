"""Parts of a face's track that leap out of it, as where somebody was swapped for two seconds of a minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.types import Segment, WindowScore

LEAST_S: Final = 0.7
# Log odds; measured in docs/time.md.
LEAST_RISE: Final = 4.0
_BESIDE_S: Final = 2.0
_LEAST_BESIDE: Final = 2  # windows


def changed_parts(segments: Sequence[Segment], windows: Sequence[WindowScore]) -> tuple[Segment, ...]:
    """Those suspicious stretches of one track that leap out of what lies beside them.

    A stretch counts from ``LEAST_S`` on, and where its mean margin lies ``LEAST_RISE`` above that of the two seconds
    before it and of the two seconds after it; at an end of the track one side is enough. Only its own surroundings
    are looked at, so that a long recording is no more likely to have one for having many scenes.

    Args:
        segments: As :func:`~deepfake_hf.scoring.aggregation.suspicious_segments` gives them for these windows.
        windows: Of one face in time order, with calibrated ``logit_fake``.
    """
    middles = np.array([(window.start_s + window.end_s) / 2 for window in windows])
    margins = np.array([window.logit_fake for window in windows])
    return tuple(segment for segment in segments if _leaps_out(segment, middles, margins))


def _leaps_out(segment: Segment, middles: NDArray[np.float64], margins: NDArray[np.float64]) -> bool:
    if segment.end_s - segment.start_s < LEAST_S:
        return False
    level = float(margins[(middles >= segment.start_s) & (middles <= segment.end_s)].mean())
    before = margins[(middles < segment.start_s) & (middles >= segment.start_s - _BESIDE_S)]
    after = margins[(middles > segment.end_s) & (middles <= segment.end_s + _BESIDE_S)]
    sides = [side for side in (before, after) if len(side) >= _LEAST_BESIDE]
    return bool(sides) and all(level - float(side.mean()) >= LEAST_RISE for side in sides)
