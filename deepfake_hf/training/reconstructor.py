"""Training of the face autoencoders whose traces ``deepfake-hf synth reconstruct`` leaves on genuine faces."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import l1_loss, relu
from torch.nn.utils.parametrizations import spectral_norm

from deepfake_hf.errors import DataError
from deepfake_hf.labels import REAL
from deepfake_hf.synthesis.reconstructor import (
    Reconstructor,
    ReconstructorConfig,
    load_reconstructor,
    save_reconstructor,
)
from deepfake_hf.training.face_data import FaceRow, load_faces

_EDGES: Final = 0.5  # weight of the differences of neighbouring pixels beside the pixels themselves
_CHECKPOINT_EVERY: Final = 200


@dataclass(frozen=True)
class ReconstructorRecipe:
    """A run.

    Args:
        data: Folder of the face crops; only genuine ones of ``train`` are learned from.
        out: Run folder: recipe, log, checkpoint, model.
        config: The net.
        steps: Of the optimiser.
        batch: Faces a step.
        learning_rate: Highest; warms up over a twentieth of the steps, then falls as a cosine to 0.
        adversarial_weight: Of the discriminator's word in the loss, where the net is adversarial.
        adversarial_from: Share of the steps before the discriminator has a word; it learns from the start.
        seed: Of everything random; a step's batch is a function of seed and step.
        mixed_precision: bf16, fp16 or no.
    """

    data: str
    out: str
    config: ReconstructorConfig = field(default_factory=ReconstructorConfig)
    steps: int = 1200
    batch: int = 16
    learning_rate: float = 2e-3
    adversarial_weight: float = 0.02
    adversarial_from: float = 0.3
    seed: int = 0
    mixed_precision: str = "no"


class PatchDiscriminator(nn.Module):
    """Says of each patch of 22 pixels whether it looks genuine: (B, 3, S, S) -> (B, 1, S / 8, S / 8).

    Sources: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks" (patches); Miyato et
    al. 2018, "Spectral Normalization for Generative Adversarial Networks".
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, to in ((3, 32), (32, 64), (64, 96)):
            layers += [spectral_norm(nn.Conv2d(width, to, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, spectral_norm(nn.Conv2d(96, 1, 1)))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.body(pixels * 2 - 1)


def learning_rate_at(step: int, recipe: ReconstructorRecipe) -> float:
    """The rate of one step: a short rise, then half a cosine to 0."""
    warm = max(1, recipe.steps // 20)
    fall = (step - warm) / max(1, recipe.steps - warm)
    return recipe.learning_rate * min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * max(0.0, fall))))


def face_batch(rows: list[FaceRow], size: int, count: int, rng: np.random.Generator) -> Tensor:
    """Genuine crops, mirrored, turned (12 degrees), scaled (0.75 to 1.1) and shifted (6 %) at random.

    Args:
        rows: To draw from.
        size: Side, pixels.
        count: How many.
        rng: Source of chance.

    Returns:
        float32 (count, 3, size, size) in [0, 1].
    """
    made = np.empty((count, size, size, 3), np.uint8)
    for place, index in enumerate(rng.integers(len(rows), size=count)):
        rgb = rows[int(index)].rgb()
        side = rgb.shape[0]
        scale = float(rng.uniform(0.75, 1.1)) * size / side
        matrix = cv2.getRotationMatrix2D((side / 2, rgb.shape[0] / 2), float(rng.uniform(-12, 12)), scale)
        matrix[:, 2] += size / 2 - side / 2 + rng.uniform(-0.06, 0.06, 2) * size
        turned = cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        made[place] = turned[:, ::-1] if rng.random() < 0.5 else turned
    return _pixels(made)


