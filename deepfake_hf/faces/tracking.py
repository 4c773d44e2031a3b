"""Who is who from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.faces.boxes import area, iou_matrix
from deepfake_hf.faces.shots import ShotDetector
from deepfake_hf.types import Face

_VELOCITY_MEMORY = 0.5  # weight of the older speed when a new one is measured
_MAX_SIZE_RATIO = 2.0  # a face does not double its side between two looks


@dataclass(frozen=True)
class TrackedFace:
    """One person's face in one frame: ``detected`` is False where the box was carried on from earlier frames."""

    track: int
    face: Face
    pts_s: float
    detected: bool


@dataclass
class _Track:
    number: int
    face: Face
    seen_s: float
    velocity: NDArray[np.float32]  # (2,), pixels per second of the centre
    missed: bool = False  # the last look of the detector did not find it

    def shift(self, pts_s: float) -> NDArray[np.float32]:
        return np.asarray(self.velocity * (pts_s - self.seen_s), dtype=np.float32)

    def box_at(self, pts_s: float) -> NDArray[np.float32]:
        return np.asarray(self.face.box_xyxy + np.tile(self.shift(pts_s), 2), dtype=np.float32)

    def see(self, face: Face, pts_s: float) -> None:
        elapsed = pts_s - self.seen_s
        if elapsed > 0:
            moved = (_centres(face.box_xyxy[None]) - _centres(self.face.box_xyxy[None]))[0] / elapsed
            self.velocity = _VELOCITY_MEMORY * self.velocity + (1 - _VELOCITY_MEMORY) * moved
        self.face, self.seen_s, self.missed = face, pts_s, False


