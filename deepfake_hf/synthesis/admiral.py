"""matplotlib's portrait of Rear Admiral Grace Hopper (U.S. Navy, public domain) and its 68 face landmarks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import MissingDependencyError

# iBUG order, pixels of the 512 x 600 picture. Placed by the regressor in the box (mean over 80 framings), the jaw
# corrected by eye on a fourfold enlargement.
LANDMARKS_XY: Final[NDArray[np.float32]] = np.array(
    [
        (183.0, 181.2), (179.8, 213.1), (181.6, 231.9), (193.0, 271.2), (201.0, 290.5), (209.5, 304.5),
        (229.7, 322.5), (253.4, 333.9), (270.3, 334.8), (287.2, 332.4), (310.8, 318.9), (330.0, 298.0),
        (338.0, 283.2), (343.0, 265.5), (354.2, 223.6), (354.5, 204.6), (350.5, 176.2), (184.9, 166.5),
        (196.4, 164.3), (208.2, 160.4), (224.3, 160.8), (243.2, 162.3), (283.1, 160.1), (302.2, 156.6),
        (318.6, 154.5), (331.3, 157.1), (343.8, 158.4), (264.0, 183.5), (264.5, 204.1), (265.0, 223.8),
        (265.3, 236.0), (247.3, 246.8), (255.3, 251.9), (266.3, 252.0), (277.4, 250.8), (285.1, 245.0),
        (204.8, 190.2), (213.0, 185.1), (227.0, 183.7), (241.3, 191.2), (229.9, 194.2), (216.2, 194.7),
        (288.3, 188.7), (302.1, 179.8), (316.3, 179.7), (325.2, 184.0), (313.8, 189.7), (299.9, 190.5),
        (231.6, 278.1), (245.4, 271.6), (256.2, 269.4), (267.0, 270.6), (277.7, 268.4), (288.9, 269.6),
        (304.0, 274.7), (287.7, 287.3), (278.5, 290.8), (268.0, 292.0), (257.6, 291.8), (248.3, 289.2),
        (236.2, 277.3), (259.1, 277.9), (267.4, 278.1), (275.8, 277.1), (299.4, 274.3), (276.3, 279.1),
        (267.5, 279.8), (258.8, 279.9),
    ],
    dtype=np.float32,
)  # fmt: skip


def admiral_rgb() -> NDArray[np.uint8]:
    """The portrait, uint8 (600, 512, 3); it lies inside matplotlib's wheel.

    Raises:
        MissingDependencyError: matplotlib is not installed, or without its sample data.
    """
    package = importlib.util.find_spec("matplotlib")  # looked up and not imported: its file alone is wanted
    path = Path((package.origin if package else None) or "").with_name("mpl-data") / "sample_data" / "grace_hopper.jpg"
    if not path.is_file():
        raise MissingDependencyError(
            "the second portrait cannot be made", "matplotlib's sample data is missing", "pip install matplotlib"
        )
    return np.array(Image.open(path).convert("RGB"), dtype=np.uint8)
