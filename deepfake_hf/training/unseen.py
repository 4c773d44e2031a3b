"""How face branches do on ways of making fakes that training never saw: made here from held-out genuine crops.

Every crop, genuine or stored fake, is first reduced a little (``reduced_crop``), before fakes are made of it: a stored
JPEG picture's blocks would otherwise tell every fake that is made here (docs/experiments).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.metrics import auc, bootstrap_interval, tpr_at_fpr
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import h264_roundtrip
from deepfake_hf.media.perturb_picture import recompress_jpeg, resize_factor
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.synthesis.expression import expressions_of, to_shape
from deepfake_hf.synthesis.face_swap import swap_face
from deepfake_hf.synthesis.reconstruct import own_size, reconstruct_face, reconstruct_picture
from deepfake_hf.synthesis.reconstructor import built_in_reconstructors, find_reconstructor, load_reconstructor
from deepfake_hf.synthesis.reenact import Reenactment
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training.face_data import FaceRow, load_faces, reduced_crop
from deepfake_hf.training.model_start import processor_of
from deepfake_hf.training.stage_faces import crop_margins

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]
Maker = Callable[[Rgb, Points, Rgb, Points, np.random.Generator], Rgb]

_NEW_DECODER: Final = "nearest"  # that no run trained on
GENUINE: Final = "genuine"
STORED: Final = "DFDC"
CONDITIONS: Final[Mapping[str, Callable[[Rgb], Rgb]]] = {
    "as is": lambda rgb: rgb,
    "JPEG 40": lambda rgb: recompress_jpeg(rgb, 40),
    "half size": lambda rgb: resize_factor(rgb, 0.5),
    "H.264 CRF 35": lambda rgb: h264_roundtrip(rgb[None], 35)[0],
}
_SCALE: Final = (0.55, 1.0)
_MOVING: Final = (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48), slice(48, 68))  # brows, eyes, mouth


def makers() -> dict[str, Maker]:
    """Ways of making a fake of a genuine crop, by name; the other crop is of another person."""
    found: dict[str, Maker] = {
        "self-blend": lambda rgb, points, _other, _others, rng: self_blend(rgb, points, rng).rgb,
        "face swap, feathered": _swapped,
        "face swap, seamless": lambda rgb, points, other, others, _rng: swap_face(
            rgb, points, other, others, blend="seamless"
        )[0],
        "reenactment": _reenacted,
    }
    for name in built_in_reconstructors():
        found[f"rebuilt face, {name}"] = _rebuilt(name)
        found[f"rebuilt picture, {name}"] = _rebuilt_whole(name)
    # what a generator does: the face is moved or another's, and comes out of a decoder
    found[f"face swap, then rebuilt by {_NEW_DECODER}"] = _rebuilt(_NEW_DECODER, _swapped)
    found[f"reenactment, then rebuilt by {_NEW_DECODER}"] = _rebuilt(_NEW_DECODER, _reenacted)
    return found


def _rebuilt(name: str, before: Maker | None = None) -> Maker:
    """The face through a decoder, after another change."""
    model = load_reconstructor(find_reconstructor(name))

    def make(rgb: Rgb, points: Points, other: Rgb, others: Points, rng: np.random.Generator) -> Rgb:
        changed = before(rgb, points, other, others, rng) if before else rgb
        return reconstruct_face(changed, points, model, own_size(points, model))[0]

    return make


def _rebuilt_whole(name: str) -> Maker:
    model = load_reconstructor(find_reconstructor(name))
    return lambda rgb, _points, _other, _others, _rng: reconstruct_picture(rgb, model)


def _swapped(rgb: Rgb, points: Points, other: Rgb, others: Points, _rng: np.random.Generator) -> Rgb:
    return swap_face(rgb, points, other, others)[0]


def _reenacted(rgb: Rgb, points: Points, other: Rgb, others: Points, _rng: np.random.Generator) -> Rgb:
    """Brows, lids and lips get the other's shapes, where this face has them."""
    own = expressions_of(points[None])
    motion = np.zeros_like(own.resting)
    shape = to_shape(others, own.resting)
    for part in _MOVING:
        change = shape[part] - own.resting[part]
        motion[part] = change - change.mean(axis=0)
    return Reenactment(own).change(rgb, points, motion, other, others)[0]


def made_crops(rows: Sequence[FaceRow], count: int) -> dict[str, list[Rgb]]:
    """Genuine crops, stored fakes, and fakes made of the genuine ones.

    Args:
        rows: Held-out crops.
        count: Genuine crops at most, with landmarks, and stored fakes.

    Raises:
        DataError: Fewer than two genuine crops have landmarks, or there is no stored fake.
    """
    fake = [row for row in rows if row.label == FAKE][:count]
    seen = _genuine(rows, count)
    if not fake:
        raise DataError("unseen methods", "there is no stored fake", "take other shards")
    crops = {GENUINE: [rgb for rgb, _ in seen], STORED: [_reduced(row, index)[0] for index, row in enumerate(fake)]}
    for place, (name, make) in enumerate(makers().items()):
        crops[name] = [_made(make, place, seen, index) for index in range(len(seen))]
    return crops


def pairs_in_turn(rows: Sequence[FaceRow], count: int, leave_out: Sequence[str]) -> tuple[list[Rgb], list[Rgb]]:
    """Genuine crops, and of each one fake, ways in turn: both uint8 (h, w, 3), in one order.

    Args:
        rows: Held-out crops.
        count: Genuine crops at most, with landmarks.
        leave_out: Names of ways that are not used.

    Raises:
        DataError: Fewer than two genuine crops have landmarks, or no way is left.
    """
    seen = _genuine(rows, count)
    ways = [(make, place) for place, (name, make) in enumerate(makers().items()) if name not in leave_out]
    if not ways:
        raise DataError("kinds that training had not", "every kind is left out", "leave out fewer, see --seen")
    made = [_made(*ways[index % len(ways)], seen, index) for index in range(len(seen))]
    return [rgb for rgb, _ in seen], made


