"""From a trained face model to a publishable branch: calibrator, limits, figures on the validation split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.evaluation.metrics import auc, bootstrap_interval, summary
from deepfake_hf.inference.branch import FrameBranch
from deepfake_hf.labels import REAL
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.scoring.calibration import NullDistribution, sigmoid
from deepfake_hf.training.average import AVERAGE
from deepfake_hf.training.config import flat
from deepfake_hf.training.face_augmentation import FaceAugmentation, FaceSettings
from deepfake_hf.training.face_data import FaceRow, load_faces, reduced_crop
from deepfake_hf.training.model_start import processor_of, settings_of
from deepfake_hf.training.publish_run import fit_branch

NUM_DEGRADED = 1200  # crops of each part that are scored as video shows them, too


def publish_face(model_folder: Path, data: Path, out: Path, image_size: int | None = None) -> NullDistribution:
    """Calibrate on the part of ``train`` set aside, clean and degraded alike, then read ``validation`` for the figures.

    Args:
        model_folder: made by ``train.py face``.
        data: folder of the parquet shards.
        out: the branch folder: model with calibrator, processor, ``figures.json``.
        image_size: side that crops are scored at; None for the configuration's.

    Returns:
        The null distribution of genuine crops, for the bundle.
    """
    model = FrameDetectorForImageClassification.from_pretrained(model_folder, dtype=torch.float32)
    processor = processor_of(model_folder)
    side = image_size or model.config.image_size
    model.config.image_size = side
    processor.size = {"height": side, "width": side}
    model.config.calibration = None
    model.config.weights_origin = "trained"
    model.config.mirror_average = True  # training mirrors every other crop
    model.save_pretrained(out)
    processor.save_pretrained(out)
    dev = load_faces(data, "dev")
    labels = np.array([row.label for row in (*dev, *dev[:NUM_DEGRADED])])
    raw = np.concatenate((_margins(out, dev), _margins(out, dev[:NUM_DEGRADED], degraded=True)))
    null = fit_branch(model, raw, labels)
    points = model.config.operating_points
    model.save_pretrained(out)
    held = load_faces(data, "validation")
    margins = _margins(out, held)
    p_fake = np.array([sigmoid(value) for value in margins])
    groups = [row.source for row in held]
    worn = _margins(out, held[:NUM_DEGRADED], degraded=True)
    worn_labels = np.array([row.label for row in held[:NUM_DEGRADED]])
    figures: dict[str, Any] = {
        "level": "face crop (one per video)",
        "data": "DFDC face crops, validation split by source video",
        **summary([row.label for row in held], p_fake, groups, points),
        "degraded": {
            "n": len(worn),
            "auc": auc(worn_labels, worn),
            "auc_95": list(bootstrap_interval(worn_labels, worn, groups[:NUM_DEGRADED], auc)),
            "fpr_at_stored_fpr1": float(np.mean([sigmoid(m) >= points["fpr1"] for m in worn[worn_labels == REAL]])),
            "fpr_at_stored_fpr5": float(np.mean([sigmoid(m) >= points["fpr5"] for m in worn[worn_labels == REAL]])),
        },
        "calibration": model.config.calibration,
        "operating_points": points,
        "image_size": side,
        "recipe": _recipe(model_folder.parent),
        "set_aside": {"n_real": int((labels == REAL).sum()), "n_fake": int((labels != REAL).sum())},
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    np.save(out.parent / "face_validation_margins.npy", margins)
    return null


def degraded_crop(row: FaceRow, index: int) -> NDArray[np.uint8]:
    """A crop as video shows it, seeded by its place: without a stored picture's blocks, through the strong
    augmentation, and every other one through H.264; uint8 (h, w, 3)."""
    rng = np.random.default_rng([1, index])
    reduced, _ = reduced_crop(row.rgb(), row, float(rng.uniform(0.55, 1)), float(rng.uniform(0.05, 0.8)))
    return FaceAugmentation(settings=replace(FaceSettings.strong(), p_h264=0.5))(reduced, rng)


def _margins(folder: Path, rows: list[FaceRow], degraded: bool = False) -> NDArray[np.float64]:
    def crop(index: int) -> NDArray[np.uint8]:
        return degraded_crop(rows[index], index) if degraded else rows[index].rgb()

    branch = FrameBranch(folder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    chunks = [branch.score([crop(j) for j in range(i, min(i + 64, len(rows)))]) for i in range(0, len(rows), 64)]
    return np.concatenate(chunks)


def _recipe(run: Path) -> str:
    """The run's settings in one line, after those of the run that it started from, and how far each came; of a mean of
    runs their names."""
    if (run / AVERAGE).is_file():
        facts = json.loads((run / AVERAGE).read_text())
        parts = zip(facts["shares"], facts["models"], strict=True)
        named = " and ".join(f"{share:g} x {Path(model).parent.name}" for share, model in parts)
        return f"the weights are the mean {named}; the runs with every setting: docs/training.md"
    settings = settings_of(run)
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    fixed = ("data", "out", "start_from", "data.path", "data.source", "then")
    named = ", ".join(f"{key} {value}" for key, value in flat(settings) if key not in fixed and value not in (None, {}))
    own = f"{named}; {last['step']} steps taken"
    return own if not settings.get("start_from") else f"{_recipe(Path(settings['start_from']).parent)}. Then {own}"
