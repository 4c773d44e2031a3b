"""Which frames to keep: four modes and their arithmetic on true timestamps (pure: no file, no decoder)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

_TICK_S: Final = 1e-3  # Matroska rounds timestamps to 1 ms: a frame that misses its cell by less than that is in it
_SAME_S: Final = 1e-6  # the demuxer's and the decoder's timestamp of one frame differ by float rounding only


@dataclass(frozen=True)
class Uniform:
    """``frames`` frames evenly over the clip's time, from the first to the very last; all where there are fewer."""

    frames: int

    def __post_init__(self) -> None:
        _check("Uniform", "frames", self.frames, whole=True)


@dataclass(frozen=True)
class EveryNth:
    """Frames 0, n, 2n, … in decode order; ``EveryNth(1)`` is every frame, ``EveryNth(2)`` the classic even frames."""

    n: int

    def __post_init__(self) -> None:
        _check("EveryNth", "n", self.n, whole=True)


@dataclass(frozen=True)
class AtRate:
    """The first frame of each 1/``fps`` of a second, by true timestamps: no frame twice, none made up in a gap."""

    fps: float

    def __post_init__(self) -> None:
        _check("AtRate", "fps", self.fps, whole=False)


@dataclass(frozen=True)
class Random:
    """``frames`` frames at random across the clip, one in each of as many equal parts of it; all where there are fewer.

    For training: the same seed gives the same frames.
    """

    frames: int
    seed: int = 0

    def __post_init__(self) -> None:
        _check("Random", "frames", self.frames, whole=True)


Sampling = Uniform | EveryNth | AtRate | Random


def _check(mode: str, name: str, value: float, *, whole: bool) -> None:
    bad_kind = isinstance(value, bool) or (whole and not isinstance(value, int))
    if bad_kind or not math.isfinite(value) or value <= 0:
        wanted = "a whole number of at least 1" if whole else "a finite number above 0"
        raise UsageError(f"{mode}({name}={value!r})", f"{name} must be {wanted}", f"for example {mode}({name}=8)")


def uniform_indices(pts_s: NDArray[np.float64], frames: int) -> NDArray[np.int64]:
    """Choose frames evenly in time.

    Args:
        pts_s: float64 (N,), rising timestamps in seconds.
        frames: How many are wanted. One frame means the middle of the clip.

    Returns:
        int64 (min(N, frames),), strictly rising; the first is 0 and the last N - 1 where two or more are wanted. Each
        is the frame nearest to its even place in time, moved only as far as needed to keep all of them different.
    """
    count = len(pts_s)
    wanted = min(count, frames)
    if wanted == 0:
        return np.empty(0, np.int64)
    first_s, last_s = float(pts_s[0]), float(pts_s[-1])
    places_s = np.linspace(first_s, last_s, wanted) if wanted > 1 else np.array([(first_s + last_s) / 2])  # (wanted,)
    after = np.clip(np.searchsorted(pts_s, places_s), 1, max(count - 1, 1))
    if count == 1:
        return np.zeros(1, np.int64)
    nearest = np.where(places_s - pts_s[after - 1] <= pts_s[after] - places_s, after - 1, after)
    if wanted == 1:
        return nearest.astype(np.int64)
    nearest[0], nearest[-1] = 0, count - 1
    steps = np.arange(wanted)
    rising = np.maximum.accumulate(nearest - steps) + steps  # strictly rising, maybe past the end
    return np.minimum(rising, count - wanted + steps).astype(np.int64)


def random_indices(num_available: int, frames: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose frames at random across a clip: one in each of equal parts, so that none of the clip is left out.

    Args:
        num_available: N, the frames there are.
        frames: How many are wanted.
        rng: Draws them.

    Returns:
        int64 (min(N, frames),), strictly rising. Every frame can be drawn.
    """
    wanted = min(num_available, frames)
    edges = np.arange(wanted + 1) * num_available // max(wanted, 1)  # (wanted + 1,), parts of one frame or more
    return rng.integers(edges[:-1], edges[1:]).astype(np.int64) if wanted else np.empty(0, np.int64)


class Picker(Protocol):
    """Asked once per decoded frame, in order."""

    def keep(self, index: int, pts_s: float) -> bool:
        """Whether this frame is to be kept."""

    def owed(self) -> bool:
        """Whether the clip ended before the last wanted frame, so that the last decoded one stands in for it."""


class _NthPicker:
    def __init__(self, n: int) -> None:
        self._n = n

    def keep(self, index: int, pts_s: float) -> bool:
        return index % self._n == 0

    def owed(self) -> bool:
        return False


class _RatePicker:
    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._start_s: float | None = None
        self._next_cell = 0

    def keep(self, index: int, pts_s: float) -> bool:
        if self._start_s is None:
            self._start_s = pts_s
        cell = math.floor((pts_s - self._start_s + _TICK_S) * self._fps)
        if cell < self._next_cell:
            return False
        self._next_cell = cell + 1
        return True

    def owed(self) -> bool:
        return False


class _TimesPicker:
    def __init__(self, targets_s: NDArray[np.float64]) -> None:
        self._targets_s = targets_s
        self._next = 0

    def keep(self, index: int, pts_s: float) -> bool:
        due = int(np.searchsorted(self._targets_s, pts_s + _SAME_S, side="right"))
        if due <= self._next:
            return False
        self._next = due
        return True

    def owed(self) -> bool:
        return self._next < len(self._targets_s)


def make_picker(sampling: Sampling, pts_s: NDArray[np.float64] | None = None) -> Picker:
    """Build the state that decides frame by frame.

    Args:
        sampling: The mode.
        pts_s: float64 (N,), every frame's timestamp in seconds, rising; needed by ``Uniform`` and ``Random`` alone.

    Raises:
        UsageError: ``Uniform`` or ``Random`` without timestamps.
    """
    if isinstance(sampling, EveryNth):
        return _NthPicker(sampling.n)
    if isinstance(sampling, AtRate):
        return _RatePicker(sampling.fps)
    if pts_s is None:
        name = f"{type(sampling).__name__} sampling"
        raise UsageError(name, "it needs the timestamps of the whole clip", "use EveryNth or AtRate")
    if isinstance(sampling, Random):
        rng = np.random.default_rng(sampling.seed)
        return _TimesPicker(pts_s[random_indices(len(pts_s), sampling.frames, rng)])
    return _TimesPicker(pts_s[uniform_indices(pts_s, sampling.frames)])
