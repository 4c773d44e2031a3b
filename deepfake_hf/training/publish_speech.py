"""From a trained speech model to a publishable branch: calibrator, limits, figures on held-out speakers."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.evaluation.metrics import summary
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.modeling_audio import AudioDetectorForAudioClassification
from deepfake_hf.processing.feature_extraction_spectrogram import SpectrogramFeatureExtractor
from deepfake_hf.scoring.calibration import NullDistribution, fit_platt, sigmoid
from deepfake_hf.scoring.decision import BranchCalibration


@dataclass(frozen=True)
class _Scores:
    margins: NDArray[np.float64]
    labels: NDArray[np.int64]
    speakers: list[str]


def publish_speech(run: Path, left_out: Path, out: Path) -> NullDistribution:
    """Calibrate on the ``dev`` speakers, report on the ``validation`` speakers.

    Args:
        run: folder of the final run of ``train.py speech``.
        left_out: ``loo.json`` of ``train.py speech-leave-one-out``.
        out: the branch folder: model with calibrator, processor, ``figures.json``.

    Returns:
        The null distribution of genuine utterances, clean and through a codec, for the bundle.
    """
    model = AudioDetectorForAudioClassification.from_pretrained(run / "best", dtype=torch.float32)
    dev, held = _read(run / "scores_dev.csv"), _read(run / "scores_validation.csv")
    calibration = fit_platt(dev.margins, dev.labels)
    calibrated = calibration["scale"] * dev.margins + calibration["bias"]
    null = NullDistribution.fit(calibrated[dev.labels == REAL])
    points = BranchCalibration(null).operating_points
    model.config.calibration = calibration
    model.config.operating_points = points
    model.config.weights_origin = "trained"
    model.save_pretrained(out)
    SpectrogramFeatureExtractor.from_pretrained(run / "best").save_pretrained(out)
    p_fake = np.array([sigmoid(calibration["scale"] * m + calibration["bias"]) for m in held.margins])
    figures: dict[str, Any] = {
        "level": "utterance (speech of about 3.5 s), half of them through a random codec",
        "data": "LibriSpeech validation speakers and their copy-synthesis; generators seen in training",
        **summary(held.labels, p_fake, held.speakers, points),
        "calibration": calibration,
        "operating_points": points,
        "set_aside": {"n_real": int((dev.labels == REAL).sum()), "n_fake": int((dev.labels == FAKE).sum())},
        "leave_one_generator_out": json.loads(left_out.read_text()),
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    return null


def _read(path: Path) -> _Scores:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return _Scores(
        np.array([float(row["logit"]) for row in rows]),
        np.array([int(row["label"]) for row in rows]),
        [row["speaker"] for row in rows],
    )
