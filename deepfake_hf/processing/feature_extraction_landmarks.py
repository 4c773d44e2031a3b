"""Landmarks of a face through time in, a series of a few numbers a frame out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from transformers import BatchFeature, FeatureExtractionMixin

# What transformers itself writes into preprocessor_config.json, or hands on when it reads one.
_SERVICE_KEYS = {"feature_extractor_type", "processor_class", "auto_map"}
_ACCEPTED = "Give float landmarks (T, 68, 2) in iBUG order and pts_s (T,), or a list of each"

FEATURE_NAMES: Final = (
    "left_eye_aspect",
    "right_eye_aspect",
    "mouth_aspect",
    "mouth_opening",
    "mouth_width",
    "yaw",
    "pitch",
    "roll",
    "blink_rate",
)

# Points that talking and blinking hardly move, and where they lie on a face that looks at the camera: x to the right
# and y down as in a picture, z towards the camera, the outer corners of the eyes one apart. x and y are medians over
# 221 near-frontal faces of the training crops, so that the usual face has pitch 0; z are rounded proportions of an
# adult face. A face that differs has all its angles off by the same little: the changes in a series count most.
_RIGID: Final = (36, 39, 42, 45, 27, 30, 33)
_MODEL: Final = np.array(
    [
        [-0.50, 0.00, 0.00],
        [-0.19, 0.01, 0.06],
        [0.19, 0.01, 0.06],
        [0.50, 0.00, 0.00],
        [0.00, -0.07, 0.20],
        [0.00, 0.30, 0.48],
        [0.00, 0.45, 0.30],
    ]
)


def eye_aspect_ratio(eye_xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height over width of an eye: (|p2 p6| + |p3 p5|) / (2 |p1 p4|).

    Args:
        eye_xy: (..., 6, 2), points 36 to 41 or 42 to 47, any unit.

    Returns:
        (...,), about 0.3 for an open eye and near 0 for a closed one.

    Source: Soukupová & Čech 2016, "Real-Time Eye Blink Detection using Facial Landmarks", equation 1.
    """
    height = _distance(eye_xy, 1, 5) + _distance(eye_xy, 2, 4)
    return height / np.maximum(2 * _distance(eye_xy, 0, 3), 1e-9)


def head_pose(landmarks_xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn and size of a head under scaled orthographic projection, in closed form.

    The 2 x 3 matrix that best takes the seven model points to the landmarks (least squares, both centred) is
    A = U S Vᵀ. U Vᵀ holds the first two rows of the nearest rotation, their cross product is the third, and the size
    is the mean of S. No camera is needed; perspective, which is weak in a face that fills little of the picture, is
    left out.

    Args:
        landmarks_xy: (T, 68, 2), iBUG order, pixels, y down.

    Returns:
        Angles (T, 3) in radians, and sizes (T,): the distance between the outer corners of the eyes in pixels as it
        would be if the head faced the camera. Yaw is positive where the nose points to the picture's right, pitch
        where it points down, roll where the head is turned clockwise as one sees it.

    Source: the linear step of DeMenthon & Davis 1995, "Model-based object pose in 25 lines of code"; the nearest
    rotation by singular values after Schönemann 1966.
    """
    points = landmarks_xy[:, _RIGID]  # (T, 7, 2)
    points = points - points.mean(1, keepdims=True)
    model = _MODEL - _MODEL.mean(0)
    affine = np.swapaxes(points, 1, 2) @ np.linalg.pinv(model).T  # (T, 2, 3)
    left, size, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right  # (T, 2, 3), orthonormal
    # the direction of the nose, (0, 0, 1) on the model, in the picture; the third row is the cross product of the two
    nose_x, nose_y = rows[:, 0, 2], rows[:, 1, 2]
    nose_z = np.cross(rows[:, 0], rows[:, 1])[:, 2]
    pitch = np.arctan2(nose_y, np.hypot(nose_x, nose_z))
    yaw = np.arctan2(nose_x, nose_z)
    # the level axis of the eyes on the picture, freed of what yaw and pitch do to it
    roll = _roll(rows, yaw, pitch)
    return np.stack([yaw, pitch, roll], 1), size.mean(1)


def _roll(rows: NDArray[np.float64], yaw: NDArray[np.float64], pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle in the plane across the nose, between the level direction there and the line of the eyes."""
    level = np.stack([np.cos(yaw), np.zeros_like(yaw), -np.sin(yaw)], 1)  # across the nose and level, (T, 3)
    nose = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)
    down = np.cross(nose, level)
    third = np.cross(rows[:, 0], rows[:, 1])
    eyes = np.stack([rows[:, 0, 0], rows[:, 1, 0], third[:, 0]], 1)  # the model's x axis, turned
    return np.arctan2((eyes * down).sum(1), (eyes * level).sum(1))


