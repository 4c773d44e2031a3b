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
        cv2.drawContours(mixed, rings, -1, (255, 255, 255), max(1, round(min(rgb.shape[:2]) / 600)), cv2.LINE_AA)
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
    left, top, right, bottom = crop_place(box_xyxy, height, width, framing)
    shrinks = values.shape[0] > bottom - top
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    face = np.clip(cv2.resize(values, (right - left, bottom - top), interpolation=way), 0, 1)
    whole = np.zeros((height, width), np.float32)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    whole[rows, columns] = face[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return whole


def crop_place(
    box_xyxy: NDArray[np.float32], height: int, width: int, framing: Framing = TRAINING_FRAMING
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the crop that belongs to a detector's box; as :func:`on_frame`."""
    box = np.asarray(box_xyxy, np.float32)
    if not (box[2] > box[0] and box[3] > box[1]):
        raise UsageError(f"the face box {box.tolist()}", "a side is zero or negative", "drop this face")
    if not np.array_equal(box, np.array([0, 0, width, height], np.float32)):
        box = framing.apply(box)
    left, top, right, bottom = (round(float(value)) for value in box)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def frame_overlay(rgb: Rgb, faces: list[tuple[NDArray[np.float32], HeatMap]]) -> Rgb:
    """A frame with the maps of its faces: uint8 (H, W, 3), for pictures and the frames of a video alike.

    Args:
        rgb: uint8 (H, W, 3).
        faces: For each, its detector's box float32 (4,) and its map. Where faces overlap, the stronger value shows. A
            thin frame shows what was looked at.
    """
    height, width = rgb.shape[:2]
    whole = np.zeros((height, width), np.float32)
    for box, heat in faces:
        whole = np.maximum(whole, on_frame(heat.values, box, height, width))
    mixed: Any = overlay(rgb, whole)
    for box, _ in faces:
        left, top, right, bottom = crop_place(box, height, width)
        cv2.rectangle(mixed, (left, top), (right - 1, bottom - 1), (235, 235, 235), max(1, round(width / 900)))
    return np.asarray(mixed, np.uint8)


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
    """A frame under the maps of its faces, beside it the first of them at a legible size, and a colour bar.

    Args:
        rgb: uint8 (H, W, 3).
        faces: One or more, all of one kind, as for :func:`frame_overlay`.
        title: Above the enlarged face.
    """
    height, width = rgb.shape[:2]
    left, top, right, bottom = crop_place(faces[0][0], height, width)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    face = np.ascontiguousarray(rgb[rows, columns])
    values = np.ascontiguousarray(on_frame(faces[0][1].values, faces[0][0], height, width)[rows, columns])
    scale = max(1.0, 320 / min(face.shape[:2]))
    size = round(face.shape[1] * scale), round(face.shape[0] * scale)
    large = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    figure = _figure(3.3 * (width / height + 1) + 0.9, 3.6)
    ratios = [width / height, face.shape[1] / face.shape[0]]
    plain, covered = figure.subplots(1, 2, width_ratios=ratios)
    plain.imshow(frame_overlay(rgb, faces))
    covered.imshow(overlay(large, np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)))
    for axes, name in ((plain, "the frame"), (covered, title)):
        axes.set_axis_off()
        axes.set_title(name, fontsize=10)
    _bar(figure, covered, faces[0][1])
    return figure


def sound_figure(waveform: NDArray[np.float32], sampling_rate: int, heat: HeatMap, start_s: float = 0.0) -> Figure:
    """A spectrogram and, under it on the same seconds, the map: a line over time, or bands over time.

    Args:
        waveform: float32 (num_samples,), what the map was made of.
        sampling_rate: Hz.
        heat: Of :func:`~deepfake_hf.evidence.maps.sound.sound_map`.
        start_s: When the waveform begins.
    """
    end_s = start_s + len(waveform) / sampling_rate
    figure = _figure(7.2, 4.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _, _, _, picture = above.specgram(
        waveform + 1e-6, NFFT=512, Fs=sampling_rate, noverlap=352, cmap="Greys", xextent=(start_s, end_s)
    )
    top_db = float(picture.get_array().max())
    picture.set_clim(top_db - 70, top_db)
    bar = figure.colorbar(picture, ax=above, pad=0.01)
    bar.set_label("dB", fontsize=9)
    above.set_ylabel("Hz", fontsize=9)
    edges = start_s + np.arange(heat.values.shape[-1] + 1) * (end_s - start_s) / heat.values.shape[-1]
    if heat.values.ndim == 1:
        _line_under(above, below, edges, heat)
    else:
        grid = below.pcolormesh(edges, np.linspace(0, 8000, heat.values.shape[0] + 1), heat.values, cmap=COLOURS)
        grid.set_clim(0, 1)
        below.set_ylabel("Hz", fontsize=9)
        figure.colorbar(grid, ax=below, pad=0.01)
        below.set_title(heat.legend, fontsize=8.5, loc="left")
    below.set_xlabel("seconds", fontsize=9)
    below.set_xlim(start_s, end_s)
    for axes in (above, below):
        axes.tick_params(labelsize=8.5)
    return figure


def _line_under(above: Any, below: Any, edges: NDArray[np.float64], heat: HeatMap) -> None:
    below.stairs(heat.values, edges, color="#1f2430", linewidth=1.4)
    high = heat.values >= HALF
    for axes in (above, below):
        for begin, end, is_high in zip(edges, edges[1:], high, strict=False):
            if is_high:
                axes.axvspan(begin, end, color="#c2410c", alpha=0.16 if axes is above else 0.25, linewidth=0)
    below.axhline(HALF, color="#596070", linewidth=0.8, linestyle="--")
    below.set_ylim(0, 1)
    below.set_ylabel("suspicion, 0 to 1", fontsize=9)
    below.set_title(f"{heat.legend} (shaded: above {HALF:g})", fontsize=8.5, loc="left")


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
