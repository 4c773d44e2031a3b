"""Training of the landmark regressor on the 68 points that come with the face crops."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.models.configuration_landmarks import LandmarkRegressorConfig
from deepfake_hf.models.modeling_landmarks import LandmarkRegressor
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.face_data import load_faces
from deepfake_hf.training.model_start import settings_of
from deepfake_hf.training.stage import HeldOut, Loss, Stage

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


class LandmarkStage(Stage):
    """The 68-point regressor; the epoch with the least error on the sources set aside is kept."""

    uses: ClassVar[frozenset[str]] = frozenset({"data.source", "data.path", "data.batch", "data.balance"})
    model: Any

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        if config.data.balance != "none":
            raise UsageError(f"data.balance {config.data.balance}", "every face counts here", "set it to none")
        net = LandmarkRegressorConfig(**config.model)
        self.parts = {
            part: _load_part(config.data.path, part, net.image_size) for part in ("train", "dev", "validation")
        }
        rgb, points = self.parts["train"]
        self.batch, self.steps_per_epoch = config.data.batch, len(rgb) // config.data.batch
        if not self.steps_per_epoch:
            raise DataError(
                f"{len(rgb)} crops in {config.data.path}", f"a batch takes {self.batch}", "use a smaller batch"
            )
        self.model = LandmarkRegressor(net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():  # start from the mean face
            self.model.head.bias.copy_(torch.from_numpy(points.mean(0).reshape(-1)))
        self.mean, self.std = _channel(net.image_mean), _channel(net.image_std)
        self.dev, self.report = self._held("dev"), self._held("validation")

    def _held(self, part: str) -> HeldOut:
        count = len(self.parts[part][0])
        return HeldOut(
            part, [(part, i) for i in range(count)], np.zeros(count, np.int64), [str(i) for i in range(count)]
        )

    def units(self, step: int) -> Sequence[tuple[int, int]]:
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.parts["train"][0]))
        return [(int(i), step) for i in order[place * self.batch : (place + 1) * self.batch]]

    def make(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """float32 (3, S, S) in [0, 1] and (68, 2) in crop sides, augmented together."""
        index, step = key
        rgb, points = self.parts["train"]
        seed = np.random.default_rng([self.config.seed, step, index]).integers(2**62)
        generator = torch.Generator().manual_seed(int(seed))
        pixels = torch.from_numpy(rgb[index]).permute(2, 0, 1)[None].float() / 255
        pixels, labels = augment_batch(pixels, torch.from_numpy(points[index])[None], generator)
        return pixels[0], labels[0]

    def collate(self, made: list[tuple[Tensor, Tensor]]) -> dict[str, Any]:
        """``pixel_values`` float32 (B, 3, S, S), normalised, and ``labels`` float32 (B, 68, 2)."""
        pixels = torch.stack([one for one, _ in made])
        return {"pixel_values": (pixels - self.mean) / self.std, "labels": torch.stack([one for _, one in made])}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        loss: Tensor = model(batch["pixel_values"], labels=batch["labels"]).loss
        return loss, {}

    def score(self, model: Any, items: Sequence[tuple[str, int]], step: int) -> NDArray[np.float64]:
        """The error of each face."""
        if not items:
            return np.zeros(0)
        rgb, points = self.parts[items[0][0]]
        indices = [i for _, i in items]
        return normalised_mean_error(predict_landmarks(model, rgb[indices]), points[indices]).astype(np.float64)

    def figures(self, scores: NDArray[np.float64], held: HeldOut, step: int) -> dict[str, float]:
        return {
            "nme": float(scores.mean()),
            "nme_median": float(np.median(scores)),
            "failures_over_0.1": float((scores > 0.1).mean()),
            "loss": float(scores.mean()),
        }

    def interval(self, scores: NDArray[np.float64], held: HeldOut) -> dict[str, Any]:
        return {"part": held.name}

    def save_processor(self, folder: Path) -> None:
        """None: the configuration holds size, mean and std."""


def publish_landmarks(run: Path, out: Path) -> dict[str, float]:
    """Save the best weights of a run in half precision, with the figures of these.

    Args:
        run: Run folder of the stage ``landmarks``.
        out: Gets ``config.json``, ``model.safetensors`` and ``metrics.json``.

    Returns:
        The figures of ``metrics.json``: errors over the distance of the outer eye corners on ``dev`` (set aside) and
        ``validation``, with their counts.
    """
    settings = settings_of(run)
    LandmarkRegressor.from_pretrained(run / "model").half().save_pretrained(out)
    saved = LandmarkRegressor.from_pretrained(out, dtype=torch.float32)
    own = json.loads((run / "metrics.json").read_text())
    figures: dict[str, float] = {"seconds": own["seconds"]}
    for part in ("train", "dev", "validation"):
        rgb, true = _load_part(settings["data"]["path"], part, saved.config.image_size)
        figures[f"num_{part}"] = len(rgb)
        if part == "train":
            continue
        errors = normalised_mean_error(predict_landmarks(saved, rgb), true)
        figures[f"nme_{part}"] = float(errors.mean())
        figures[f"nme_median_{part}"] = float(np.median(errors))
        figures[f"failures_over_0.1_{part}"] = float((errors > 0.1).mean())
    (out / "metrics.json").write_text(json.dumps(figures, indent=2))
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