def blink_ends(
    eye_aspect: NDArray[np.float64], pts_s: NDArray[np.float64], threshold: float, longest_s: float
) -> list[int]:
    """Frames at which a blink is over.

    A blink is a run of frames with an aspect ratio below the threshold, after an open frame and before another, that
    lasts no longer than ``longest_s`` from its first frame to the open one behind it.

    Args:
        eye_aspect: (T,), mean of both eyes.
        pts_s: (T,), seconds.
        threshold: Of the aspect ratio.
        longest_s: Seconds; longer closures are no blinks.

    Returns:
        Indices of the open frames behind the blinks, rising.
    """
    closed = eye_aspect < threshold
    starts = np.flatnonzero(closed[1:] & ~closed[:-1]) + 1
    ends = np.flatnonzero(~closed[1:] & closed[:-1]) + 1
    ends = ends[1:] if len(ends) and closed[0] else ends  # closed from the start: when it began isn't known
    return [int(end) for start, end in zip(starts, ends, strict=False) if pts_s[end] - pts_s[start] <= longest_s]


class LandmarkSeriesFeatureExtractor(FeatureExtractionMixin):
    """Eyes, mouth, head pose and blink rate of a face, frame by frame.

    The nine values of a frame, in the order of ``FEATURE_NAMES``:

    * ``left_eye_aspect``, ``right_eye_aspect``: :func:`eye_aspect_ratio` of points 36-41 and 42-47, the viewer's left
      and right.
    * ``mouth_aspect``: (|61 67| + |62 66| + |63 65|) / (3 |60 64|), inner lips.
    * ``mouth_opening``, ``mouth_width``: |62 66| and |48 54| over the face's size, which is that of :func:`head_pose`.
    * ``yaw``, ``pitch``, ``roll``: radians, of :func:`head_pose`.
    * ``blink_rate``: blinks a second, of :func:`blink_ends`: those that ended in the last ``rate_window_s`` up to this
      frame, over that time, or over the time since the first frame where that is less, but at least over one second.

    Args:
        blink_threshold: Aspect ratio below which eyes count as closed.
        longest_blink_s: Seconds; longer closures are no blinks.
        rate_window_s: Seconds over which blinks are counted.

    Raises:
        TypeError: There is an option that this extractor doesn't have.
        ValueError: A constant is out of its range.
    """

    model_input_names = ["landmark_values", "attention_mask"]

    def __init__(
        self,
        blink_threshold: float = 0.2,
        longest_blink_s: float = 0.5,
        rate_window_s: float = 10.0,
        **kwargs: Any,
    ) -> None:
        if unknown := sorted(set(kwargs) - _SERVICE_KEYS):
            raise TypeError(
                f"{type(self).__name__} has no option {', '.join(unknown)}, only blink_threshold, longest_blink_s, "
                "rate_window_s"
            )
        super().__init__(**kwargs)
        if min(blink_threshold, longest_blink_s) <= 0 or rate_window_s < 1:
            raise ValueError(
                f"blink_threshold {blink_threshold}, longest_blink_s {longest_blink_s} and rate_window_s "
                f"{rate_window_s}: give two numbers above zero, and a window of a second or more"
            )
        self.blink_threshold, self.longest_blink_s = blink_threshold, longest_blink_s
        self.rate_window_s = rate_window_s

    def series(self, landmarks_xy: Any, pts_s: Any) -> NDArray[np.float32]:
        """One face's features.

        Args:
            landmarks_xy: float (T, 68, 2), iBUG order, pixels of the source frame (not crop sides: a crop that isn't
                square would bend the angles).
            pts_s: float (T,), seconds from the container, rising. Frames without a face are left out.

        Returns:
            float32 (T, 9).

        Raises:
            ValueError: A shape is wrong, there is no frame, a value isn't finite or time doesn't rise.
        """
        points, times = np.asarray(landmarks_xy, np.float64), np.asarray(pts_s, np.float64)
        if points.ndim != 3 or points.shape[1:] != (68, 2) or times.shape != points.shape[:1] or len(times) == 0:
            raise ValueError(f"landmarks are {points.shape} and pts_s {times.shape}. {_ACCEPTED}")
        if not np.isfinite(points).all() or not np.isfinite(times).all():
            raise ValueError("a landmark or time is not finite. Leave out the frames in which no face was found")
        if (np.diff(times) <= 0).any():
            raise ValueError("pts_s does not rise from frame to frame. Give each frame once, in the order of time")
        left, right = eye_aspect_ratio(points[:, 36:42]), eye_aspect_ratio(points[:, 42:48])
        angles, size = head_pose(points)
        size = np.maximum(size, 1e-9)
        gaps = [_distance(points, upper, lower) for upper, lower in ((61, 67), (62, 66), (63, 65))]
        mouth_aspect = sum(gaps) / np.maximum(3 * _distance(points, 60, 64), 1e-9)
        columns = [left, right, mouth_aspect, gaps[1] / size, _distance(points, 48, 54) / size, *angles.T]
        return np.stack([*columns, self._blink_rate((left + right) / 2, times)], 1).astype(np.float32)

    def _blink_rate(self, eye_aspect: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T,), blinks a second."""
        ends = times[blink_ends(eye_aspect, times, self.blink_threshold, self.longest_blink_s)]
        counts = np.searchsorted(ends, times, "right") - np.searchsorted(ends, times - self.rate_window_s, "right")
        return counts / np.clip(times - times[0], 1.0, self.rate_window_s)

    def __call__(self, landmarks_xy: Any, pts_s: Any, return_tensors: str | None = "pt") -> BatchFeature:
        """Faces to a padded batch.

        Args:
            landmarks_xy: As of :meth:`series`; one face's, or a list of them. Lengths may differ.
            pts_s: As of :meth:`series`; for one face, or a list of as many.
            return_tensors: ``"pt"``, or ``"np"``; None is ``"np"``.

        Returns:
            ``landmark_values`` float32 (B, T, 9), zero where padded, ``attention_mask`` int64 (B, T), 1 real and 0
            padding.

        Raises:
            ValueError: As of :meth:`series`, or there is no face, or not as many lists of times.
        """
        single = getattr(landmarks_xy, "ndim", 0) == 3
        faces: Sequence[Any] = [landmarks_xy] if single else list(landmarks_xy)
        times: Sequence[Any] = [pts_s] if single else list(pts_s)
        if not faces or len(faces) != len(times):
            raise ValueError(f"{len(faces)} faces and {len(times)} lists of times. {_ACCEPTED}")
        rows = [self.series(points, seconds) for points, seconds in zip(faces, times, strict=True)]
        length = max(len(row) for row in rows)
        values = np.zeros((len(rows), length, len(FEATURE_NAMES)), np.float32)
        mask = np.zeros((len(rows), length), np.int64)
        for i, row in enumerate(rows):
            values[i, : len(row)], mask[i, : len(row)] = row, 1
        return BatchFeature({"landmark_values": values, "attention_mask": mask}, tensor_type=return_tensors or "np")


def _distance(points: NDArray[np.float64], first: int, second: int) -> NDArray[np.float64]:
    """Between two points of (..., K, 2), in their unit."""
    return np.asarray(np.linalg.norm(points[..., first, :] - points[..., second, :], axis=-1), np.float64)
