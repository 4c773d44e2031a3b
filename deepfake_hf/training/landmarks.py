"""Training of the landmark regressor on the 68 points that come with the face crops."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from deepfake_hf.errors import DataError
from deepfake_hf.models.configuration_landmarks import LandmarkRegressorConfig
from deepfake_hf.models.modeling_landmarks import LandmarkRegressor
from deepfake_hf.training.face_data import load_faces

# Where each iBUG point lies after the picture is mirrored: point i of the mirrored face is point FLIP[i] of the face.
FLIP: Final[tuple[int, ...]] = (
    *range(16, -1, -1),  # jaw 0-16
    *range(26, 16, -1),  # brows 17-26
    *range(27, 31),  # bridge of the nose
    *range(35, 30, -1),  # nostrils 31-35
    *(45, 44, 43, 42, 47, 46),  # eye 36-41 takes from 42-47
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),  # outer lip, upper 48-54
    *range(59, 54, -1),  # outer lip, lower 55-59
    *range(64, 59, -1),  # inner lip, upper 60-64
    *range(67, 64, -1),  # inner lip, lower 65-67
)


def flip_landmarks(landmarks_xy: Tensor) -> Tensor:
    """Mirror points (..., 68, 2) in crop sides: x becomes 1 - x and left swaps with right."""
    mirrored = landmarks_xy[..., list(FLIP), :].clone()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    return mirrored


def normalised_mean_error(predicted: NDArray[np.float32], true: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean distance of the 68 points over the distance of the outer eye corners (36, 45), per face (N,).

    Args:
        predicted: float (N, 68, 2), any unit.
        true: The same shape and unit.

    Source: the inter-ocular normalisation of Sagonas et al. 2016, "300 Faces In-The-Wild Challenge".
    """
    distance = np.linalg.norm(predicted - true, axis=2).mean(axis=1)
    between_eyes = np.linalg.norm(true[:, 36] - true[:, 45], axis=1)
    return np.asarray(distance / between_eyes, dtype=np.float32)


