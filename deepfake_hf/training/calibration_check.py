"""Whether P(fake) means what it says: on what is like the data it was fitted on, and on kinds of fakes that are not.

Every set has as many fakes as genuine items, since P(fake) is calibrated for that share: a genuine item comes with one
fake, of the kinds in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.bootstrap import bootstrap_interval
from deepfake_hf.evaluation.curves import reliability
from deepfake_hf.evaluation.metrics import auc, expected_calibration_error
from deepfake_hf.hub.bundle import Bundle
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.presets import PRESETS
from deepfake_hf.processing.feature_extraction_waveform import WaveformFeatureExtractor
from deepfake_hf.report.curves import calibration_figure
from deepfake_hf.scoring.calibration import fit_platt, sigmoid
from deepfake_hf.synthesis.vocoders import FAMILIES
from deepfake_hf.training.face_data import load_faces
from deepfake_hf.training.publish_face import degraded_crop
from deepfake_hf.training.speech_batches import read_twins
from deepfake_hf.training.speech_evaluation import LEAVE_OUT, UtteranceScore, score_twins
from deepfake_hf.training.speech_fit import PRESET, FitRecipe, fit_model
from deepfake_hf.training.speech_table import read_table
from deepfake_hf.training.unseen import CONDITIONS, pairs_in_turn

Found = dict[str, Any]
_HEAD: Final = (
    "| set | genuine / fake | mean P(fake) of genuine / fake | AUC | ECE, 15 bins (95 %) |\n|---|---|---|---|---|"
)
_TITLES: Final = {"face": "Faces, per crop", "speech": "Speech, per utterance"}


def write_calibration(
    bundle: Bundle, faces: Path, cache: Path | None, seen: Sequence[str], out: Path, count: int
) -> dict[str, Found]:
    """Measure the branches of a bundle; write the page and, beside it, a picture a branch.

    Args:
        bundle: With faces, and speech where there is a cache.
        faces: Folder of the parquet shards; their ``validation``.
        cache: The twin cache; None leaves speech out.
        seen: Kinds of fakes of :func:`~deepfake_hf.training.unseen.makers` that training had.
        out: The page; pictures are ``calibration_face.png`` and ``calibration_speech.png`` beside it.
        count: Crops of a class at most.

    Returns:
        By branch and set what :func:`calibrated` gives, without its points.

    Raises:
        DataError: The bundle has no such branch, or training had every kind of fake.
    """
    if not {"face", *(["speech"] if cache else [])} <= set(bundle.branches):
        raise DataError("calibration", "this bundle lacks a branch", "measure one with faces and speech")
    branches, notes = {"face": _faces(bundle.path / "face", faces, seen, count)}, {"face": ""}
    if cache is not None:
        branches["speech"], notes["speech"] = _speech(bundle.path / "speech", cache)
    out.parent.mkdir(parents=True, exist_ok=True)
    page = [
        "# Does P(fake) mean what it says?",
        f"Made by `python train.py calibration` with the bundle `{bundle.label}`. Every set has one fake for "
        "each genuine item, of its kinds in turn, since that is the share P(fake) is calibrated for: among fewer fakes "
        "it says too much (`--prevalence` corrects it). Dots: items of one of 15 bins of P(fake), with Wilson's 95 % "
        "interval; on the dashed line P(fake) is the share of fakes. Intervals of the ECE are bootstrapped by source "
        "or speaker; with few items the ECE of a perfect calibrator is over 0, too.",
    ]
    for name, sets in branches.items():
        picture = f"calibration_{name}.png"
        calibration_figure({title: found["reliability"] for title, found in sets.items()}).savefig(
            out.parent / picture, dpi=150
        )
        page += ["", f"## {_TITLES[name]}", "", f"![Share of fakes against P(fake)]({picture})", "", _HEAD]
        page += [*(_line(title, found) for title, found in sets.items()), *(["", notes[name]] if notes[name] else [])]
    out.write_text("\n".join(page) + "\n")
    return {
        name: {
            title: {key: value for key, value in found.items() if key != "reliability"} for title, found in sets.items()
        }
        for name, sets in branches.items()
    }


def calibrated(labels: ArrayLike, p_fake: ArrayLike, groups: Sequence[str]) -> Found:
    """Of items of both classes: ``ece`` with ``ece_95``, ``auc``, ``n_real``, ``n_fake``, ``mean_p_real``,
    ``mean_p_fake`` and the points of a picture, ``reliability``."""
    classes, p = np.asarray(labels), np.asarray(p_fake, float)
    return {
        "n_real": int((classes == REAL).sum()),
        "n_fake": int((classes == FAKE).sum()),
        "mean_p_real": float(p[classes == REAL].mean()),
        "mean_p_fake": float(p[classes == FAKE].mean()),
        "auc": auc(classes, p),
        "ece": expected_calibration_error(classes, p),
        "ece_95": list(bootstrap_interval(classes, p, groups, expected_calibration_error)),
        "reliability": reliability(classes, p),
    }


def _line(title: str, found: Found) -> str:
    low, high = found["ece_95"]
    means = f"{found['mean_p_real']:.2f} / {found['mean_p_fake']:.2f}"
    counts = f"{found['n_real']} / {found['n_fake']}"
    return f"| {title} | {counts} | {means} | {found['auc']:.3f} | {found['ece']:.3f} ({low:.3f} to {high:.3f}) |"


def _faces(model: Path, faces: Path, seen: Sequence[str], count: int) -> dict[str, Found]:
    branch = FrameBranch(model, torch.device("cpu"))
    rows = load_faces(faces, "validation")
    genuine, made = pairs_in_turn(rows, count, seen)
    both = [row for label in (REAL, FAKE) for row in [row for row in rows if row.label == label][:count]]

    def measured(crops: Callable[[int], NDArray[np.uint8]], labels: Sequence[int], groups: Sequence[str]) -> Found:
        parts = [range(i, min(i + 64, len(labels))) for i in range(0, len(labels), 64)]
        margins = np.concatenate([branch.score([crops(index) for index in part]) for part in parts])
        return calibrated(labels, [sigmoid(value) for value in margins], groups)

    stored = [row.label for row in both], [row.source for row in both]
    pair = [*genuine, *made]
    labels, groups = [REAL] * len(genuine) + [FAKE] * len(made), [str(i % len(genuine)) for i in range(len(pair))]
    found = {
        "DFDC, as stored": measured(lambda i: both[i].rgb(), *stored),
        "DFDC, worn as video is": measured(lambda i: degraded_crop(both[i], i), *stored),
    }
    for name in ("as is", "H.264 CRF 35"):
        change = CONDITIONS[name]
        found[f"kinds that training had not, {name}"] = measured(lambda i, c=change: c(pair[i]), labels, groups)  # type: ignore[misc]
    return found


def _speech(folder: Path, cache: Path) -> tuple[dict[str, Found], str]:
    held = read_twins(cache, "validation")
    branch = SpeechBranch(folder, torch.device("cpu"))
    extractor = WaveformFeatureExtractor(**PRESETS[PRESET].processor)
    seen = _in_turn(score_twins(branch.model, extractor, held, (0, 1)))
    found = {"generators that training had": _utterances(seen, [sigmoid(score.logit) for score in seen])}
    table, recipe = read_table(cache), FitRecipe()
    parts: list[tuple[list[UtteranceScore], NDArray[np.float64]]] = []
    for family in LEAVE_OUT:
        model = fit_model(table, recipe, family)
        own = {name for name, of in FAMILIES.items() if of == family}
        dev = score_twins(model, extractor, read_twins(cache, "dev", family), (0, 1))
        platt = fit_platt([score.logit for score in dev], [score.label for score in dev])
        scores = _in_turn(score_twins(model, extractor, held, (0, 1), own))
        if not scores:
            raise DataError(f"calibration without {family}", "the cache has none of its fakes", "finish speech-data")
        parts.append((scores, np.array([sigmoid(platt["scale"] * s.logit + platt["bias"]) for s in scores])))
    rows, p_fake = [score for scores, _ in parts for score in scores], np.concatenate([p for _, p in parts])
    found[f"{', '.join(LEAVE_OUT)}, each left out of fit and calibration"] = _utterances(rows, p_fake)
    known = sorted({str(name) for name in table.family} - {"genuine"})
    return found, f"Families in the cache that the fits of the last row chose from: {', '.join(known)}."


def _in_turn(scores: Sequence[UtteranceScore]) -> list[UtteranceScore]:
    """Each genuine utterance with one of its fakes of the same version, generators in turn."""
    by_key: dict[tuple[str, int], list[UtteranceScore]] = {}
    for score in scores:
        by_key.setdefault((score.clip, score.version), []).append(score)
    chosen: list[UtteranceScore] = []
    for turn, (_, group) in enumerate(sorted(by_key.items())):
        fakes = sorted((s for s in group if s.label == FAKE), key=lambda s: s.generator)
        genuine = [s for s in group if s.label == REAL]
        if genuine and fakes:
            chosen += [genuine[0], fakes[turn % len(fakes)]]
    return chosen


def _utterances(scores: Sequence[UtteranceScore], p_fake: ArrayLike) -> Found:
    return calibrated([score.label for score in scores], p_fake, [score.speaker for score in scores])