def train_reconstructor(recipe: ReconstructorRecipe, resume: bool = False) -> Path:
    """Train one net, adversarially where its config says so.

    Args:
        recipe: The run.
        resume: Go on from the checkpoint in ``recipe.out``; without one, begin.

    Returns:
        The folder of the saved model; ``metrics.json`` beside it holds PSNR and SSIM on genuine ``validation`` faces.

    Raises:
        DataError: There are no genuine faces.
    """
    set_seed(recipe.seed)
    rows = _genuine(recipe.data, "train")
    accelerator = Accelerator(mixed_precision=recipe.mixed_precision, cpu=not torch.cuda.is_available())
    out, checkpoint = Path(recipe.out), Path(recipe.out) / "checkpoint"
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
    model, critic = Reconstructor(recipe.config), PatchDiscriminator()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=1e-4)
    critic_optimizer = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.5, 0.9), weight_decay=0.0)
    model, critic, optimizer, critic_optimizer = accelerator.prepare(
        model.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        critic.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        optimizer,
        critic_optimizer,
    )
    start = 0
    if resume and (checkpoint / "progress.json").exists():
        accelerator.load_state(str(checkpoint))
        start = json.loads((checkpoint / "progress.json").read_text())["step"]
    clock, losses = time.monotonic(), []
    # Not loop.Run: that has one optimiser, a transformers model of a preset and two classes to score. Two nets learn
    # from each other here, and what is held out are pictures, so that a stage of it would be longer than these lines.
    for step in range(start, recipe.steps):
        rng = np.random.default_rng([recipe.seed, step, accelerator.process_index])
        genuine = face_batch(rows, recipe.config.image_size, recipe.batch, rng)
        genuine = genuine.to(accelerator.device, memory_format=torch.channels_last)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, recipe)
        with accelerator.autocast():
            rebuilt = model(genuine).float()
            loss = _likeness(rebuilt, genuine)
            if recipe.config.adversarial and step >= recipe.adversarial_from * recipe.steps:
                loss = loss - recipe.adversarial_weight * critic(rebuilt).float().mean()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if recipe.config.adversarial:
            _teach(accelerator, critic, critic_optimizer, genuine, rebuilt.detach())
        losses.append(float(loss.detach()))
        done = step + 1
        if accelerator.is_main_process and (done % 50 == 0 or done == recipe.steps):
            line = {"step": done, "loss": float(np.mean(losses[-50:])), "seconds": time.monotonic() - clock}
            print(line, flush=True)
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if done % _CHECKPOINT_EVERY == 0 or done == recipe.steps:
            accelerator.save_state(str(checkpoint))
            (checkpoint / "progress.json").write_text(json.dumps({"step": done}))
    plain: Any = accelerator.unwrap_model(model)
    save_reconstructor(plain, out / "model")
    # the figures are those of the stored half-precision weights
    figures = {
        **held_out(load_reconstructor(out / "model"), _genuine(recipe.data, "validation")),
        "steps": recipe.steps,
    }
    (out / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")
    return out / "model"


@torch.inference_mode()
def held_out(model: Reconstructor, rows: list[FaceRow]) -> dict[str, float]:
    """How near whole crops come back: mean PSNR in dB and mean SSIM (scikit-image, data range 255, on RGB)."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    size = model.config.image_size
    psnr, ssim = [], []
    for row in rows:
        crop = cv2.resize(row.rgb(), (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)
        made = model(_pixels(crop[None]))[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
        psnr.append(peak_signal_noise_ratio(crop, made))
        ssim.append(structural_similarity(crop, made, channel_axis=2))
    return {"num_faces": len(rows), "psnr_db": float(np.mean(psnr)), "ssim": float(np.mean(ssim))}


def _likeness(rebuilt: Tensor, genuine: Tensor) -> Tensor:
    """Mean absolute difference of pixels, and of the differences of neighbours."""
    loss = l1_loss(rebuilt, genuine)
    for axis in (2, 3):
        loss = loss + _EDGES * l1_loss(rebuilt.diff(dim=axis), genuine.diff(dim=axis))
    return loss


def _teach(accelerator: Accelerator, critic: Any, optimizer: Any, genuine: Tensor, rebuilt: Tensor) -> None:
    """One step of the discriminator with the hinge loss."""
    optimizer.zero_grad(set_to_none=True)  # what the generator's step left there
    with accelerator.autocast():
        verdicts = critic(torch.cat([genuine, rebuilt])).float()
        loss = relu(1 - verdicts[: len(genuine)]).mean() + relu(1 + verdicts[len(genuine) :]).mean()
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _genuine(data: str, part: str) -> list[FaceRow]:
    rows = [row for row in load_faces(data, part) if row.label == REAL]
    if not rows:
        raise DataError(f"no genuine faces for {part} in {data}", "every row is a fake", "name shards with both")
    return rows


def _pixels(rgb: NDArray[np.uint8]) -> Tensor:
    """uint8 (B, S, S, 3) to float32 (B, 3, S, S) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2).float() / 255
