"""scikit-image's portrait of the astronaut Eileen Collins (NASA, public domain) and its 68 face landmarks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError

# iBUG order, pixels of the 512 x 512 picture. Placed by MediaPipe's face mesh on a fourfold enlargement and checked by
# eye on a fivefold one.
LANDMARKS_XY: Final[NDArray[np.float32]] = np.array(
    [
        (180.2, 101.9), (180.0, 110.7), (180.0, 119.9), (180.7, 129.9), (182.8, 140.7), (190.7, 156.5),
        (196.5, 163.1), (207.0, 172.9), (222.4, 178.0), (238.1, 174.8), (249.5, 166.5), (256.1, 160.7),
        (265.7, 146.0), (268.7, 135.5), (270.3, 125.6), (271.2, 116.4), (271.9, 107.6), (189.2, 90.7),
        (193.5, 87.9), (199.9, 87.0), (207.8, 88.6), (216.8, 90.9), (236.5, 92.1), (246.1, 91.4),
        (254.2, 91.3), (260.2, 93.1), (263.8, 96.3), (225.5, 101.2), (225.2, 106.3), (224.6, 115.8),
        (223.9, 126.6), (210.8, 129.4), (217.8, 132.3), (223.7, 133.4), (229.9, 132.9), (237.4, 130.7),
        (196.1, 101.0), (200.2, 98.4), (207.1, 98.6), (214.2, 104.3), (207.7, 104.9), (200.9, 104.4),
        (236.7, 105.1), (245.0, 100.8), (252.3, 101.5), (256.1, 104.5), (250.4, 106.8), (243.4, 106.3),
        (202.5, 139.6), (207.7, 139.4), (217.3, 139.5), (223.5, 140.7), (230.1, 140.0), (240.3, 140.5),
        (245.7, 141.1), (239.7, 149.6), (229.4, 155.5), (222.9, 156.0), (216.5, 154.9), (207.5, 148.3),
        (204.0, 140.2), (213.2, 141.8), (223.5, 143.5), (234.4, 142.5), (244.2, 141.6), (233.6, 149.1),
        (223.1, 150.8), (213.2, 148.3),
    ],
    dtype=np.float32,
)  # fmt: skip


def astronaut_rgb() -> NDArray[np.uint8]:
    """The portrait, uint8 (512, 512, 3), a copy; it lies inside scikit-image's wheel.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise MissingDependencyError(
            "the demo's portrait cannot be made", "scikit-image is not installed", "pip install 'deepfake-hf[space]'"
        ) from error
    return np.array(data.astronaut(), dtype=np.uint8)
