"""Heat maps laid over faces, frames and spectrograms, each with a legend: numpy pictures, and figures (matplotlib)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.evidence.maps.heat_map import HeatMap, Rgb
from deepfake_hf.faces.alignment import TRAINING_FRAMING, Framing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS: Final = "inferno"  # OpenCV's and matplotlib's are the same
HALF: Final = 0.5  # where the line is drawn, so that colour is not the only sign
_STRENGTH: Final = 0.72


def overlay(rgb: Rgb, values: NDArray[np.float32], line: bool = True) -> Rgb:
    """A map laid over its picture: where it is 0 the picture shows in full, and a light line runs round its upper half.

    Args:
        rgb: uint8 (H, W, 3).
        values: float32 (H, W) in [0, 1].
        line: Draw the line at HALF.

    Raises:
        UsageError: The two differ in size.
    """
    if values.shape != rgb.shape[:2]:
        raise UsageError("the overlay", f"the map is {values.shape} and the picture {rgb.shape[:2]}", "resize the map")
    levels = np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.float32)
    weight = (_STRENGTH * np.clip(values * 1.6, 0, 1))[..., None]
    mixed: Any = np.ascontiguousarray(np.rint(rgb * (1 - weight) + colours * weight).astype(np.uint8))
    if line:
        rings, _ = cv2.findContours((values >= HALF).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(mixed, rings, -1, (255, 255, 255), max(1, round(min(rgb.shape[:2]) / 200)), cv2.LINE_AA)
    return np.asarray(mixed, np.uint8)


def on_frame(
    values: NDArray[np.float32], box_xyxy: NDArray[np.float32], height: int, width: int,
    framing: Framing = TRAINING_FRAMING,
) -> NDArray[np.float32]:  # fmt: skip
    """A map of a face crop in the places of its frame: the way back of :func:`deepfake_hf.faces.crop_face`.

    Args:
        values: float32 (h, w) in [0, 1], of the crop.
        box_xyxy: float32 (4,), the detector's box that the crop was cut by, pixels of the frame.
        height: Of the frame, pixels.
        width: Of the frame, pixels.
        framing: As given to ``crop_face``.

    Returns:
        float32 (height, width) in [0, 1], 0 beyond the crop.

    Raises:
        UsageError: The box is empty.
    """
    box = np.asarray(box_xyxy, np.float32)
    if not np.array_equal(box, np.array([0, 0, width, height], np.float32)):
        box = framing.apply(box)
    left, top, right, bottom = (round(float(value)) for value in box)
    if right <= left or bottom <= top:
        raise UsageError(f"the face box {box_xyxy}", "a side is zero or negative", "drop this face")
    shrinks = values.shape[0] > bottom - top
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    face = np.clip(cv2.resize(values, (right - left, bottom - top), interpolation=way), 0, 1)
    whole = np.zeros((height, width), np.float32)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    whole[rows, columns] = face[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return whole


def frame_overlay(rgb: Rgb, faces: list[tuple[NDArray[np.float32], HeatMap]]) -> Rgb:
    """A frame with the maps of its faces: uint8 (H, W, 3), for pictures and the frames of a video alike.

    Args:
        rgb: uint8 (H, W, 3).
        faces: For each, its detector's box float32 (4,) and its map. Where faces overlap, the stronger value shows.
    """
    whole = np.zeros(rgb.shape[:2], np.float32)
    for box, heat in faces:
        whole = np.maximum(whole, on_frame(heat.values, box, *rgb.shape[:2]))
    return overlay(rgb, whole)


def face_figure(crop: Rgb, heat: HeatMap, title: str) -> Figure:
    """The crop, and the crop under its map, with a colour bar."""
    figure = _figure(6.4, 3.1)
    plain, covered = figure.subplots(1, 2)
    for axes, picture in ((plain, crop), (covered, overlay(crop, heat.values))):
        axes.imshow(picture)
        axes.set_axis_off()
    plain.set_title("the face", fontsize=10)
    covered.set_title(title, fontsize=10)
    _bar(figure, covered, heat)
    return figure


def frame_figure(rgb: Rgb, faces: list[tuple[NDArray[np.float32], HeatMap]], title: str) -> Figure:
    """A frame under the maps of its faces, one or more and all of one kind, with a colour bar."""
    figure = _figure(6.4, 6.4 * rgb.shape[0] / rgb.shape[1] * 0.86 + 0.4)
    axes = figure.subplots()
    axes.imshow(frame_overlay(rgb, faces))
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)
    _bar(figure, axes, faces[0][1])
    return figure


def _figure(width_in: float, height_in: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")


def _bar(figure: Figure, axes: Any, heat: HeatMap) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(0, heat.full_scale or 1.0), COLOURS)
    bar = figure.colorbar(scale, ax=axes, shrink=0.92, pad=0.02)
    bar.set_label(heat.unit, fontsize=9)
    bar.ax.tick_params(labelsize=8.5)
    bar.ax.axhline(HALF * (heat.full_scale or 1.0), color="white", linewidth=1.2)
