"""Genuine faces sent through an autoencoder and laid back, so that only a decoder's traces tell them apart."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.faces.alignment import MEAN_LANDMARKS5, similarity_transform
from deepfake_hf.synthesis.face_swap import checked_landmarks, face_region, mix, soft_face_mask, with_forehead
from deepfake_hf.synthesis.mismatch import MismatchSettings, mismatch
from deepfake_hf.synthesis.reconstructor import Reconstructor

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]
Mask = NDArray[np.float32]

_FILL: Final = 0.86  # size of the face in the net's square, of that in the training crops, so that the brow has room
_LOWER: Final = 0.02  # and how much lower it lies
_EDGE: Final = 0.06  # where the mask falls to 0 inside the net's square, in its sides
_SOFTNESS: Final = 0.06


def reconstruct_face(
    rgb: Rgb,
    landmarks_xy: Points,
    model: Reconstructor,
    size: int | None = None,
    change: MismatchSettings | None = None,
) -> tuple[Rgb, Mask]:
    """Send one face through an autoencoder and blend it back.

    Args:
        rgb: uint8 (H, W, 3).
        landmarks_xy: float32 (68, 2), iBUG order, pixels.
        model: The autoencoder.
        size: Side of the square that goes through it, pixels, a multiple of 8; None: the side it was trained at, which
            blurs a larger face.
        change: Of colour and frequencies, which the rebuilt face gets before it is laid back; None: none.

    Returns:
        The picture, uint8 (H, W, 3), and the weight of the rebuilt face, float32 (H, W) in [0, 1].

    Raises:
        UsageError: Landmarks that are not those of a face.
    """
    points = with_forehead(checked_landmarks(landmarks_xy, "picture"))
    size = size or model.config.image_size
    matrix = similarity_transform(points5(landmarks_xy), _places() * size)
    made = _rebuild(rgb, matrix, size, model)
    if change is not None:
        made = mismatch(made, change, size)
    out, whole_mask = rgb.copy(), np.zeros(rgb.shape[:2], np.float32)
    region = face_region(points, *rgb.shape[:2])
    part = rgb[region]
    if not part.size:
        return out, whole_mask
    corner = np.array([region[1].start, region[0].start], np.float64)
    back = matrix.copy()
    back[:, 2] += matrix[:, :2] @ corner
    shape = part.shape[1::-1]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    laid = np.asarray(cv2.warpAffine(made, back, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    window = cv2.warpAffine(_window(size), back, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    mask = soft_face_mask(np.asarray(points - corner, np.float32), part.shape[0], part.shape[1], _SOFTNESS) * window
    out[region], whole_mask[region] = mix(part, laid, mask), mask
    return out, whole_mask


def reconstruct_picture(rgb: Rgb, model: Reconstructor) -> Rgb:
    """Send a whole picture through an autoencoder at its own size, as a generated picture has a decoder's traces
    everywhere: uint8 (H, W, 3) to the same. Sides are padded to multiples of 8 by reflection, and cut again."""
    height, width = rgb.shape[:2]
    padded = cv2.copyMakeBorder(rgb, 0, -height % 8, 0, -width % 8, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(_through(np.asarray(padded, np.uint8), model)[:height, :width])


def own_size(landmarks_xy: Points, model: Reconstructor) -> int:
    """The side at which a face goes through at about its own size: a multiple of 8, from the net's side to twice it."""
    scale = float(np.hypot(*similarity_transform(points5(landmarks_xy), _places())[:, 0]))  # net's squares a pixel
    return int(np.clip(round(1.0 / scale / 8) * 8, model.config.image_size, 2 * model.config.image_size))


def points5(landmarks_xy: Points) -> Points:
    """Eyes, tip of the nose and corners of the mouth of 68 points: float32 (5, 2), viewer's left first."""
    left, right = landmarks_xy[36:42].mean(axis=0), landmarks_xy[42:48].mean(axis=0)
    return np.stack([left, right, landmarks_xy[30], landmarks_xy[48], landmarks_xy[54]]).astype(np.float32)


def _places() -> Points:
    """Where the five points come to lie, in sides of the net's square."""
    return np.asarray((MEAN_LANDMARKS5 - 0.5) * _FILL + (0.5, 0.5 + _LOWER), np.float32)


def _rebuild(rgb: Rgb, matrix: NDArray[np.float64], size: int, model: Reconstructor) -> Rgb:
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:  # bilinear sampling would skip pixels: blur what is finer than the new pixels first
        rgb = cv2.GaussianBlur(rgb, (0, 0), 0.4 / scale).astype(np.uint8, copy=False)
    crop = cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return _through(np.asarray(crop, np.uint8), model)


@torch.inference_mode()
def _through(rgb: Rgb, model: Reconstructor) -> Rgb:
    device = next(model.parameters()).device
    pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].float().to(device) / 255  # (1, 3, H, W)
    made = model(pixels)[0].clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(made.permute(1, 2, 0).cpu().numpy())


def _window(size: int) -> Mask:
    ramp = np.minimum(np.arange(size), np.arange(size)[::-1]).astype(np.float32) / (_EDGE * size)
    return np.minimum.outer(np.clip(ramp, 0, 1), np.clip(ramp, 0, 1)).astype(np.float32)
