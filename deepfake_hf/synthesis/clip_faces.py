"""One person's landmarks through a clip: followed, smoothed and held over short gaps; a few bytes a frame."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.faces import FaceTracker, ShotDetector
from deepfake_hf.faces.boxes import area
from deepfake_hf.media import EveryNth, read_frames
from deepfake_hf.types import Face, MediaInfo

Points = NDArray[np.float32]
FindFaces = Callable[[NDArray[np.uint8]], list[tuple[Face, Points]]]
"""uint8 (H, W, 3) to faces, the largest first, each with float32 (68, 2) landmarks in pixels."""

_GAP_S: Final = 0.4  # a face that is back within this time was there all along
_WINDOW: Final = 7  # frames over which places are smoothed by a parabola: the mouth of speech moves at up to 5 Hz
_LEAST_SHARE: Final = 0.2  # of a shot's frames: a face seen for less is not counted by --face
MIN_FACE_PX: Final = 24.0


@dataclass(frozen=True)
class FacePath:
    """Landmarks by decoded frame: ``landmarks_xy`` float32 (N, 68, 2), NaN where the face is not there.

    ``num_found`` counts the frames in which the detector found it; the others with landmarks are held over a gap.
    """

    pts_s: NDArray[np.float64]
    landmarks_xy: Points
    num_found: int

    def at(self, index: int) -> Points | None:
        """The points in one decoded frame, or None."""
        if index >= len(self.landmarks_xy) or np.isnan(self.landmarks_xy[index, 0, 0]):
            return None
        return self.landmarks_xy[index]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether the face is there, bool (N,)."""
        return ~np.isnan(self.landmarks_xy[:, 0, 0])


@dataclass
class _Seen:
    """One track: frame indices, landmarks, areas and centres."""

    indices: list[int] = field(default_factory=list)
    landmarks: list[Points] = field(default_factory=list)
    size: float = 0.0
    middle: float = 0.0


def choose_face(faces: list[tuple[Face, Points]], which: int | None, name: str = "the picture") -> tuple[Face, Points]:
    """One face of a picture.

    Args:
        faces: As a :data:`FindFaces` gives them.
        which: Counted from the left, 0 first; None takes the largest.
        name: For errors.

    Raises:
        MediaError: There is no face, or the one chosen is smaller than 24 pixels.
        UsageError: There are not that many.
    """
    if not faces:
        raise MediaError(name, "no face was found in it", "give a picture that shows a face from the front")
    if which is None:
        chosen = faces[0]
    else:
        ordered = sorted(faces, key=lambda pair: float(pair[0].box_xyxy[0] + pair[0].box_xyxy[2]))
        chosen = ordered[_checked(which, len(ordered), name)]
    _check_size(chosen[1], name)
    return chosen


def follow_face(
    path: str | os.PathLike[str],
    find_faces: FindFaces,
    which: int | None = None,
    *,
    info: MediaInfo | None = None,
    until_s: float | None = None,
    tell: Callable[[float], None] | None = None,
) -> FacePath:
    """Find one face in every frame.

    Args:
        path: A video.
        find_faces: Finds faces and landmarks in one picture.
        which: In each shot the faces are counted from the left, 0 first; None takes the largest of each shot.
        info: The file's probe, where it was made already.
        until_s: Frames from this second on are not looked at.
        tell: Called with the time reached, in seconds.

    Raises:
        MediaError: The file can't be read or no face was found, or it is smaller than 24 pixels.
        UsageError: No shot shows that many faces.
    """
    name = os.fspath(path)
    shots: list[dict[int, _Seen]] = [{}]
    starts, times = [0], []
    cuts, tracker = ShotDetector(), FaceTracker()
    for frame in read_frames(path, EveryNth(1), info=info):
        if until_s is not None and frame.pts_s >= until_s:
            break
        if cuts.update(frame.rgb):
            shots.append({})
            starts.append(frame.index)
            tracker = FaceTracker()
        times.append(frame.pts_s)
        found = find_faces(frame.rgb)
        points = {id(face): landmarks for face, landmarks in found}
        for tracked in tracker.update(None, frame.pts_s, [face for face, _ in found]):
            seen = shots[-1].setdefault(tracked.track, _Seen())
            box = tracked.face.box_xyxy
            seen.indices.append(frame.index)
            seen.landmarks.append(points[id(tracked.face)])
            seen.size += area(box)
            seen.middle += float(box[0] + box[2]) / 2
        if tell is not None:
            tell(frame.pts_s)
    lengths = np.diff([*starts, len(times)])
    chosen = [_chosen(shot, which, int(length)) for shot, length in zip(shots, lengths, strict=True)]
    if not any(shots):
        raise MediaError(name, "no face was found in any frame", "give a clip that shows a face from the front")
    if not any(chosen):
        most = max(len(_lasting(shot, int(length))) for shot, length in zip(shots, lengths, strict=True))
        _checked(which or 0, most, name)
    pts_s = np.array(times, np.float64)
    landmarks = np.full((len(times), 68, 2), np.nan, np.float32)
    for track in chosen:
        if track is not None:
            _lay_down(track, pts_s, landmarks)
    _check_size(np.asarray(np.nanmedian(landmarks, axis=0), np.float32), name)
    return FacePath(pts_s, landmarks, sum(len(track.indices) for track in chosen if track is not None))


def _lasting(shot: dict[int, _Seen], length: int) -> list[_Seen]:
    return [seen for seen in shot.values() if len(seen.indices) >= _LEAST_SHARE * length]


def _chosen(shot: dict[int, _Seen], which: int | None, length: int) -> _Seen | None:
    if which is None:
        return max(shot.values(), key=lambda seen: seen.size, default=None)
    ordered = sorted(_lasting(shot, length), key=lambda seen: seen.middle / len(seen.indices))
    return ordered[which] if which < len(ordered) else None


def _lay_down(seen: _Seen, pts_s: NDArray[np.float64], landmarks: Points) -> None:
    """Write one track's smoothed places into ``landmarks`` (N, 68, 2), short gaps filled."""
    indices = np.array(seen.indices)
    values = np.stack(seen.landmarks).reshape(len(indices), -1)  # (n, 136)
    breaks = np.flatnonzero((np.diff(indices) > 1) & (np.diff(pts_s[indices]) > _GAP_S)) + 1
    for part in np.split(np.arange(len(indices)), breaks):
        first, last = int(indices[part[0]]), int(indices[part[-1]])
        times = pts_s[first : last + 1]
        filled = np.stack([np.interp(times, pts_s[indices[part]], values[part, k]) for k in range(136)], axis=1)
        window = min(_WINDOW, len(filled) - (1 - len(filled) % 2))
        if window > 3:
            filled = savgol_filter(filled, window, 2, axis=0)
        landmarks[first : last + 1] = filled.reshape(-1, 68, 2)


def _checked(which: int, count: int, name: str) -> int:
    if not 0 <= which < count:
        raise UsageError(
            f"--face {which} of {name}", f"it shows {count} faces, counted from the left from 0", "name another face"
        )
    return which


def _check_size(landmarks_xy: Points, name: str) -> None:
    size = float(np.ptp(landmarks_xy, axis=0).max())
    if not size >= MIN_FACE_PX:
        raise MediaError(
            name,
            f"its face is {size:.0f} pixels high, less than {MIN_FACE_PX:.0f}",
            "give a larger picture of it",
        )
