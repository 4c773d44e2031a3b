"""From a trained speech model to a publishable branch: calibrator, limits, figures on held-out speakers."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.evaluation.bootstrap import bootstrap_interval
from deepfake_hf.evaluation.metrics import expected_calibration_error, summary
from deepfake_hf.inference.branch import SpeechBranch
from deepfake_hf.inference.speech_pass import SpeechPass, hear
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import read_audio
from deepfake_hf.models.modeling_speech_statistics import SpeechStatisticsForAudioClassification
from deepfake_hf.processing.feature_extraction_waveform import WaveformFeatureExtractor
from deepfake_hf.scoring.aggregation import robust_mean
from deepfake_hf.scoring.calibration import NullDistribution, fit_platt, sigmoid
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.scoring.stretches import piece_peaks
from deepfake_hf.training.speech_data import read_clips


@dataclass(frozen=True)
class _Scores:
    margins: NDArray[np.float64]
    labels: NDArray[np.int64]
    speakers: list[str]


NUM_UNSEEN = 300


def publish_speech(run: Path, left_out: Path, out: Path, speech: Path, cache: Path) -> BranchCalibration:
    """Calibrate on the ``dev`` speakers, report on the ``validation`` speakers.

    The limits rest on the genuine ``dev`` utterances and on genuine recordings of other microphones that were in no
    split: the few ``dev`` speakers alone set them too low.

    Args:
        run: folder of the final run of ``train.py speech``.
        left_out: ``loo.json`` of ``train.py speech --each-left-out``.
        out: the branch folder: model with calibrator, processor, ``figures.json``.
        speech: folder of the genuine recordings, with ``manifest.csv``.
        cache: the twin cache, which says what was used already.

    Returns:
        The null distributions for the bundle: of genuine utterances, clean and through a codec, and of how far a
        second of genuine recordings stands out.
    """
    model = SpeechStatisticsForAudioClassification.from_pretrained(run / "best", dtype=torch.float32)
    dev, held = _read(run / "scores_dev.csv"), _read(run / "scores_validation.csv")
    calibration = fit_platt(dev.margins, dev.labels)
    calibrated = calibration["scale"] * dev.margins + calibration["bias"]
    model.config.calibration = calibration
    model.config.weights_origin = "trained"
    model.save_pretrained(out)
    WaveformFeatureExtractor.from_pretrained(run / "best").save_pretrained(out)
    unseen, peaks = _unseen_genuine(out, speech, cache)
    null = NullDistribution.fit(np.concatenate((calibrated[dev.labels == REAL], unseen)))
    limits = BranchCalibration(null, NullDistribution.fit(peaks))
    points = limits.operating_points
    model.config.operating_points = points
    model.save_pretrained(out)
    p_fake = np.array([sigmoid(calibration["scale"] * m + calibration["bias"]) for m in held.margins])
    figures: dict[str, Any] = {
        "level": "utterance (speech of about 3.5 s), half of them through a random codec",
        "data": "LibriSpeech validation speakers and their copy-synthesis; generators seen in training",
        **summary(held.labels, p_fake, held.speakers, points),
        # nine fakes to a genuine utterance here, and the calibrator is fitted for one to one
        "ece_even": _even_error(held.labels, p_fake),
        "ece_even_95": list(bootstrap_interval(held.labels, p_fake, held.speakers, _even_error)),
        "calibration": calibration,
        "operating_points": points,
        "set_aside": {
            "n_real": int((dev.labels == REAL).sum()),
            "n_real_unseen": len(unseen),
            "n_pieces_of_5_s": len(peaks),
            "n_fake": int((dev.labels == FAKE).sum()),
        },
        "leave_one_generator_out": json.loads(left_out.read_text()),
        "recipe": _recipe(run),
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    return limits


def _even_error(labels: ArrayLike, p_fake: ArrayLike) -> float:
    return expected_calibration_error(labels, p_fake, even=True)


def _unseen_genuine(branch_folder: Path, speech: Path, cache: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What genuine speech reaches, as calibrated margins.

    Returns:
        Whole recordings that are in no split, from other microphones than LibriSpeech's. And how far a second stands
        out in each five seconds of the LibriSpeech recordings of ``train`` and ``dev`` speakers, from which a few
        seconds each were trained on; the other recordings are too short for that.
    """
    clips = read_clips(cache)
    used = {clip.path for clip in clips}
    with (speech / "manifest.csv").open(newline="") as file:
        names = [row["file_name"] for row in csv.DictReader(file)]
    names = [name for name in names if name not in used and not name.startswith("librispeech")]
    names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    branch = SpeechBranch(branch_folder, torch.device("cpu"))
    margins: list[float] = []
    peaks: list[NDArray[np.float64]] = []
    for name in names:
        heard = _heard(branch, speech / name)
        if heard.windows:
            margins.append(robust_mean([window.logit_fake for window in heard.windows]))
        if len(margins) == NUM_UNSEEN:
            break
    for name in sorted({clip.path for clip in clips if clip.source == "librispeech" and clip.split != "validation"}):
        peaks.append(piece_peaks(_heard(branch, speech / name).short_windows))
    return np.array(margins), np.concatenate(peaks)


def _heard(branch: SpeechBranch, path: Path) -> SpeechPass:
    return hear(branch, read_audio(path, branch.sampling_rate))


def _recipe(run: Path) -> str:
    """The run's settings and the rows it was fitted on, in one line."""
    made = json.loads((run / "metrics.json").read_text())
    named = ", ".join(f"{key} {value}" for key, value in made["recipe"].items())
    rows = ", ".join(f"{name} {count}" for name, count in made["rows"].items())
    return f"{named}; rows of the table: {rows}"


def _read(path: Path) -> _Scores:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return _Scores(
        np.array([float(row["logit"]) for row in rows]),
        np.array([int(row["label"]) for row in rows]),
        [row["speaker"] for row in rows],
    )