def _genuine(rows: Sequence[FaceRow], count: int) -> list[tuple[Rgb, Points]]:
    real = [row for row in rows if row.label == REAL and row.landmarks_xy is not None][:count]
    if len(real) < 2:
        raise DataError("unseen methods", "two genuine crops with landmarks are needed", "take other shards")
    return [_reduced(row, index) for index, row in enumerate(real)]


def _made(make: Maker, place: int, seen: Sequence[tuple[Rgb, Points]], index: int) -> Rgb:
    """One fake, from this crop and the next."""
    (rgb, points), (other, others) = seen[index], seen[(index + 1) % len(seen)]
    return make(rgb, points, other, others, np.random.default_rng([place, index]))


def _reduced(row: FaceRow, index: int) -> tuple[Rgb, Points]:
    rng = np.random.default_rng([7, row.label, index])
    rgb, small = reduced_crop(row.rgb(), row, float(rng.uniform(*_SCALE)), float(rng.uniform(0.05, 0.8)))
    return rgb, np.zeros((68, 2), np.float32) if small.landmarks_xy is None else small.landmarks_xy


def scorer(folder: Path) -> Callable[[Sequence[Rgb]], NDArray[np.float64]]:
    """Of a frame model: gives ``logit_fake`` of crops, mean of each and its mirror image, at the model's own side."""
    model = FrameDetectorForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    model.config.calibration, model.config.mirror_average = None, True
    processor, side = processor_of(folder), model.config.image_size

    return lambda crops: crop_margins(model, crops.__getitem__, len(crops), side, processor)


def measure_unseen(folder: Path, crops: Mapping[str, Sequence[Rgb]], seen: Sequence[str]) -> dict[str, Any]:
    """What a frame model makes of each kind.

    Args:
        folder: The model.
        crops: Of :func:`made_crops`.
        seen: Names of the kinds that training had.

    Returns:
        ``n`` genuine crops; ``kinds``, by name ``in_training`` and ``by`` condition ``auc``, ``auc_95`` and ``found``,
        the share at 5 % false alarms on the genuine crops of that condition; ``mean_auc`` by condition of those not
        in training, where there are any.
    """
    margins = scorer(folder)
    kinds: dict[str, Any] = {name: {"in_training": name in seen, "by": {}} for name in crops if name != GENUINE}
    for condition, change in CONDITIONS.items():
        found = {name: margins([change(rgb) for rgb in kind]) for name, kind in crops.items()}
        for name, kind in kinds.items():
            pair = (found[GENUINE], found[name])
            labels = np.repeat([REAL, FAKE], [len(part) for part in pair])
            both, groups = np.concatenate(pair), [*range(len(pair[0])), *range(len(pair[1]))]
            kind["by"][condition] = {
                "auc": auc(labels, both),
                "auc_95": list(bootstrap_interval(labels, both, groups, auc)),
                "found": tpr_at_fpr(labels, both, 0.05),
            }
    new = [kind["by"] for kind in kinds.values() if not kind["in_training"]]
    means = {name: float(np.mean([by[name]["auc"] for by in new])) for name in CONDITIONS} if new else {}
    return {"n": len(crops[GENUINE]), "kinds": kinds, "mean_auc": means}


def write_unseen(
    models: Sequence[Path], faces: Path, out: Path, seen: Sequence[str], count: int = 250, split: str = "validation"
) -> list[dict[str, Any]]:
    """Measure models and write a page.

    Args:
        models: Folders of frame models.
        faces: Folder of the parquet shards.
        out: The page.
        seen: Names of the ways that training had; the mean over the others is what models are chosen by.
        count: Crops of a kind at most.
        split: ``validation``, or ``dev`` to choose by.

    Returns:
        Of each model what :func:`measure_unseen` gives.
    """
    crops = made_crops(load_faces(faces, split), count)
    unknown = set(seen) - set(crops)
    if unknown:
        known = ", ".join(sorted(set(crops) - {GENUINE}))
        raise DataError(f"--seen {', '.join(sorted(unknown))}", "there is no such way", f"use one of {known}")
    page = [
        "# Ways of making fakes, seen in training and not",
        f"Made by `python train.py unseen` on `{split}` crops, {len(crops[GENUINE])} genuine and as many of each kind "
        f"({len(crops[STORED])} stored DFDC fakes), every crop reduced to 0.55 to 1 of its side before fakes are made "
        "of it. Each cell: AUC against the genuine crops in the same condition, its 95 % bootstrap interval, and the "
        "share found where 5 % of those genuine crops are called fake. All fakes but DFDC's are made here, by simple "
        "means: they say what carries over, not how a detector does on other people's methods.",
    ]
    measured = []
    for folder in models:
        found = measure_unseen(folder, crops, seen)
        measured.append(found)
        page += ["", f"## {folder}", "", f"| kind | in training | {' | '.join(CONDITIONS)} |"]
        page.append("|---|---|" + "---|" * len(CONDITIONS))
        for name, kind in found["kinds"].items():
            cells = [
                f"{by['auc']:.3f} ({by['auc_95'][0]:.3f} to {by['auc_95'][1]:.3f}), {by['found']:.0%}"
                for by in kind["by"].values()
            ]
            page.append(f"| {name} | {'yes' if kind['in_training'] else 'no'} | {' | '.join(cells)} |")
        if found["mean_auc"]:
            line = " | ".join(f"**{area:.3f}**" for area in found["mean_auc"].values())
            page.append(f"| mean AUC of those not in training | | {line} |")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(page) + "\n")
    return measured
