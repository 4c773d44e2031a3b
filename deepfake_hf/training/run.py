"""From settings to trained weights: which stage it is, one phase or two, and the same for all commands."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import set_seed

from deepfake_hf.errors import UsageError
from deepfake_hf.models.presets import PRESETS
from deepfake_hf.training.backbones import default_source
from deepfake_hf.training.checkpoint import has_checkpoint
from deepfake_hf.training.config import TrainConfig, make_config, merged, plain, refuse_unused
from deepfake_hf.training.loop import Run, make_accelerator
from deepfake_hf.training.run_folder import METRICS
from deepfake_hf.training.stage import Stage


def train(config: TrainConfig, resume: bool = False) -> Path:
    """Train all phases.

    Args:
        config: Settings.
        resume: Go on from the checkpoint in ``config.out``.

    Returns:
        The folder of the best weights, ``model`` in ``config.out``.

    Raises:
        UsageError: Settings that can't be, or that are not those of the run to resume.
        DataError: Data that can't be trained on.
        MissingDependencyError: Weights or a tracker that are not here.
    """
    transformers.utils.logging.disable_progress_bar()  # of every file it writes
    first, second = phases(config)
    if second is None:
        return _phase(first, resume)
    if not (resume and (Path(first.out) / METRICS).is_file()):  # else the first phase is done
        _phase(first, resume)
    made = _phase(second, resume and has_checkpoint(Path(second.out)))
    out = Path(config.out)
    if make_accelerator(second).is_main_process:
        for name in ("model", METRICS):
            source = made.parent / name
            if source.is_dir():
                shutil.copytree(source, out / name, dirs_exist_ok=True)
            elif source.is_file():
                shutil.copy(source, out / name)
    return out / "model"


def phases(config: TrainConfig) -> tuple[TrainConfig, TrainConfig | None]:
    """One run, or the two of a configuration with ``then``: folders ``1-STAGE`` and ``2-STAGE`` in ``out``."""
    preset = PRESETS.get(config.preset)
    if config.start_from is None and config.pretrained is None and preset is not None:
        config = dataclasses.replace(config, pretrained=default_source(config.preset))
    if not config.then:
        return config, None
    values = {**plain(config), "then": {}}
    first = {**values, "out": str(Path(config.out) / f"1-{config.stage}")}
    then = merged(values, config.then)
    then |= {
        "out": str(Path(config.out) / f"2-{then['stage']}"),
        "pretrained": None,
        "start_from": str(Path(first["out"]) / "model"),
    }
    return make_config(first), make_config(then)


def _phase(config: TrainConfig, resume: bool) -> Path:
    accelerator = make_accelerator(config)
    set_seed(config.seed)
    stage = build_stage(config)
    return Run(config, stage, accelerator, resume).fit()


def build_stage(config: TrainConfig) -> Stage:
    """The stage that the settings ask for, its data read; raises as :func:`stage_class` and the stages do."""
    stage: Stage = stage_class(config)(config)
    return stage


def stage_class(config: TrainConfig) -> Any:
    """Which stage goes with preset and source.

    Raises:
        UsageError: None, or an option can't act in it.
    """
    preset = PRESETS.get(config.preset)
    if preset is None and config.stage != "landmarks":
        raise UsageError(f"--preset {config.preset}", "there is no such row", f"choose of {', '.join(PRESETS)}")
    from deepfake_hf.training import (
        landmarks,
        speech,
        stage_clips,
        stage_faces,
        stage_sound,
        stage_stream,
        stage_sync,
        stage_triplet,
    )

    faces, streamed = stage_faces.FaceStage, stage_stream.StreamStage
    table: dict[tuple[str, str], dict[str, Any]] = {
        ("classify", "frame"): {"faces": faces, "manifest": faces, "stream": streamed},
        ("classify", "clip"): {"manifest": stage_clips.ClipStage},
        ("classify", "audio"): {"manifest": stage_sound.SoundStage},
        ("classify", "waveform"): {"manifest": stage_sound.SoundStage},
        ("triplet", "frame"): {"faces": stage_triplet.TripletStage, "manifest": stage_triplet.TripletStage},
        ("head", "frame"): {"faces": stage_triplet.HeadStage, "manifest": stage_triplet.HeadStage},
        ("sync", "sync"): {"films": stage_sync.SyncStage},
        ("twins", "audio"): {"twins": speech.TwinStage},
        ("landmarks", "landmarks"): {"faces": landmarks.LandmarkStage},
    }
    own_kind = "landmarks" if preset is None or config.stage == "landmarks" else preset.kind
    sources = table.get((config.stage, own_kind))
    if sources is None:
        stages = sorted({stage for stage, kind in table if kind == own_kind})
        raise UsageError(
            f"stage {config.stage} of {config.preset}",
            f"it is of kind {own_kind}",
            f"such systems have {', '.join(stages)}" if stages else "it is not trained by this loop",
        )
    if config.data.source not in sources:
        raise UsageError(
            f"data.source {config.data.source}",
            f"{config.stage} of {own_kind} systems does not read it",
            f"give {' or '.join(sources)}",
        )
    kind = sources[config.data.source]
    refuse_unused(config, kind.uses, f"{config.stage} of {config.preset} from {config.data.source}")
    return kind


def set_threads(count: int | None) -> None:
    """CPU threads of torch; None leaves them."""
    if count is not None:
        torch.set_num_threads(count)
