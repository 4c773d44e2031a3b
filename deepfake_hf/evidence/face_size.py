"""Face crops as the reference has them, and the classes of size in which they are compared."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.faces import TRAINING_FRAMING, crop_face
from deepfake_hf.media import recompress_jpeg

SIDE_PX: Final = 224
QUALITY: Final = 75  # the reference crops were saved so (luma table 8 to 50, 4:2:0)
MIN_FACE_PX: Final = 107  # the smallest face of the reference
_EDGES: Final = (107, 150, 200, 260)


def bracket_of(face_px: float) -> str | None:
    """The class of a face's width in the source, pixels; None where the reference has none so small."""
    if face_px < MIN_FACE_PX:
        return None
    place = int(np.searchsorted(_EDGES, face_px, "right")) - 1
    if place == len(_EDGES) - 1:
        return f"faces of {_EDGES[-1]} px and more"
    return f"faces of {_EDGES[place]} to {_EDGES[place + 1] - 1} px"


def brackets() -> tuple[str, ...]:
    """All classes, the smallest first."""
    return tuple(name for name in (bracket_of(edge) for edge in _EDGES) if name is not None)


def reference_crop(rgb: NDArray[np.uint8], box_xyxy: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """A face cut out, scaled and saved as the reference crops were.

    Args:
        rgb: uint8 (H, W, 3).
        box_xyxy: float32 (4,), a detector's box.

    Returns:
        uint8 (224, 224, 3), and the width in pixels that the crop had in the source.
    """
    height, width = rgb.shape[:2]
    whole = np.array_equal(box_xyxy, np.array([0, 0, width, height], np.float32))
    framed = box_xyxy if whole else TRAINING_FRAMING.apply(box_xyxy)
    return recompress_jpeg(crop_face(rgb, box_xyxy, SIDE_PX), QUALITY), float(framed[2] - framed[0])
