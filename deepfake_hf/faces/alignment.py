"""From a face box to the picture that a model sees, framed as its training pictures were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.faces.detection import check_picture


@dataclass(frozen=True)
class Framing:
    """How far a crop goes beyond a detector's box on each side, in box widths (left, right) and heights (top, bottom).

    A negative number cuts into the box. ``square`` then gives both sides their mean length about the same centre.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    square: bool = False

    def apply(self, box_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """The crop's box, float32 (4,), in the box's pixels; it may leave the picture."""
        width, height = box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]
        box = box_xyxy + np.array(
            [-self.left * width, -self.top * height, self.right * width, self.bottom * height], dtype=np.float32
        )
        if self.square:
            half = (box[2] - box[0] + box[3] - box[1]) / 4
            middle_x, middle_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            box = np.array([middle_x - half, middle_y - half, middle_x + half, middle_y + half], dtype=np.float32)
        return np.asarray(box, dtype=np.float32)


# The framing of the training crops (../shared/data/faces), in CenterFace boxes. Their own boxes are square (width over
# height 0.995 to 1.009 in 90 of 100), forehead cut off, cheeks in full.
# Mean places in the 19,883 training crops, in crop sides: eyes y 0.303, 0.397 apart in x; mouth corners y 0.725.
# Mean places in CenterFace boxes of 231 frames of seven people (GRID, LivePortrait inputs, astronaut), by the same
# face mesh that labelled the training crops: eyes y 0.374, 0.458 apart in x; mouth corners y 0.740.
# So the crop is 0.458 / 0.397 = 1.153 box widths, half of the rest on each side since training mirrors, and
# (0.740 - 0.374) / (0.725 - 0.303) = 0.868 box heights that begin 0.111 below the box's top. CenterFace boxes of these
# frames are 0.76 as wide as high: 1.153 * 0.76 = 0.876, square as the training crops are.
TRAINING_FRAMING: Final = Framing(left=0.077, top=-0.111, right=0.077, bottom=-0.021, square=True)

# Eyes, tip of the nose, corners of the mouth: mean places in the training crops, in crop sides, made symmetrical.
MEAN_LANDMARKS5: Final = np.array(
    [[0.302, 0.303], [0.698, 0.303], [0.5, 0.480], [0.338, 0.725], [0.662, 0.725]], dtype=np.float32
)


def crop_face(
    rgb: NDArray[np.uint8], box_xyxy: NDArray[np.float32], size: int, framing: Framing = TRAINING_FRAMING
) -> NDArray[np.uint8]:
    """Cut out a face as the weights saw faces in training.

    Args:
        rgb: uint8 (H, W, 3).
        box_xyxy: float32 (4,), a detector's box in pixels of ``rgb``. A box that is the full picture means that the
            picture is a crop already (see :func:`deepfake_hf.faces.detect_in_picture`): no framing is applied.
        size: Side of the answer, pixels.
        framing: What is taken beyond the box.

    Returns:
        uint8 (size, size, 3). Where the crop leaves the picture, the border's pixels repeat.

    Raises:
        UsageError: The box is empty or outside the picture, or ``size`` is not positive.
    """
    check_picture(rgb)
    height, width = rgb.shape[:2]
    box = np.asarray(box_xyxy, dtype=np.float32)
    if size < 1:
        raise UsageError(f"the crop's size is {size} px", "a picture needs pixels", "give the model's image size")
    if not (np.isfinite(box).all() and 0 <= box[0] + box[2] <= 2 * width and 0 <= box[1] + box[3] <= 2 * height):
        raise UsageError(f"the face box {box.tolist()} is outside the picture", _size_text(rgb), "detect again")
    if box[2] <= box[0] or box[3] <= box[1]:
        raise UsageError(f"the face box {box.tolist()} is empty", "a side is zero or negative", "drop this face")
    if not np.array_equal(box, np.array([0, 0, width, height], dtype=np.float32)):
        box = framing.apply(box)
    left, top, right, bottom = (round(float(value)) for value in box)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    region = _region(rgb, left, top, right, bottom)
    shrinks = region.shape[0] > size or region.shape[1] > size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(region, (size, size), interpolation=interpolation).astype(np.uint8, copy=False)


def align_face(rgb: NDArray[np.uint8], landmarks5_xy: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Turn, scale and shift a face so that its five points come to lie where they lie on average in training crops.

    Args:
        rgb: uint8 (H, W, 3).
        landmarks5_xy: float32 (5, 2), eyes, tip of the nose, corners of the mouth, viewer's left first, pixels.
        size: Side of the answer, pixels.

    Returns:
        uint8 (size, size, 3); the border's pixels repeat outside the picture.

    Raises:
        UsageError: The points do not span a face.

    Source: Umeyama 1991, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns".
    """
    check_picture(rgb)
    matrix = similarity_transform(np.asarray(landmarks5_xy, dtype=np.float32), MEAN_LANDMARKS5 * size)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:  # bilinear sampling would skip pixels: blur what is finer than the new pixels first
        rgb = cv2.GaussianBlur(rgb, (0, 0), 0.4 / scale).astype(np.uint8, copy=False)
    warped = cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.uint8, copy=False)


def similarity_transform(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """The rotation, scale and shift float64 (2, 3) that brings points (N, 2) closest to others in squares.

    Raises:
        UsageError: All points are the same, or a number is not finite.
    """
    first, second = source.astype(np.float64), target.astype(np.float64)
    middle1, middle2 = first.mean(axis=0), second.mean(axis=0)
    x1, y1 = (first - middle1).T
    x2, y2 = (second - middle2).T
    spread = float((x1**2 + y1**2).sum())
    if not np.isfinite(spread) or spread < 1e-9:
        raise UsageError("the face cannot be aligned", "its landmarks are all in one place", "crop it by its box")
    # with z = x + iy the best factor is <z1, z2> / <z1, z1>
    cosine = float((x1 * x2 + y1 * y2).sum()) / spread
    sine = float((x1 * y2 - y1 * x2).sum()) / spread
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.concatenate([linear, (middle2 - linear @ middle1)[:, None]], axis=1)


def _region(rgb: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    """uint8 (bottom - top, right - left, 3); pixels outside the picture repeat its border."""
    height, width = rgb.shape[:2]
    inside = rgb[max(top, 0) : max(min(bottom, height), 1), max(left, 0) : max(min(right, width), 1)]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.ascontiguousarray(inside)
    outside = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    return cv2.copyMakeBorder(inside, *outside, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _size_text(rgb: NDArray[np.uint8]) -> str:
    return f"the picture is {rgb.shape[1]} x {rgb.shape[0]} px"
