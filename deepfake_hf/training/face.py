"""Training of the face branch: an Accelerate loop over paired batches, with early stopping, averaging and resume."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import load_file, save_file
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor
from torch.utils.data import DataLoader

from deepfake_hf.errors import UsageError
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor, normalised_crop
from deepfake_hf.training.attention_augmentation import guided_drop
from deepfake_hf.training.backbones import default_source
from deepfake_hf.training.ema import WeightAverage
from deepfake_hf.training.face_data import BatchPlan, FaceRow, PairedBatches, PairedFaces, load_faces
from deepfake_hf.training.frame_start import processor_of, start_frame_model


@dataclass(frozen=True)
class FaceRecipe:
    """All settings of a run.

    ``sizes`` holds (share of the steps at which it ends, side in pixels); None is :func:`default_sizes` of the preset.
    ``backbone`` is a timm name in place of the preset's. ``pretrained`` says where backbone weights come from, see
    ``backbones.backbone_weights``; None is the preset's own first place. ``start_from`` is the folder of a trained
    model to go on from instead.
    """

    data: str = "../shared/data/faces"
    out: str = "runs/face"
    preset: str = "lite_frame"
    backbone: str | None = None
    pretrained: str | None = None
    steps: int = 2400
    sizes: tuple[tuple[float, int], ...] | None = None
    plan: BatchPlan = field(default_factory=BatchPlan)
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.05
    ema_decay: float = 0.998
    evaluate_every: int = 300
    patience: int = 4
    dev_limit: int = 1000
    workers: int = 1
    seed: int = 7
    mixed_precision: str = "bf16"
    start_from: str | None = None
    strong_share: float = 0.0


def default_sizes(side: int) -> tuple[tuple[float, int], ...]:
    """Two thirds of the steps at sides below the last, in multiples of 32 pixels: ``FaceRecipe.sizes`` for ``side``."""
    smaller = [(until, 32 * round(share * side / 32)) for until, share in ((0.3, 2 / 3), (0.65, 5 / 6))]
    return (*((until, max(32, size)) for until, size in smaller), (1.0, side))


def score_rows(
    model: FrameDetectorForImageClassification, rows: list[FaceRow], size: int, processor: FaceImageProcessor
) -> NDArray[np.float64]:
    """The margin ``logit_fake`` of each crop, float64 (N,)."""
    model.eval()
    margins = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=model.device.type == "cpu"):
        for start in range(0, len(rows), 32):
            mean, std = processor.image_mean, processor.image_std
            part = rows[start : start + 32]
            pixels = torch.stack([normalised_crop(row.rgb(), size, size, mean, std) for row in part])
            pixels = pixels.to(model.device, memory_format=torch.channels_last)
            logits = model(pixels).logits
            margins.append((logits[:, 1] - logits[:, 0]).double().cpu().numpy())
    return np.concatenate(margins)


def build_model(recipe: FaceRecipe) -> tuple[FrameDetectorForImageClassification, FaceImageProcessor]:
    """The model that a run starts with, and its processor.

    Raises:
        UsageError: Options exclude each other or weights do not fit.
    """
    if recipe.start_from is not None and recipe.pretrained is not None:
        raise UsageError("--start-from and --pretrained", "they exclude each other", "give one of them")
    model, processor = start_frame_model(recipe.preset, recipe.pretrained or "random", recipe.backbone)
    if recipe.start_from is not None:
        model.load_state_dict(load_file(Path(recipe.start_from) / "model.safetensors"))
        processor = processor_of(Path(recipe.start_from))
    model.config.weights_origin = "trained"
    return model, processor


def train_face(recipe: FaceRecipe, resume: bool = False) -> Path:
    """Train and save the best averaged weights.

    Returns:
        The folder of the saved model; ``log.jsonl`` beside it holds a line per evaluation, ``last`` the last average.
    """
    if recipe.start_from is None and recipe.pretrained is None:
        recipe = replace(recipe, pretrained=default_source(recipe.preset))
    set_seed(recipe.seed)
    model, processor = build_model(recipe)
    accelerator = Accelerator(mixed_precision=recipe.mixed_precision, cpu=not torch.cuda.is_available())
    out = Path(recipe.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
    rows = load_faces(recipe.data, "train")
    dev = load_faces(recipe.data, "dev")[: recipe.dev_limit]
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps + 1, pct_start=0.08, div_factor=10
    )
    ladder = recipe.sizes or default_sizes(model.config.image_size)
    sizes = [(round(share * recipe.steps), size) for share, size in ladder]
    average = WeightAverage(model, recipe.ema_decay)
    start, best, stale = 0, -1.0, 0
    checkpoint = out / "checkpoint"
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    if resume and (checkpoint / "progress.json").exists():
        accelerator.load_state(str(checkpoint))
        average.load_state_dict(load_file(checkpoint / "average.safetensors"))
        progress = json.loads((checkpoint / "progress.json").read_text())
        start, best, stale = progress["step"], progress["best"], progress["stale"]
    batches = PairedBatches(rows, recipe.plan, start, recipe.steps, recipe.seed)
    loader = DataLoader(
        PairedFaces(rows, sizes, processor, recipe.seed, recipe.strong_share),
        batch_sampler=batches,
        num_workers=recipe.workers,
        generator=torch.Generator(),  # its own, so that starting it takes nothing from the resumed random state
    )
    clock, losses = time.monotonic(), []
    for step, (pixels, labels) in enumerate(track(loader, "training", total=len(batches)), start):
        model.train()
        pixels = pixels.to(accelerator.device, memory_format=torch.channels_last)
        with accelerator.autocast():
            loss = _loss(model, accelerator.unwrap_model(model).config.attention, pixels, labels.to(accelerator.device))
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        average.update(accelerator.unwrap_model(model))
        losses.append(float(loss.detach()))
        done = step + 1
        if done % 50 == 0:
            print(f"step {done} loss {np.mean(losses[-50:]):.4f} {time.monotonic() - clock:.0f} s", flush=True)
        if done % recipe.evaluate_every == 0 or done == recipe.steps:
            size = next(size for until, size in sizes if step < until)
            figures = _evaluate_average(accelerator.unwrap_model(model), average, dev, size, processor)
            figures |= {"step": done, "loss": float(np.mean(losses[-200:])), "seconds": time.monotonic() - clock}
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(figures) + "\n")
            print(figures, flush=True)
            stale = 0 if figures["f1"] > best else stale + 1
            if figures["f1"] > best:
                best = figures["f1"]
                _save_average(accelerator.unwrap_model(model), average, processor, out / "model")
            accelerator.save_state(str(checkpoint))
            save_file(average.contiguous() | {"steps": torch.tensor(average.steps)}, checkpoint / "average.safetensors")
            (checkpoint / "progress.json").write_text(json.dumps({"step": done, "best": best, "stale": stale}))
            if stale >= recipe.patience:
                break
    _save_average(accelerator.unwrap_model(model), average, processor, out / "last")
    return out / "model"


def _loss(model: torch.nn.Module, attention: str, pixels: Tensor, labels: Tensor) -> Tensor:
    """Of the crops; of a model with several attention maps the mean with that of the crops dropped where it looked."""
    made = model(pixels, labels=labels)
    loss: Tensor = made.loss
    if attention == "multi":
        loss = (loss + model(guided_drop(pixels, made.attention_mask_map), labels=labels).loss) / 2
    return loss


def crop_figures(
    model: FrameDetectorForImageClassification, rows: list[FaceRow], size: int, processor: FaceImageProcessor
) -> dict[str, float]:
    """AUC and F1 (at margin 0) of crops of both classes, scored at ``size`` pixels."""
    margins = score_rows(model, rows, size, processor)
    labels = np.array([row.label for row in rows])
    return {"auc": float(roc_auc_score(labels, margins)), "f1": float(f1_score(labels, margins > 0)), "size": size}


def _evaluate_average(
    model: FrameDetectorForImageClassification,
    average: WeightAverage,
    dev: list[FaceRow],
    size: int,
    processor: FaceImageProcessor,
) -> dict[str, float]:
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(average.state)
    figures = crop_figures(model, dev, size, processor)
    model.load_state_dict(own)
    return figures


def _save_average(
    model: FrameDetectorForImageClassification, average: WeightAverage, processor: FaceImageProcessor, folder: Path
) -> None:
    model.save_pretrained(folder, state_dict=average.contiguous())
    processor.save_pretrained(folder)
