"""Maps of a face crop: (H, W), strong where the face branch finds what speaks for a fake.

Grad-CAM is a few lines over torch's hooks here: captum and grad-cam are not among the dependencies, and neither knows a
model that also sees the mirror image of its input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepfake_hf.errors import UsageError
from deepfake_hf.evidence.maps.heat_map import VIEWS, HeatMap, Rgb, checked_crop, moved, moved_back, strongest_is_one
from deepfake_hf.inference.branch import FrameBranch
from deepfake_hf.inference.face_graph import FaceGraph

CELL: Final = 16  # pixels of the input a cell: deeper maps of these nets no longer keep places apart (docs/maps.md)
_NOISE_DRAWS: Final = 8
_NOISE: Final = 0.06  # standard deviation, in normalised pixels
_FINEST: Final = 0.035  # of the crop's side, which gradients by pixel are smoothed with
_PATCH: Final = 0.28  # of the crop's side
_STEPS: Final = 7  # patches a side
_SEED: Final = 5
_RELATIVE: Final = "share of the strongest place"


def face_map(kind: str, branch: Any, crop: Rgb) -> HeatMap:
    """A map of a face.

    Args:
        kind: ``joint_cam``, ``grad_cam``, ``layer_cam``, ``smooth_gradient``, ``occlusion`` or ``attention_mask``.
        branch: A :class:`~deepfake_hf.inference.branch.FrameBranch`, or a graph in float32 of one; ``occlusion`` takes
            any branch of crops.
        crop: uint8 (H, W, 3), as the branch scores it.

    Returns:
        float32 (H, W) in [0, 1]. The same crop and weights give the same map.

    Raises:
        UsageError: There is no such kind, this model can't give it, or the crop is none.

    Source: Selvaraju et al. 2017 (Grad-CAM, arXiv:1610.02391), Jiang et al. 2021 (LayerCAM), Smilkov et al. 2017
    (SmoothGrad, arXiv:1706.03825), Zeiler & Fergus 2014 (occlusion, arXiv:1311.2901).
    """
    checked_crop(crop)
    makers: dict[str, Callable[[str, Any, Rgb], HeatMap]] = {
        **dict.fromkeys(("joint_cam", "grad_cam", "layer_cam"), _class_activation),
        "smooth_gradient": _smooth_gradient,
        "occlusion": _occlusion,
        "attention_mask": _attention_mask,
    }
    if kind not in makers:
        raise UsageError(f"the map {kind!r} of a face", "there is no such kind", f"choose one of {', '.join(makers)}")
    return makers[kind](kind, branch, crop)


def _in_torch(kind: str, branch: Any) -> FrameBranch:
    if isinstance(branch, FaceGraph) and branch.graph.facts["numbers"] == "float32":
        branch = branch.in_torch  # the same weights
    if not isinstance(branch, FrameBranch):
        raise UsageError(
            f"the map {kind!r}",
            "it needs the gradients or masks of one of our face models in torch",
            "run it with --runtime torch, or take the map 'occlusion'",
        )
    return branch


def _layer(model: Any) -> torch.nn.Module:
    """The last module of the backbone with a cell of CELL pixels."""
    names = [info["module"] for info in model.backbone.feature_info if info["reduction"] == CELL]
    try:
        return model.backbone.get_submodule(names[-1])  # type: ignore[no-any-return]
    except (IndexError, AttributeError):
        raise UsageError(
            "a class activation map", f"this backbone has no stage of {CELL} pixels a cell", "take the map 'occlusion'"
        ) from None


def _pixels(branch: FrameBranch, crops: list[Rgb]) -> Tensor:
    pixels: Tensor = branch.processor(crops, return_tensors="pt")["pixel_values"].to(branch.device)
    return pixels


def _class_activation(kind: str, branch: Any, crop: Rgb) -> HeatMap:
    return class_activations(branch, crop)[kind]


def _margin(model: Any, pixels: Tensor) -> Tensor:
    logits = model(pixels).logits
    total: Tensor = (logits[:, 1] - logits[:, 0]).sum()
    return total


def class_activations(branch: Any, crop: Rgb) -> dict[str, HeatMap]:
    """``grad_cam``, ``layer_cam`` and ``joint_cam`` of a face, all from one pass; as :func:`face_map`."""
    checked_crop(crop)
    branch = _in_torch("grad_cam", branch)
    model = branch.model
    height, width = crop.shape[:2]
    views = [moved(crop, view) for view in VIEWS]
    kept: list[Tensor] = []
    handle = _layer(model).register_forward_hook(lambda module, given, made: kept.append(made))
    try:
        with torch.enable_grad():
            pixels = _pixels(branch, [seen for seen, _ in views]).requires_grad_(True)
            pixel_slope, *slopes = torch.autograd.grad(_margin(model, pixels), [pixels, *kept])
    finally:
        handle.remove()
    layers: dict[str, Tensor] = {"grad_cam": torch.zeros(()), "layer_cam": torch.zeros(())}
    for turn, (features, slope) in enumerate(zip(kept, slopes, strict=True)):  # twice where the mirror image counts
        mean = (slope.mean((2, 3), keepdim=True) * features.detach()).sum(1).relu()  # (views, h, w)
        own = (slope.relu() * features.detach().relu()).sum(1)
        for name, found in (("grad_cam", mean), ("layer_cam", own)):
            layers[name] = layers[name] + (found.flip(2) if turn else found).cpu()
    layers["gradient"] = pixel_slope.abs().amax(1).cpu()
    maps = {}
    for name, grids in layers.items():
        total = np.zeros((height, width))
        for grid, (_, matrix) in zip(grids.double().numpy(), views, strict=True):
            smooth = _smoothed(grid, height, width) if name == "gradient" else grid
            total += moved_back(smooth, matrix, height, width)
        maps[name] = strongest_is_one(name, total, _RELATIVE)
    gradient = maps.pop("gradient").values
    joint = _smoothed(maps["grad_cam"].values * maps["layer_cam"].values * gradient, height, width)
    return {**maps, "joint_cam": strongest_is_one("joint_cam", np.sqrt(joint), _RELATIVE)}


def _smoothed(grid: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    fine = cv2.resize(np.asarray(grid, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), _FINEST * min(height, width)), np.float32)


def _smooth_gradient(kind: str, branch: Any, crop: Rgb) -> HeatMap:
    branch = _in_torch(kind, branch)
    model = branch.model
    generator = torch.Generator().manual_seed(_SEED)
    pixels = _pixels(branch, [crop])
    noise = torch.randn((_NOISE_DRAWS, *pixels.shape[1:]), generator=generator).to(pixels) * _NOISE
    with torch.enable_grad():
        given = (pixels + noise).requires_grad_(True)
        (slope,) = torch.autograd.grad(_margin(model, given), given)
    strength = slope.abs().amax(1).mean(0).cpu().numpy()  # (h, w)
    return strongest_is_one(kind, _smoothed(strength, *crop.shape[:2]), _RELATIVE)


def _occlusion(kind: str, branch: Any, crop: Rgb) -> HeatMap:
    """Patches take the crop's mean colour, with a soft edge, so that none is cut into the picture."""
    height, width = crop.shape[:2]
    colour = crop.mean((0, 1), dtype=np.float32)
    masks = _patches(height, width)
    hidden = [(crop + (colour - crop) * mask[..., None]).astype(np.uint8) for mask in masks]
    margins = branch.score([crop, *hidden])
    fall = sum(mask * float(margins[0] - one) for mask, one in zip(masks, margins[1:], strict=True))
    return strongest_is_one(kind, fall / np.maximum(sum(masks), 1e-6), "fall of logit_fake", measured=True)


def _patches(height: int, width: int) -> list[NDArray[np.float32]]:
    rows, columns = np.mgrid[:height, :width]
    made = []
    for y in np.linspace(0, height - 1, _STEPS):
        for x in np.linspace(0, width - 1, _STEPS):
            inside = (abs(rows - y) < _PATCH * height / 2) & (abs(columns - x) < _PATCH * width / 2)
            made.append(np.asarray(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.02 * min(height, width))))
    return made


def _attention_mask(kind: str, branch: Any, crop: Rgb) -> HeatMap:
    branch = _in_torch(kind, branch)
    model = branch.model
    with torch.inference_mode():
        mask = model(_pixels(branch, [crop])).attention_mask_map
    if mask is None:
        raise UsageError("the attention mask", "this model has no attention", "take a model of the AutoAtt family")
    height, width = crop.shape[:2]
    grid = mask[0].float().sum(0).cpu().numpy()  # over heads or maps: (h, w)
    fine = np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    if model.config.attention == "auto":  # one mask in [0, 1], shown as it is
        return HeatMap(kind, np.clip(fine, 0, 1), "weight of the mask", 1.0)
    return strongest_is_one(kind, fine, _RELATIVE)
