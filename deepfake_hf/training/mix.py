"""What a face run trains on, as pictures: to look at, and for the audit's probes (``deepfake-hf data audit``)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image

from deepfake_hf.data import ManifestRow, write_manifest
from deepfake_hf.errors import UsageError
from deepfake_hf.labels import FAKE
from deepfake_hf.training.config import make_config
from deepfake_hf.training.face_data import REBUILT, SELF_BLENDED, STORED
from deepfake_hf.training.model_start import settings_of
from deepfake_hf.training.run import build_stage
from deepfake_hf.training.stage_faces import FaceStage

_METHODS: Final = {STORED: "stored", SELF_BLENDED: "self-blend", REBUILT: "rebuilt"}


def write_mix(run: Path, out: Path, count: int) -> Path:
    """Write the first items of a run as the net sees them, cut out and degraded, without the normalisation.

    Args:
        run: Folder of a face run, for its ``config.yaml``.
        out: Gets a PNG an item and ``manifest.csv``; a genuine crop and the fakes made of it share a source.
        count: Items; whole steps are written.

    Returns:
        The manifest.

    Raises:
        UsageError: The run is of another stage.
    """
    stage = build_stage(make_config(settings_of(run)))
    if not isinstance(stage, FaceStage):
        raise UsageError(f"mix of {run}", "it did not train on single crops", "name a run of train.py face")
    mean, std = (torch.tensor(values)[:, None, None] for values in (stage.seen.mean, stage.seen.std))
    out.mkdir(parents=True, exist_ok=True)
    rows: list[ManifestRow] = []
    step = 0
    while len(rows) < count:
        for index, kind, _ in stage.units(step):
            pixels, label, _ = stage.make((index, kind, step))
            rgb = ((pixels * std + mean).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
            path = out / f"{len(rows):06d}_{_METHODS[kind]}_{label}.png"
            Image.fromarray(np.ascontiguousarray(rgb)).save(path)
            method = _METHODS[kind] if label == FAKE else ""
            rows.append(ManifestRow(str(path), label, "mix", method, source=stage.rows[index].source, split="train"))
        step += 1
    write_manifest(out / "manifest.csv", rows)
    return out / "manifest.csv"