class FaceTracker:
    """Gives each person a number that holds through the shot, short gaps included.

    Boxes of a frame are assigned to the tracks' predicted places (constant speed) by the greatest total IoU; what is
    left, by the distance of centres, since at 1 to 5 frames a second a face may move by its own width. Memory does
    not grow with length.

    Args:
        max_gap_s: A person who was not seen for longer gets a new number. Where frames are farther apart than that,
            one missed look is forgiven.
        min_iou: Least overlap of a box with the predicted one.
        max_distance: Greatest distance of centres in mean face sides, where boxes do not overlap.
        shots: Finds shot changes, after which all numbers are new; None for the default detector.
    """

    def __init__(
        self,
        max_gap_s: float = 1.0,
        min_iou: float = 0.25,
        max_distance: float = 1.25,
        shots: ShotDetector | None = None,
    ) -> None:
        self.max_gap_s = max_gap_s
        self.min_iou = min_iou
        self.max_distance = max_distance
        self._shots = shots or ShotDetector()
        self._tracks: list[_Track] = []
        self._next = 0
        self._now_s: float | None = None
        self._looked_s: float | None = None
        self._interval_s = 0.0  # between the detector's last two looks

    def update(self, frame_rgb: NDArray[np.uint8] | None, pts_s: float, faces: list[Face] | None) -> list[TrackedFace]:
        """Take the next frame.

        Args:
            frame_rgb: uint8 (H, W, 3) of the frame, of any size; shots are compared on it. None skips that.
            pts_s: Time of the frame, seconds; never before the last one.
            faces: What the detector found, in pixels of the source frame; None where it did not run on this frame.

        Returns:
            By track number: every face that was found, or, where the detector did not run, every face that was found
            at its last look, at the place that its speed leads to.

        Raises:
            UsageError: Time runs backwards.
        """
        if self._now_s is not None and pts_s < self._now_s:
            raise UsageError(
                f"a frame of {pts_s:.3f} s came after one of {self._now_s:.3f} s",
                "faces are tracked forwards in time",
                "sort the frames by pts_s, or use a new FaceTracker for each medium",
            )
        self._now_s = pts_s
        if frame_rgb is not None and self._shots.update(frame_rgb):
            self._tracks = []
        if faces is None:
            self._drop_old(pts_s)
            return [self._carry_on(track, pts_s) for track in self._tracks if not track.missed]
        if self._looked_s is not None:
            self._interval_s = pts_s - self._looked_s
        self._looked_s = pts_s
        self._drop_old(pts_s)
        return self._assign(faces, pts_s)

    def _drop_old(self, pts_s: float) -> None:
        limit = max(self.max_gap_s, 2.0 * self._interval_s) + 1e-6
        self._tracks = [track for track in self._tracks if pts_s - track.seen_s <= limit]

    def _assign(self, faces: list[Face], pts_s: float) -> list[TrackedFace]:
        for track in self._tracks:
            track.missed = True
        owners: dict[int, _Track] = {}
        if faces and self._tracks:
            found = np.stack([face.box_xyxy for face in faces])  # (M, 4)
            expected = np.stack([track.box_at(pts_s) for track in self._tracks])  # (N, 4)
            last = np.stack([track.face.box_xyxy for track in self._tracks])
            overlap = iou_matrix(expected, found)
            self._match(owners, overlap, self.min_iou)
            # the nearer of predicted and last place: a face that stops is not where its speed leads to
            distance = np.minimum(_distance(expected, found), _distance(last, found))
            self._match(owners, (1 - distance / self.max_distance).astype(np.float32), 0.0)
        result = []
        for index, face in enumerate(faces):
            if index in owners:
                track = owners[index]
                track.see(face, pts_s)
            else:
                track = _Track(self._next, face, pts_s, np.zeros(2, np.float32))
                self._next += 1
                self._tracks.append(track)
            result.append(TrackedFace(track.number, face, pts_s, True))
        return sorted(result, key=lambda item: item.track)

    def _match(self, owners: dict[int, _Track], gain: NDArray[np.float32], least: float) -> None:
        """Add to ``owners`` (face index to track) the pairs of greatest total gain (N, M) that reach ``least``."""
        taken = {track.number for track in owners.values()}
        rows = [row for row, track in enumerate(self._tracks) if track.number not in taken]
        columns = [column for column in range(gain.shape[1]) if column not in owners]
        if not rows or not columns:
            return
        from scipy.optimize import linear_sum_assignment  # half a second that a single picture does not need

        surplus = np.maximum(gain[np.ix_(rows, columns)] - least, 0)  # pairs that are out of reach all count nothing
        for row, column in zip(*linear_sum_assignment(surplus, maximize=True), strict=True):
            if surplus[row, column] > 0:
                owners[columns[column]] = self._tracks[rows[row]]

    @staticmethod
    def _carry_on(track: _Track, pts_s: float) -> TrackedFace:
        face = track.face
        # A box that a detector gave lies in the picture. Moved by less than half its size, its centre stays there.
        reach = 0.49 * (face.box_xyxy[2:] - face.box_xyxy[:2])
        shift = np.clip(track.shift(pts_s), -reach, reach).astype(np.float32)
        box = (face.box_xyxy + np.tile(shift, 2)).astype(np.float32)
        landmarks = None if face.landmarks5_xy is None else (face.landmarks5_xy + shift).astype(np.float32)
        return TrackedFace(track.number, Face(box, face.score, landmarks), pts_s, False)


def _centres(boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, dtype=np.float32)


def _distance(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distances of centres (N, M) in mean sides of the two boxes; infinite where the sizes do not fit."""
    sides = [np.sqrt(np.maximum([area(box) for box in boxes], 1e-6)) for boxes in (first, second)]
    ratio = sides[0][:, None] / sides[1][None, :]
    apart = np.linalg.norm(_centres(first)[:, None] - _centres(second)[None, :], axis=2)
    relative = apart / ((sides[0][:, None] + sides[1][None, :]) / 2)
    fits = (ratio < _MAX_SIZE_RATIO) & (ratio > 1 / _MAX_SIZE_RATIO)
    return np.where(fits, relative, 1e6).astype(np.float32)
