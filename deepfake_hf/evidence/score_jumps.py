"""How much a face's score leaps from one moment to the next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from deepfake_hf.evidence.measures import Measure, Reading, finding_of, silent
from deepfake_hf.types import Finding, WindowScore

JUMP: Final = Measure("score_jump", "median leap of the score between neighbouring frames", "logits", 2)
LARGEST: Final = Measure("score_largest_jump", "largest leap of the score", "logits", 2)
MIN_PAIRS: Final = 5
MAX_GAP_S: Final = 1.05
_TITLE: Final = "Score jumps"


def jumps(windows: Sequence[WindowScore]) -> tuple[float, float, float] | None:
    """Median and largest difference of neighbouring scores of one track, and when the largest is.

    Args:
        windows: Of one track, in order of time.

    Returns:
        Logits, logits and seconds; None with fewer than ``MIN_PAIRS`` neighbours at most ``MAX_GAP_S`` apart.
    """
    steps = [
        (abs(after.logit_fake - before.logit_fake), after.start_s)
        for before, after in itertools.pairwise(windows)
        if 0 < after.start_s - before.start_s <= MAX_GAP_S
    ]
    if len(steps) < MIN_PAIRS:
        return None
    largest, at_s = max(steps)
    return float(np.median([step for step, _ in steps])), largest, at_s


def jumps_finding(windows: Sequence[WindowScore]) -> Finding | None:
    """The finding on the faces' windows of a result; None where no face was scored."""
    tracks = sorted({window.track for window in windows if window.track is not None})
    if not tracks:
        return None
    readings, facts = [], []
    for track in tracks:
        found = jumps([window for window in windows if window.track == track])
        if found is not None:
            readings += [Reading(JUMP, found[0], f"face {track}"), Reading(LARGEST, found[1], f"face {track}")]
            facts.append((f"face {track}, largest leap at", f"{found[2]:.2f} s"))
    if not readings:
        return silent("temporal", _TITLE, f"no face has {MIN_PAIRS + 1} scored frames at most {MAX_GAP_S:.0f} s apart")
    return finding_of(
        "temporal", _TITLE, readings,
        "A fake that holds for some frames only, or falls apart when the head turns, makes the score leap.",
        "That a leap is a cut-in fake: blur, a hand before the face and a turned head move the score too. The score "
        "itself has been weighed in the verdict already; its leaps are not weighed again.",
        facts,
    )  # fmt: skip
