"""A heat map, and what all makers of maps of faces share: checks, and one crop seen in several slightly moved views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError

Rgb = NDArray[np.uint8]
Values = NDArray[np.float32]

# Scale, and shift in sides of the crop: a net's grid of cells is coarse, and moved under it a crop is seen in between.
VIEWS: Final = ((1.0, 0.0, 0.0), (1.0, 0.04, 0.022), (1.0, -0.036, -0.027), (1.12, 0.0, 0.0), (1.25, 0.022, 0.013))


@dataclass(frozen=True)
class HeatMap:
    """``values`` float32 in [0, 1], (H, W) of a crop, (T,) of a clip or a sound, or (bands, T); 1 stands for
    ``full_scale`` in ``unit``, or, where ``full_scale`` is None, for the strongest place of this map."""

    kind: str
    values: Values
    unit: str
    full_scale: float | None = None

    @property
    def legend(self) -> str:
        """What the colour bar is headed with."""
        return self.unit if self.full_scale in (None, 1.0) else f"{self.unit}, 1 = {self.full_scale:.2f}"


def strongest_is_one(kind: str, raw: NDArray[Any], unit: str, measured: bool = False) -> HeatMap:
    """What is below zero becomes 0 and the strongest place 1; a map without anything above zero is all 0.

    Args:
        kind: Of the map.
        raw: Float, any shape.
        unit: Of ``raw``.
        measured: Whether ``raw`` has that unit, so that the strongest value is worth stating.
    """
    above = np.clip(np.nan_to_num(np.asarray(raw, np.float64)), 0.0, None)
    top = float(above.max(initial=0.0))
    values = (above / top if top > 0 else above).astype(np.float32)
    return HeatMap(kind, values, unit, top if measured else None)


def checked_crop(rgb: Any) -> Rgb:
    """Raises: UsageError: It is no uint8 (H, W, 3) of 16 pixels or more a side."""
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        what = f"{rgb.dtype} {rgb.shape}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise UsageError("the face crop", f"it is {what}", "give uint8 RGB of shape (H, W, 3)")
    if min(rgb.shape[:2]) < 16:
        raise UsageError("the face crop", f"it is {rgb.shape[1]} x {rgb.shape[0]} px", "give 16 px or more a side")
    return rgb


def moved(rgb: Rgb, view: tuple[float, float, float]) -> tuple[Rgb, NDArray[np.float64]]:
    """A crop scaled about its middle and shifted, borders repeated, and the matrix (2, 3) that does it."""
    height, width = rgb.shape[:2]
    scale, right, down = view
    matrix: Any = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, scale)
    matrix[:, 2] += (right * width, down * height)
    if view == VIEWS[0]:
        return rgb, matrix
    seen = cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8), matrix


def moved_back(values: NDArray[Any], matrix: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """A map of a moved crop, (h, w) of any grid, on the crop's own pixels: float64 (height, width)."""
    fine: Any = cv2.resize(np.asarray(values, np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    back = cv2.warpAffine(
        fine, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(back, np.float64)
