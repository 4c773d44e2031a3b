"""Training of audio detectors that see spectrograms, on genuine speech against its own copy-synthesis."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from deepfake_hf.errors import UsageError
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.configuration_audio import AudioDetectorConfig
from deepfake_hf.models.modeling_audio import AudioDetectorForAudioClassification
from deepfake_hf.models.presets import PRESETS
from deepfake_hf.processing.feature_extraction_spectrogram import SpectrogramFeatureExtractor
from deepfake_hf.training.speech_augmentation import SpeechAugmentation
from deepfake_hf.training.speech_batches import TwinSampler, read_twins
from deepfake_hf.training.speech_data import SAMPLING_RATE
from deepfake_hf.training.speech_evaluation import score_twins, summarise, write_report


@dataclass(frozen=True)
class SpeechRecipe:
    """How long and how to train.

    ``minutes`` ends a run early in time; the schedule follows ``steps``. ``pair_weight`` weighs a ranking loss beside
    the cross-entropy: the fake window must score above its own genuine one. ``ramp`` are the shares of ``steps``
    between which codecs and augmentation come in. ``exclude`` are generators that stay out of training and of the
    choice on ``dev`` because their magnitudes are nearly the genuine ones: they are reported all the same.
    """

    preset: str = "lite_audio"
    steps: int = 1500
    minutes: float | None = None
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.02
    pair_weight: float = 0.5
    groups: int = 24
    window_s: tuple[float, float] = (1.0, 1.8)
    p_rebuild: float = 0.3
    p_codec: float = 0.3
    p_augment: float = 0.35
    ramp: tuple[float, float] = (0.15, 0.5)
    exclude: tuple[str, ...] = ("griffin_lim_linear", "phase_drift")
    validate_every: int = 150
    patience: int = 99
    seed: int = 0
    bf16: bool = True
    augmentation: SpeechAugmentation = field(default_factory=SpeechAugmentation)


def build_speech_model(preset: str) -> tuple[AudioDetectorForAudioClassification, SpectrogramFeatureExtractor]:
    """A fresh model and its processor from a row of ``PRESETS``.

    Raises:
        UsageError: The row is not an audio system.
    """
    row = PRESETS.get(preset)
    if row is None or row.kind != "audio":
        names = [name for name, value in PRESETS.items() if value.kind == "audio"]
        raise UsageError(f"preset {preset!r}", "it is not an audio system", f"use one of {names}")
    extractor = SpectrogramFeatureExtractor(**row.processor)
    config = AudioDetectorConfig(
        **{**row.config, "num_bins": extractor.feature_size, "num_channels": extractor.num_channels}
    )
    return AudioDetectorForAudioClassification(config), extractor


def train_speech(
    cache_dir: str | Path,
    out_dir: str | Path,
    recipe: SpeechRecipe | None = None,
    leave_out: str | None = None,
    resume: bool = True,
) -> dict[str, Any]:
    """Train, keep the weights with the best EER on ``dev``, then score ``validation`` once.

    Args:
        cache_dir: The twin cache.
        out_dir: Gets ``best/`` (model, processor), ``checkpoint/`` (to resume), ``progress.json`` and ``metrics.json``.
        recipe: Settings.
        leave_out: A generator family that is in no training batch and no ``dev`` score; ``validation`` then reports it.
        resume: Go on from ``checkpoint/`` where there is one.

    Returns:
        What ``metrics.json`` holds.
    """
    recipe = recipe or SpeechRecipe()
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    sampler = TwinSampler(
        read_twins(cache_dir, "train", leave_out),
        recipe.seed, recipe.groups, recipe.window_s, recipe.p_codec, recipe.p_augment,
        (round(recipe.ramp[0] * recipe.steps), round(recipe.ramp[1] * recipe.steps)), recipe.exclude,
        recipe.p_rebuild, leave_out != "griffin_lim", recipe.augmentation,
    )  # fmt: skip
    dev = read_twins(cache_dir, "dev", leave_out)
    model, extractor = build_speech_model(recipe.preset)
    use_gpu = torch.cuda.is_available()
    accelerator = Accelerator(cpu=not use_gpu, mixed_precision="bf16" if recipe.bf16 else "no")
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps + 1, pct_start=0.15
    )
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    state: dict[str, Any] = {"step": 0, "best": 2.0, "waited": 0, "history": [], "seconds": 0.0}
    checkpoint, progress = out_dir / "checkpoint", out_dir / "progress.json"
    if resume and progress.is_file():
        accelerator.load_state(str(checkpoint))
        state = json.loads(progress.read_text())
    started = time.monotonic() - state["seconds"]
    model.train()
    running: list[float] = []
    bar = tqdm(total=recipe.steps, initial=state["step"], desc=f"speech -{leave_out}", mininterval=10)
    while state["step"] < recipe.steps and state["waited"] < recipe.patience:
        waves, labels = sampler.batch(state["step"])
        inputs = extractor(waves, sampling_rate=SAMPLING_RATE, return_tensors="pt").to(accelerator.device)
        with accelerator.autocast():
            logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float(), torch.from_numpy(labels).to(logits.device), label_smoothing=recipe.label_smoothing
        )
        margins = (logits[:, FAKE] - logits[:, REAL]).float().view(-1, 2)  # (groups, genuine and fake)
        loss = loss + recipe.pair_weight * torch.nn.functional.softplus(margins[:, 0] - margins[:, 1]).mean()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        running.append(loss.item())
        state["step"] += 1
        bar.update()
        state["seconds"] = time.monotonic() - started
        out_of_time = recipe.minutes is not None and state["seconds"] > recipe.minutes * 60
        if state["step"] % recipe.validate_every == 0 or state["step"] == recipe.steps or out_of_time:
            plain = accelerator.unwrap_model(model)
            figures = summarise(score_twins(plain, extractor, dev))
            state["history"].append({"step": state["step"], "loss": float(np.mean(running)), "dev": figures})
            running.clear()
            names = [name for name in figures if name != "all" and name not in recipe.exclude]
            value = float(np.mean([figures[name]["eer"] + 1.0 - figures[name]["auc"] for name in names]))
            state["waited"] += 1
            if value <= state["best"]:
                state.update(best=value, waited=0)
                plain.save_pretrained(out_dir / "best")
                extractor.save_pretrained(out_dir / "best")
            accelerator.save_state(str(checkpoint))
            progress.write_text(json.dumps(state))
            tqdm.write(f"{leave_out} step {state['step']} loss {state['history'][-1]['loss']:.3f} dev {value:.4f}")
        if out_of_time:
            break
    bar.close()
    facts = {"steps": state["step"], "seconds": round(state["seconds"], 1), "recipe": asdict(recipe)}
    model = AudioDetectorForAudioClassification.from_pretrained(out_dir / "best")
    return write_report(cache_dir, out_dir, model, extractor, leave_out, facts)
