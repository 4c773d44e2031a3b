"""Boxes around faces with their reading in colour and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deepfake_hf.types import SeenFace, Verdict

# White letters on each have a contrast of 5:1 or more.
COLOURS: Final = {Verdict.REAL: (11, 122, 62), Verdict.FAKE: (197, 34, 31), Verdict.UNCERTAIN: (95, 99, 104)}
_GROUND: Final = (24, 28, 38)


def unit_of(size_wh: tuple[int, int]) -> float:
    """What lines and letters are scaled by in a picture of that width and height, pixels."""
    return max(1.0, min(size_wh) / 400)


@lru_cache(maxsize=16)
def font_of(unit: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font at that scale."""
    return ImageFont.load_default(round(13 * unit))


def draw_faces(rgb: NDArray[np.uint8], faces: Iterable[SeenFace], lines: Sequence[str] = ()) -> NDArray[np.uint8]:
    """A frame with its faces marked: green real, red fake, grey uncertain, each with its words.

    Args:
        rgb: uint8 (H, W, 3).
        faces: Their boxes are pixels of this frame.
        lines: Short texts for the top left corner.

    Returns:
        uint8 (H, W, 3).
    """
    picture = Image.fromarray(rgb)
    pen = ImageDraw.Draw(picture)
    for seen in faces:
        draw_face(pen, seen, picture.size)
    unit = unit_of(picture.size)
    y = 0.0
    for line in lines:
        y += _label(pen, (0.0, y), line, _GROUND, unit)
    return np.asarray(picture)


def draw_face(pen: ImageDraw.ImageDraw, seen: SeenFace, size_wh: tuple[int, int]) -> None:
    """One box with its label, in a picture of that width and height."""
    width, height = size_wh
    unit = unit_of(size_wh)
    colour = COLOURS[seen.verdict or Verdict.UNCERTAIN]
    left, top, right, bottom = seen.box_xyxy
    line = max(2, round(2.5 * unit))
    pen.rectangle((left, top, max(left + 1, right), max(top + 1, bottom)), outline=colour, width=line)
    text = f"face {seen.track}: " + (
        seen.reason if seen.verdict is None or seen.p_fake is None else f"{seen.verdict.value} {seen.p_fake:.2f}"
    )
    long, high = _label_size(text, unit)
    x = min(max(0.0, left), max(0.0, width - long))
    y = top - high
    if y < 0:  # no room above: below the box, or in it where it fills the frame
        y = min(bottom, height - high)
    _label(pen, (x, y), text, colour, unit)


def _label_size(text: str, unit: float) -> tuple[float, float]:
    _, _, long, high = font_of(unit).getbbox(text)
    pad = round(3 * unit)
    return long + 2 * pad, high + 2 * pad


def _label(
    pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, ground: tuple[int, int, int], unit: float
) -> float:
    """Write white letters on a ground; returns its height."""
    (x, y), (long, high), pad = corner, _label_size(text, unit), round(3 * unit)
    pen.rectangle((x, y, x + long, y + high), fill=ground)
    pen.text((x + pad, y + pad), text, font=font_of(unit), fill=(255, 255, 255))
    return high
