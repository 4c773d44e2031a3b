"""The 68 landmarks of a face, from the bundle's regressor: offline, a small CNN on the face crop."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.faces import TRAINING_FRAMING, Framing, crop_face
from deepfake_hf.inference.branch import quiet_loading
from deepfake_hf.models.modeling_landmarks import LandmarkRegressor


class LandmarkFinder:
    """Finds 68 points (iBUG order) in a detected face.

    Args:
        folder: of the regressor, in the bundle.
        device: to run on.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        with quiet_loading():
            model = LandmarkRegressor.from_pretrained(folder, dtype=torch.float32)
        self.model = model.to(device).eval()
        self.device = device
        self._mean = torch.tensor(list(model.config.image_mean))[:, None, None]
        self._std = torch.tensor(list(model.config.image_std))[:, None, None]

    def find(
        self, rgb: NDArray[np.uint8], box_xyxy: NDArray[np.float32], framing: Framing = TRAINING_FRAMING
    ) -> NDArray[np.float32]:
        """Landmarks of one face.

        Args:
            rgb: uint8 (H, W, 3), the whole upright frame.
            box_xyxy: float32 (4,), the detector's box, pixels of ``rgb``.
            framing: what the crop takes beyond the box.

        Returns:
            float32 (68, 2), pixels of ``rgb``.
        """
        side = int(self.model.config.image_size)
        crop = crop_face(rgb, box_xyxy, 224, framing)
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(small).permute(2, 0, 1).float() / 255  # (3, S, S)
        with torch.inference_mode():
            points = self.model(((pixels - self._mean) / self._std)[None].to(self.device)).landmarks_xy[0]
        height, width = rgb.shape[:2]
        whole = np.array([0, 0, width, height], np.float32)
        box = box_xyxy if np.array_equal(box_xyxy, whole) else framing.apply(box_xyxy)
        corner, extent = box[:2], box[2:] - box[:2]
        return np.asarray(points.cpu().numpy() * extent + corner, np.float32)