def augment_batch(pixels: Tensor, landmarks_xy: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror, rotate (15 degrees), scale (0.85 to 1.2 of the field of view) and shift (8 %), then light and contrast.

    Args:
        pixels: float (B, 3, S, S) in [0, 1].
        landmarks_xy: float (B, 68, 2) in crop sides.
        generator: Source of chance.

    Returns:
        Both, changed together; what lies outside the picture repeats its border.
    """
    count = len(pixels)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    mirror = uniform(0, 1) < 0.5
    pixels = torch.where(mirror[:, None, None, None], pixels.flip(3), pixels)
    landmarks_xy = torch.where(mirror[:, None, None], flip_landmarks(landmarks_xy), landmarks_xy)
    angle, field = uniform(-math.pi / 12, math.pi / 12), uniform(0.85, 1.2)
    cos, sin = angle.cos() * field, angle.sin() * field
    matrix = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (B, 2, 2): new to old place
    shift = torch.stack([uniform(-0.16, 0.16), uniform(-0.16, 0.16)], 1)[..., None]  # in half sides, as grid_sample
    grid = functional.affine_grid(torch.cat([matrix, shift], 2), list(pixels.shape), align_corners=False)
    pixels = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    centred = landmarks_xy.transpose(1, 2) * 2 - 1 - shift  # (B, 2, 68)
    landmarks_xy = (torch.linalg.solve(matrix, centred) + 1).transpose(1, 2) / 2
    gain, offset = uniform(0.6, 1.4)[:, None, None, None], uniform(-0.15, 0.15)[:, None, None, None]
    return ((pixels - 0.5) * gain + 0.5 + offset).clamp(0, 1), landmarks_xy


def train_landmarks(
    data_dir: str | Path,
    out_dir: str | Path,
    epochs: int = 10,
    seed: int = 7,
    config: LandmarkRegressorConfig | None = None,
    batch_size: int = 64,
    learning_rate: float = 4e-3,
) -> dict[str, float]:
    """Train, keep the epoch with the least error on the sources set aside, and save it in fp16.

    Args:
        data_dir: Holds ``faces-*.parquet``.
        out_dir: Gets ``config.json``, ``model.safetensors`` and ``metrics.json``.
        epochs: Passes over the training crops; the learning rate goes up and down once over them.
        seed: Of initialisation, order and augmentation.
        config: Of the model; None for the defaults.
        batch_size: Crops a step.
        learning_rate: Highest of the one-cycle schedule.

    Returns:
        The figures of ``metrics.json``: errors over the distance of the outer eye corners on ``dev`` (set aside) and
        ``validation``, with their counts.

    Raises:
        DataError: There are no crops with landmarks.
    """
    set_seed(seed)
    clock = time.monotonic()
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    config = config or LandmarkRegressorConfig()
    config.weights_origin = "trained"
    parts = {part: _load_part(data_dir, part, config.image_size) for part in ("train", "dev", "validation")}
    train_rgb, train_xy = parts["train"]
    model = LandmarkRegressor(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():  # start from the mean face
        model.head.bias.copy_(torch.from_numpy(train_xy.mean(0).reshape(-1)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    steps = len(train_rgb) // batch_size
    if not steps:
        raise DataError(f"{len(train_rgb)} crops in {data_dir}", f"a batch takes {batch_size}", "use a smaller batch")
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps * epochs + 1)
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    generator = torch.Generator().manual_seed(seed)
    mean, std = _channel(config.image_mean), _channel(config.image_std)
    best, best_state = math.inf, {}
    for epoch in range(epochs):
        model.train()
        losses = []
        order = torch.randperm(len(train_rgb), generator=generator).numpy()
        for start in range(0, steps * batch_size, batch_size):
            chosen = order[start : start + batch_size]
            pixels = torch.from_numpy(train_rgb[chosen]).permute(0, 3, 1, 2).float() / 255
            pixels, labels = augment_batch(pixels, torch.from_numpy(train_xy[chosen]), generator)
            pixels = ((pixels - mean) / std).to(accelerator.device, memory_format=torch.channels_last)
            loss = model(pixels, labels=labels.to(accelerator.device)).loss
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(float(loss.detach()))
        plain = accelerator.unwrap_model(model)
        error = float(normalised_mean_error(predict_landmarks(plain, parts["dev"][0]), parts["dev"][1]).mean())
        print(f"epoch {epoch} loss {np.mean(losses):.5f} dev {error:.4f} {time.monotonic() - clock:.0f} s", flush=True)
        if error < best:
            best = error
            best_state = {name: tensor.detach().clone() for name, tensor in plain.state_dict().items()}
    plain = accelerator.unwrap_model(model)
    plain.load_state_dict(best_state)
    plain.half().save_pretrained(out_dir)
    # the figures are those of the stored half-precision weights
    saved = LandmarkRegressor.from_pretrained(out_dir, dtype=torch.float32)
    figures: dict[str, float] = {"num_train": len(train_rgb), "seconds": round(time.monotonic() - clock, 1)}
    for part in ("dev", "validation"):
        rgb, true = parts[part]
        errors = normalised_mean_error(predict_landmarks(saved, rgb), true)
        figures[f"nme_{part}"] = float(errors.mean())
        figures[f"nme_median_{part}"] = float(np.median(errors))
        figures[f"failures_over_0.1_{part}"] = float((errors > 0.1).mean())
        figures[f"num_{part}"] = len(errors)
    (Path(out_dir) / "metrics.json").write_text(json.dumps(figures, indent=2))
    return figures


@torch.inference_mode()
def predict_landmarks(model: LandmarkRegressor, rgb: NDArray[np.uint8], batch_size: int = 256) -> NDArray[np.float32]:
    """uint8 crops (N, S, S, 3) to float32 (N, 68, 2) in crop sides."""
    model.eval()
    mean, std = _channel(model.config.image_mean), _channel(model.config.image_std)
    answers = []
    for start in range(0, len(rgb), batch_size):
        pixels = torch.from_numpy(rgb[start : start + batch_size]).permute(0, 3, 1, 2).float() / 255
        answers.append(model(((pixels - mean) / std).to(model.device)).landmarks_xy.cpu().numpy())
    return np.concatenate(answers)


def _channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(list(values))[:, None, None]


def _load_part(data_dir: str | Path, part: str, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops uint8 (N, size, size, 3) and their points float32 (N, 68, 2) in crop sides; both classes, all sources."""
    rows = [row for row in load_faces(data_dir, part) if row.landmarks_xy is not None]
    if not rows:
        raise DataError(f"no {part} crops with landmarks in {data_dir}", "every row is null", "use shards with points")
    rgb = np.empty((len(rows), size, size, 3), np.uint8)
    points = np.empty((len(rows), 68, 2), np.float32)
    for index, row in enumerate(rows):
        picture = row.rgb()
        height, width = picture.shape[:2]
        rgb[index] = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        assert row.landmarks_xy is not None
        points[index] = row.landmarks_xy / np.array([width, height], dtype=np.float32)
    return rgb, points
