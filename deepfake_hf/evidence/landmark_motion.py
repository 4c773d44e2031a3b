"""A face's landmarks through time: how much points tremble that a skull holds still, and blinks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evidence.measures import Measure, Reading
from deepfake_hf.faces.alignment import similarity_transform
from deepfake_hf.processing.feature_extraction_landmarks import blink_ends, eye_aspect_ratio

Floats = NDArray[np.float64]
JITTER: Final = Measure("landmark_jitter", "tremble of eyes and nose", "% of the eye distance", 2)
MIN_FRAMES: Final = 25
MIN_RATE: Final = 20.0  # frames a second
MIN_BLINK_S: Final = 20.0  # at 4.5 a minute, the mean while reading, a blink or two fall into 20 s
# Doughty 2001 (Optometry and Vision Science 78, 712-725): 95 % intervals over studies of normal adults are 1.4 to 14.4
# blinks a minute while reading, 8.0 to 21.0 at rest, 10.5 to 32.5 in conversation. Bentivoglio et al. 1997 (Movement
# Disorders 12, 1028-1034), 150 subjects: means of 4.5 while reading, 17 at rest, 26 in conversation.
BLINKS_PER_MIN: Final = (1.4, 32.5)
BLINK_SHARE: Final = 0.9  # of the running median: these landmarks follow lids in part (docs/evidence.md)
LONGEST_BLINK_S: Final = 0.5
_RIGID: Final = (27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45)  # nose and corners of the eyes
_MEDIAN_S: Final = 2.0  # of the running median of the eyes' aspect
_MAX_FRAMES: Final = 4000  # kept of one face: two minutes at 33 a second


def tremble(before: Floats, now: Floats, after: Floats) -> float:
    """How far points are from the middle of their places before and after, once the head's motion is taken out.

    Args:
        before: float64 (K, 2), pixels; ``now`` and ``after`` alike, of three frames in a row.

    Returns:
        Root mean square over the points, in the units of the points. Each frame is laid onto the middle one by shift,
        turn and scale first, so that only what a rigid face seen from one side cannot do remains.
    """
    laid = []
    for points in (before, after):
        matrix = similarity_transform(points.astype(np.float32), now.astype(np.float32))
        laid.append(points @ matrix[:, :2].T + matrix[:, 2])
    return float(np.sqrt(np.mean(((now - (laid[0] + laid[1]) / 2) ** 2).sum(axis=1))))


def count_blinks(eye_aspect: Floats, pts_s: Floats) -> list[float]:
    """When blinks end.

    Args:
        eye_aspect: float64 (T,), mean aspect ratio of both eyes.
        pts_s: float64 (T,), seconds, rising.

    Returns:
        Seconds. A blink is a dip below ``BLINK_SHARE`` of the running median over two seconds that lasts half a second
        or less: the ratio to each face's own open eye, since narrow eyes have low ratios when open.
    """
    if len(eye_aspect) < 3:
        return []
    half = np.searchsorted(pts_s, pts_s + _MEDIAN_S / 2), np.searchsorted(pts_s, pts_s - _MEDIAN_S / 2)
    usual = np.array([np.median(eye_aspect[low:high]) for high, low in zip(*half, strict=True)])
    return [float(pts_s[end]) for end in blink_ends(eye_aspect / np.maximum(usual, 1e-6), pts_s, BLINK_SHARE,
                                                    LONGEST_BLINK_S)]  # fmt: skip


class LandmarkMotion:
    """Gathers one face's landmarks frame by frame; keeps three shapes and at most ``_MAX_FRAMES`` numbers."""

    def __init__(self) -> None:
        self._last: list[tuple[float, Floats]] = []
        self._tremble: list[tuple[float, float]] = []
        self._eyes: list[tuple[float, float]] = []

    def add(self, landmarks_xy: NDArray[np.float32], pts_s: float) -> None:
        """Take the next frame's float32 (68, 2), pixels."""
        if len(self._eyes) >= _MAX_FRAMES:
            return
        points = landmarks_xy.astype(np.float64)
        aspect = (eye_aspect_ratio(points[36:42]) + eye_aspect_ratio(points[42:48])) / 2
        self._eyes.append((pts_s, float(aspect)))
        self._last = [*self._last[-2:], (pts_s, points[list(_RIGID)])]
        if len(self._last) == 3 and self._last[2][0] - self._last[0][0] <= 2.5 / MIN_RATE:
            unit = float(np.linalg.norm(points[36] - points[45]))
            if unit > 0:
                self._tremble.append((pts_s, 100 * tremble(*(shape for _, shape in self._last)) / unit))

    @property
    def looked_s(self) -> float:
        """Seconds looked at, from the first frame to the last."""
        return self._eyes[-1][0] - self._eyes[0][0] if self._eyes else 0.0

    @property
    def rate(self) -> float:
        """Frames a second."""
        return (len(self._eyes) - 1) / self.looked_s if self.looked_s > 0 else 0.0

    def jitter(self, who: str) -> Reading | str:
        """The reading, or why there is none."""
        if self.rate < MIN_RATE:
            return f"{who} was looked at {self.rate:.0f} times a second, {MIN_RATE:.0f} are needed"
        if len(self._tremble) < MIN_FRAMES:
            return f"{who} has {len(self._tremble)} frames with both neighbours, {MIN_FRAMES} are needed"
        return Reading(JITTER, float(np.median([value for _, value in self._tremble])), who)

    def tremble_by_second(self) -> tuple[Floats, Floats]:
        """Middles of seconds and the median tremble in each, % of the eye distance."""
        times, values = (np.array(column) for column in zip(*self._tremble, strict=True)) if self._tremble else (
            np.zeros(0), np.zeros(0))  # fmt: skip
        seconds = np.unique(np.floor(times))
        return seconds + 0.5, np.array([np.median(values[np.floor(times) == second]) for second in seconds])

    def eyes(self) -> tuple[Floats, Floats]:
        """Seconds and aspect ratio of the eyes, each float64 (T,)."""
        held = np.array(self._eyes, np.float64).reshape(-1, 2)
        return held[:, 0], held[:, 1]

    def blinks(self) -> list[float] | str:
        """Seconds at which blinks end, or why they cannot be counted."""
        if self.rate < MIN_RATE:
            return f"looked at {self.rate:.0f} times a second, {MIN_RATE:.0f} are needed to see a blink"
        if self.looked_s < MIN_BLINK_S:
            return f"seen for {self.looked_s:.1f} s, {MIN_BLINK_S:.0f} s are needed to speak of a rate"
        times, aspect = self.eyes()
        return count_blinks(aspect, times)
