"""The bundle of the box: calibrated branches, new or kept as they are, with regressor, lip-sync net and figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import UsageError
from deepfake_hf.hub.bundle import EMBEDDED, Bundle, lip_sync_in, open_bundle, write_bundle
from deepfake_hf.hub.canary import CanaryAnswer, write_canary
from deepfake_hf.hub.card import FIGURES, read_figures
from deepfake_hf.hub.onnx_files import add_graphs
from deepfake_hf.scoring.decision import BranchCalibration

PARTS: Final = ("face", "speech", "landmarks")
_KINDS: Final = {"face": "frame", "speech": "statistics"}
_CARD: Final = {"datasets": ["openslr/librispeech_asr"], "tags": ["video-classification"]}


def publish_bundle(
    name: str,
    out: Path,
    work: Path,
    made: Mapping[str, Callable[[Path], BranchCalibration]],
    landmarks: Path | None,
) -> tuple[Bundle, list[CanaryAnswer]]:
    """Write a bundle; what is not made anew stays as it is in ``out``, or in the box where ``out`` has none.

    Args:
        name: Of the bundle.
        out: Its folder.
        work: Where branches go first.
        made: By branch what writes it with its ``figures.json`` into a folder and gives its calibration.
        landmarks: Folder of a regressor with ``metrics.json``; None keeps the one that is there.

    Returns:
        The bundle, and what its branches say of the canary pair.
    """
    kept = open_bundle(out if (out / "detector.json").is_file() else EMBEDDED)
    figures: dict[str, Any] = {part: read_figures(kept).get(part) for part in PARTS}
    branches: dict[str, tuple[str, Path, BranchCalibration]] = {}
    for branch, kind in _KINDS.items():
        folder = work / branch
        if branch in made:
            calibration = made[branch](folder)
            figures[branch] = json.loads((folder / "figures.json").read_text())
        else:
            _copied(kept.path / branch, folder)
            calibration = kept.calibrations[branch]
        branches[branch] = (kind, folder, calibration)
    if landmarks is None:
        landmarks = _copied(kept.path / "landmarks", work / "landmarks")
    else:
        figures["landmarks"] = json.loads((landmarks / "metrics.json").read_text())
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps({**figures, "card": _CARD}, indent=2) + "\n")
    lip_sync = None if lip_sync_in(out) else lip_sync_in(EMBEDDED)
    bundle = add_graphs(write_bundle(out, name, branches, landmarks, "trained", {}, lip_sync))
    return bundle, list(write_canary(bundle))


def _copied(source: Path, target: Path) -> Path:
    """A folder in place of what was there; the bundle's own folder is emptied while it is written."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def parts_to_make(keep: list[str]) -> list[str]:
    """Those of ``PARTS`` that are not kept.

    Raises:
        UsageError: There is no part of that name.
    """
    for part in keep:
        if part not in PARTS:
            raise UsageError(f"--keep {part}", "there is no such part", f"use one of {', '.join(PARTS)}")
    return [part for part in PARTS if part not in keep]
