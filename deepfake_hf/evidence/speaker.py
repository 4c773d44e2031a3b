"""Whose lips are read: the longest stretch in which one face, and no other, can be seen from the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.faces import FaceDetector, FaceTracker, TrackedFace
from deepfake_hf.faces.mouth import crop_mouth, turned_by
from deepfake_hf.media import AtRate, Limits, read_frames
from deepfake_hf.types import Face

FRAMES_PER_SECOND: Final = 25
ANALYSED_S: Final = 20.0  # so that the crops' memory has an end
LEAST_S: Final = 2.2  # 50 windows of 0.2 s, so that there are pairs at every offset up to 0.6 s
LEAST_WIDTH_PX: Final = 48.0
_LOOKS_PER_SECOND: Final = 5
_TURNED: Final = 0.4  # of the eyes' distance: about 45 degrees
_BESIDE: Final = 0.5  # a second face of half the first's width may be the one that speaks


@dataclass(frozen=True)
class Speaker:
    """``mouths`` uint8 (N, S, S, 3), rising ``pts_s`` float64 (N,) of the container."""

    mouths: NDArray[np.uint8]
    pts_s: NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What one look at a frame showed."""

    pts_s: float
    faces: tuple[TrackedFace, ...]

    @property
    def large(self) -> tuple[TrackedFace, ...]:
        """The faces with a mouth that are at least half as wide as the widest."""
        seen = [item for item in self.faces if item.face.landmarks5_xy is not None]
        widest = max((_width(item.face) for item in seen), default=0.0)
        return tuple(item for item in seen if _width(item.face) >= _BESIDE * widest)


def find_speaker(
    path: Path, detector: FaceDetector, side: int, start_s: float = 0.0, limits: Limits | None = None
) -> Speaker | str:
    """Mouth crops of the one who may be speaking. The frames are gone through twice, none is held.

    Args:
        path: A video.
        detector: One that gives the corners of the mouth.
        side: Of the crops, pixels.
        start_s: From where on ``ANALYSED_S`` seconds are looked at.
        limits: As in the analysis.

    Returns:
        The speaker, or in words why there is none.

    Raises:
        MediaError: The file can't be read.
    """
    tracker, looks = FaceTracker(), []
    for frame in read_frames(path, AtRate(_LOOKS_PER_SECOND), limits=limits):
        if frame.pts_s >= start_s + ANALYSED_S:
            break
        if frame.pts_s >= start_s:
            faces = detector.detect(frame.rgb)
            looks.append(Look(frame.pts_s, tuple(tracker.update(frame.rgb, frame.pts_s, faces))))
    chosen = choose_stretch(looks)
    if isinstance(chosen, str):
        return chosen
    times = np.array([pts_s for pts_s, _ in chosen])
    centres = np.stack([_points(face)[3:5].mean(0) for _, face in chosen])  # (L, 2)
    width = float(np.median([_width(face) for _, face in chosen]))
    # what follows the last look is the same shot only where nothing follows it
    last_s = times[-1] + (1 / _LOOKS_PER_SECOND if times[-1] == looks[-1].pts_s else 1e-6)
    mouths, pts_s = [], []
    for frame in read_frames(path, AtRate(FRAMES_PER_SECOND), limits=limits):
        if frame.pts_s >= last_s:
            break
        if frame.pts_s >= times[0]:
            x, y = (float(np.interp(frame.pts_s, times, centres[:, i])) for i in (0, 1))
            mouths.append(crop_mouth(frame.rgb, (x, y), width, side))
            pts_s.append(frame.pts_s)
    return Speaker(np.stack(mouths), np.array(pts_s))


def choose_stretch(looks: Sequence[Look]) -> list[tuple[float, Face]] | str:
    """The longest run of looks at one face from the front with no other beside it.

    Args:
        looks: In order of time.

    Returns:
        Times and faces, or in words why there is no such run of ``LEAST_S`` seconds.
    """
    alone = [look.large[0] if len(look.large) == 1 else None for look in looks]
    runs: list[list[int]] = [[]]
    for place, item in enumerate(alone):
        if item is None or not _usable(item.face):
            runs.append([])
        elif runs[-1] and (last := alone[runs[-1][-1]]) is not None and last.track != item.track:
            runs.append([place])
        else:
            runs[-1].append(place)
    best = max(runs, key=len)
    step_s = 1 / _LOOKS_PER_SECOND
    if best and looks[best[-1]].pts_s - looks[best[0]].pts_s + step_s >= LEAST_S - 1e-6:
        return [(looks[place].pts_s, item.face) for place in best if (item := alone[place]) is not None]
    return _why_none(looks, [item for item in alone if item is not None])


def _why_none(looks: Sequence[Look], alone: Sequence[TrackedFace]) -> str:
    """The reason that holds for most of the looks."""
    seen_s = looks[-1].pts_s - looks[0].pts_s + 1 / _LOOKS_PER_SECOND if looks else 0.0
    if seen_s < LEAST_S:
        return f"the picture is too short: {seen_s:.1f} s of it, at least {LEAST_S} s are needed"
    unseen = sum(not look.large for look in looks)
    crowded = len(looks) - unseen - len(alone)
    turned = sum(turned_by(_points(item.face)) > _TURNED for item in alone)
    small = sum(_width(item.face) < LEAST_WIDTH_PX for item in alone)
    most = max(unseen, crowded, turned, small)
    share = f"in {100 * most / len(looks):.0f} % of the looks"
    if most and most == crowded:
        return f"several speakers are possible: two or more faces of like size {share}"
    if most and most == turned:
        return f"profile view: the face is turned away {share}"
    if most and most == small:
        return f"no visible speaker: the face is under {LEAST_WIDTH_PX:.0f} px wide {share}"
    if most:
        return f"no visible speaker: no face {share}"
    return f"too short: no face is to be seen alone for {LEAST_S} s on end"


def _usable(face: Face) -> bool:
    return turned_by(_points(face)) <= _TURNED and _width(face) >= LEAST_WIDTH_PX


def _points(face: Face) -> NDArray[np.float32]:
    assert face.landmarks5_xy is not None  # Look.large gives no others
    return face.landmarks5_xy


def _width(face: Face) -> float:
    return float(face.box_xyxy[2] - face.box_xyxy[0])
