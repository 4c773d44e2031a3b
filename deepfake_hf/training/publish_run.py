"""From a run folder to a bundle: calibrated on what the run held out, measured on what it reported on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from deepfake_hf.errors import UsageError
from deepfake_hf.evaluation.metrics import summary
from deepfake_hf.hub.bundle import Bundle, open_bundle, write_bundle, write_json
from deepfake_hf.hub.canary import write_canary
from deepfake_hf.hub.card import FIGURES
from deepfake_hf.hub.onnx_files import add_graphs
from deepfake_hf.labels import REAL
from deepfake_hf.models.presets import PRESETS
from deepfake_hf.scoring.calibration import NullDistribution, fit_platt, sigmoid
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.training.config import TrainConfig, make_config, read_yaml
from deepfake_hf.training.run import build_stage
from deepfake_hf.training.run_folder import CONFIG
from deepfake_hf.training.stage import HeldOut

_BRANCHES: Final = {"frame": "face", "audio": "speech", "waveform": "speech"}  # kind of system to branch
_LEVELS: Final = {"face": "face crop", "speech": "recording"}


def publish_run(run: Path, out: Path, name: str | None = None) -> Bundle:
    """Make a bundle of one branch from a finished run, with calibrator, limits, canary pair and figures.

    ``deepfake-hf hub pack`` makes the card of it, which needs a licence.

    Calibrator and limits come from the part that chose the weights (``dev`` of shards, ``validation`` of a manifest),
    figures from the other one; ``test`` of the manifest is read here and at the run's own end, nowhere else.

    Args:
        run: Folder of ``train.py classify``, ``face`` or ``speech-net``.
        out: The bundle.
        name: Of the bundle; None takes that of the run's folder.

    Raises:
        UsageError: It is no such folder, its system goes into no bundle, or one part would serve both.
        DataError: A part lacks a class, or genuine items for limits (50).
    """
    config = _settings(run)
    branch = _BRANCHES[PRESETS[config.preset].kind]
    stage = build_stage(config)
    if stage.report is None or stage.report.name == stage.dev.name:
        raise UsageError(
            f"a bundle of {run}",
            f"the part {stage.dev.name!r} would calibrate it and give its figures",
            "give the manifest a split test",
        )
    model = type(stage.model).from_pretrained(run / "model", dtype=torch.float32).eval()

    def margins(held: HeldOut) -> NDArray[np.float64]:
        return stage.score(model, held.items, stage.steps - 1)

    null = fit_branch(model, margins(stage.dev), stage.dev.labels)
    scale, bias = (model.config.calibration[key] for key in ("scale", "bias"))
    held = stage.report
    p_fake = np.array([sigmoid(scale * margin + bias) for margin in margins(held)])
    num_fake = int((stage.dev.labels != REAL).sum())
    figures = {
        "level": _LEVELS[branch],
        "data": f"{config.data.path}, part {held.name}",
        **summary(held.labels, p_fake, held.groups, model.config.operating_points),
        "set_aside": {"part": stage.dev.name, "n_real": null.num_samples, "n_fake": num_fake},
    }
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        stage.save_processor(Path(scratch))
        landmarks = open_bundle().landmarks if branch == "face" else None
        parts: dict[str, tuple[str, Path, BranchCalibration]] = {
            branch: (PRESETS[config.preset].kind, Path(scratch), BranchCalibration(null))
        }
        made = add_graphs(write_bundle(out, name or run.resolve().name, parts, landmarks, "trained", {}))
    write_json(out / FIGURES, {branch: figures})
    write_canary(made)
    return made


def fit_branch(model: PreTrainedModel, margins: NDArray[np.float64], labels: NDArray[np.int64]) -> NullDistribution:
    """Put a calibrator and limits fitted on raw margins into a model's configuration.

    Args:
        model: Its ``config.calibration`` and ``config.operating_points`` are set.
        margins: float64 (N,), raw.
        labels: int64 (N,).

    Returns:
        The null distribution of the genuine items, calibrated, for the bundle.
    """
    fitted = model.config.calibration = fit_platt(margins, labels)
    null = NullDistribution.fit(fitted["scale"] * margins[labels == REAL] + fitted["bias"])
    model.config.operating_points = BranchCalibration(null).operating_points
    return null


def _settings(run: Path) -> TrainConfig:
    if not ((run / CONFIG).is_file() and (run / "model" / "config.json").is_file()):
        raise UsageError(
            f"{run} is no run of one phase",
            f"{CONFIG} or model/config.json is missing",
            "name the folder given to --out, or the second phase in it (2-head)",
        )
    config = make_config(read_yaml(run / CONFIG))
    preset: Any = PRESETS.get(config.preset)
    if preset is None or preset.kind not in _BRANCHES:
        raise UsageError(
            f"a bundle of {config.preset}",
            "clips, landmarks and lip-sync pairs have no branch in a bundle",
            f"publish its folder as it is: {run / 'model'}",
        )
    return config
