"""One more pass over a file's pictures for evidence: every frame once, nothing kept but numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError
from deepfake_hf.evidence.face_size import reference_crop
from deepfake_hf.evidence.frequency import FaceSpectra
from deepfake_hf.evidence.measures import Reading
from deepfake_hf.evidence.spatial import FaceSurfaces
from deepfake_hf.evidence.temporal import FaceMotions
from deepfake_hf.faces import TRAINING_FRAMING, Framing
from deepfake_hf.media import EveryNth, Limits, read_frames, read_image
from deepfake_hf.types import DetectionResult, Frame, MediaKind, WindowScore

FindPoints = Callable[[NDArray[np.uint8], NDArray[np.float32], Framing], NDArray[np.float32]]
"""uint8 (H, W, 3), box float32 (4,) and framing to 68 points float32 (68, 2) in pixels (``LandmarkFinder.find``)."""

MAX_TRACKS: Final = 4
STILLS: Final = 12  # frames of each track whose surface and spectrum are looked at
MOTION_S: Final = 60.0  # of each track whose motion is looked at
MAX_RATE: Final = 31.0  # frames a second that are looked at for motion
MAX_GAP_S: Final = 1.05  # between two boxes, over which the box between them is interpolated
_WHOLE: Final = Framing()
_SAME_S: Final = 1e-4


class Followed:
    """One track's boxes through time, from the windows of a result.

    Args:
        windows: Of one track, in order of time, each with a box.
    """

    def __init__(self, windows: Sequence[WindowScore]) -> None:
        self.times = np.array([window.start_s for window in windows])
        self.boxes = np.array([window.box_xyxy for window in windows], np.float32)  # (N, 4)
        parts = np.array_split(np.arange(len(windows)), min(STILLS, len(windows)))
        self.stills = [float(self.times[part[len(part) // 2]]) for part in parts]

    def still_at(self, pts_s: float) -> bool:
        """Whether this frame is one of those whose surface is looked at."""
        return any(abs(pts_s - at) < _SAME_S for at in self.stills)

    def box_at(self, pts_s: float) -> NDArray[np.float32] | None:
        """The box float32 (4,) at a time, between two that were found; None outside, or where they are far apart."""
        after = int(np.searchsorted(self.times, pts_s - _SAME_S))
        if after == len(self.times):
            return None
        if abs(self.times[after] - pts_s) < _SAME_S:
            return np.asarray(self.boxes[after], np.float32)
        if after == 0 or self.times[after] - self.times[after - 1] > MAX_GAP_S:
            return None
        share = (pts_s - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        return np.asarray((1 - share) * self.boxes[after - 1] + share * self.boxes[after], np.float32)


class FaceWalk:
    """What one pass found: ``surfaces``, ``spectra`` and ``motions``."""

    def __init__(self) -> None:
        self.surfaces, self.spectra, self.motions = FaceSurfaces(), FaceSpectra(), FaceMotions()
        self._moved_s: dict[int, float] = {}

    def readings(self, track: int) -> list[Reading]:
        """All that was measured of one track."""
        own = [*self.surfaces.readings(), *self.spectra.readings(), *self.motions.readings()]
        return [reading for reading in own if reading.who == f"face {track}"]

    def look(self, frame: Frame, followed: dict[int, Followed], find: FindPoints, still: bool) -> None:
        """Take one upright frame."""
        for track, faces in followed.items():
            box = faces.box_at(frame.pts_s)
            if box is None:
                continue
            if faces.still_at(frame.pts_s):
                crop, face_px = reference_crop(frame.rgb, box)
                side = crop.shape[0]
                points = find(crop, np.array([0, 0, side, side], np.float32), _WHOLE)
                self.surfaces.add(crop, points, track, face_px)
                self.spectra.add(crop, track, face_px)
            moves = not still and frame.pts_s < faces.times[0] + MOTION_S
            if moves and frame.pts_s - self._moved_s.get(track, -1.0) >= 1 / MAX_RATE - 1e-6:
                self._moved_s[track] = frame.pts_s
                self.motions.add(frame.rgb, box, find(frame.rgb, box, TRAINING_FRAMING), track, frame.pts_s)


def followed_tracks(result: DetectionResult) -> dict[int, Followed]:
    """The ``MAX_TRACKS`` tracks with most scored frames, by number."""
    own: dict[int, list[WindowScore]] = defaultdict(list)
    for window in result.windows:
        if window.track is not None and window.box_xyxy is not None:
            own[window.track].append(window)
    most = sorted(own, key=lambda track: (-len(own[track]), track))[:MAX_TRACKS]
    return {track: Followed(own[track]) for track in sorted(most)}


def walk_faces(
    path: Path, result: DetectionResult, find: FindPoints, limits: Limits | None = None, stills_only: bool = False
) -> FaceWalk:
    """Go through a file's pictures.

    Args:
        path: The file.
        result: Its analysis, whose boxes are taken.
        find: Finds landmarks.
        limits: As in the analysis.
        stills_only: Leave the motion out.
    """
    walk, followed = FaceWalk(), followed_tracks(result)
    if not followed or result.kind not in (MediaKind.VIDEO, MediaKind.IMAGE):
        return walk
    still = result.kind is MediaKind.IMAGE
    last_s = max(float(faces.times[-1]) for faces in followed.values())
    try:
        frames: Iterable[Frame] = [read_image(path, limits)] if still else read_frames(path, EveryNth(1), limits=limits)
        for frame in frames:
            walk.look(frame, followed, find, still or stills_only)
            if frame.pts_s >= last_s:
                break
    except MediaError:
        return walk  # the analysis has said already what is wrong with the file
    return walk
