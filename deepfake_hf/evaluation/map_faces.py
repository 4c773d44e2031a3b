"""Scoring the maps of a face branch on self-blended faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.map_check import Trial, localisation, summary, trial, with_random_weights
from deepfake_hf.evaluation.map_metrics import centre_blob, curve_areas, rank_correlation
from deepfake_hf.evaluation.map_plants import PlantedFace, half_blend, whole_blend
from deepfake_hf.evidence.maps.picture import class_activations, face_map

Rgb = NDArray[np.uint8]
Tell = Callable[[int, int], None]
Maker = Callable[[Any, Rgb], dict[str, NDArray[np.float32]]]

ACTIVATIONS: Final = ("joint_cam", "grad_cam", "layer_cam")


@dataclass(frozen=True)
class FaceCheckSize:
    """How many: ``faces`` for the class activation maps, ``slow`` for the others and for whole blends, ``curves`` for
    deletion and insertion, ``random`` for random weights."""

    faces: int = 150
    slow: int = 40
    curves: int = 20
    random: int = 8


def _activations(branch: Any, rgb: Rgb) -> dict[str, NDArray[np.float32]]:
    return {name: heat.values for name, heat in class_activations(branch, rgb).items()}


def _alone(kind: str) -> Maker:
    return lambda branch, rgb: {kind: face_map(kind, branch, rgb).values}


def makers_of(branch: Any, crop: Rgb) -> dict[tuple[str, ...], Maker]:
    """What this branch can give, tried on a crop: kinds that come together, and their maker."""
    able: dict[tuple[str, ...], Maker] = {}
    candidates: dict[tuple[str, ...], Maker] = {ACTIVATIONS: _activations}
    candidates |= {(kind,): _alone(kind) for kind in ("attention_mask", "smooth_gradient", "occlusion")}
    for kinds, maker in candidates.items():
        try:
            maker(branch, crop)
        except UsageError:
            continue
        able[kinds] = maker
    return able


def check_face_maps(
    branch: Any,
    faces: Sequence[tuple[Rgb, NDArray[np.float32]]],
    size: FaceCheckSize | None = None,
    seed: int = 0,
    tell: Tell = lambda done, total: None,
    only: str | None = None,
) -> dict[str, Any]:
    """Score every kind that a face branch can give.

    Args:
        branch: A face branch on torch.
        faces: Genuine crops uint8 (H, W, 3) and their 68 landmarks, each of a source of its own.
        size: How many of them to take for what.
        seed: Of the blends and of random weights.
        tell: Told of (done, total).
        only: One kind, instead of all.

    Returns:
        ``genuine_margins`` (quantiles 5, 50, 95 %) and by kind: figures of half blends as of
        :func:`~deepfake_hf.evaluation.map_check.summary`, ``whole_blends``, and ``curves``.

    Raises:
        DataError: There is no face.
        UsageError: The branch can't give ``only``.
    """
    if not faces:
        raise DataError(
            "maps cannot be scored", "there is no genuine face with landmarks", "give shards with landmarks"
        )
    size = size or FaceCheckSize()
    faces = faces[: size.faces]
    half = [half_blend(rgb, points, np.random.default_rng([seed, 1, i])) for i, (rgb, points) in enumerate(faces)]
    whole = [
        whole_blend(rgb, points, np.random.default_rng([seed, 2, i]))
        for i, (rgb, points) in enumerate(faces[: size.slow])
    ]
    margins_half, margins_whole = (branch.score([one.rgb for one in part]) for part in (half, whole))
    able = makers_of(branch, faces[0][0]) if only is None else {(only,): _alone(only)}
    total, done = sum(len(half) if kinds == ACTIVATIONS else min(size.slow, len(half)) for kinds in able), 0
    figures: dict[str, Any] = {}
    for kinds, maker in able.items():
        count = len(half) if kinds == ACTIVATIONS else size.slow
        trials: dict[str, list[Trial]] = {kind: [] for kind in kinds}
        for kind, one in _trials(branch, maker, half[:count], margins_half):
            trials[kind].append(one)
            done += kind == kinds[0]
            tell(done, total)
        wholes: dict[str, list[Trial]] = {kind: [] for kind in kinds}
        for kind, one in _trials(branch, maker, whole, margins_whole):
            wholes[kind].append(one)
        fakes = [one for one, margin in zip(half, margins_half, strict=True) if margin >= 0]
        random = _random_correlations(branch, maker, fakes[: size.random], seed)
        curves = _curves(branch, maker, fakes[: size.curves])
        for kind in kinds:
            found = summary(trials[kind], random["all weights"].get(kind))
            found["random_head_correlation"] = random["head"].get(kind)
            fakes_whole = localisation([one for one in wholes[kind] if one.margin >= 0])
            found["whole_blends"] = None if fakes_whole is None else asdict(fakes_whole)
            found["curves"] = curves.get(kind)
            figures[kind] = found
    genuine = branch.score([rgb for rgb, _ in faces])
    quantiles = [float(value) for value in np.quantile(genuine, [0.05, 0.5, 0.95])]
    return {"genuine_margins": quantiles, "kinds": figures}


def _trials(
    branch: Any, maker: Maker, plants: Sequence[PlantedFace], margins: NDArray[np.float64]
) -> Iterator[tuple[str, Trial]]:
    for i, plant in enumerate(plants):
        for kind, values in maker(branch, plant.rgb).items():
            yield kind, trial(i, float(margins[i]), values, plant.changed)


def _random_correlations(
    branch: Any, maker: Maker, fakes: Sequence[PlantedFace], seed: int
) -> dict[str, dict[str, float]]:
    """Mean rank correlation by kind, of maps with the trained and with random weights (Adebayo et al. 2018)."""
    others = {
        "head": with_random_weights(branch, seed, only=lambda name: name.split(".")[0] == "head"),
        "all weights": with_random_weights(branch, seed),
    }
    found: dict[str, dict[str, list[float]]] = {name: {} for name in others}
    for plant in fakes:
        ours = maker(branch, plant.rgb)
        for name, other in others.items():
            for kind, values in maker(other, plant.rgb).items():
                found[name].setdefault(kind, []).append(rank_correlation(ours[kind], values))
    return {name: {kind: float(np.mean(values)) for kind, values in by.items()} for name, by in found.items()}


def _curves(branch: Any, maker: Maker, fakes: Sequence[PlantedFace]) -> dict[str, dict[str, float]]:
    """Mean areas under the deletion and insertion curves, of the kinds and of the blob."""
    areas: dict[str, list[tuple[float, float]]] = {}
    for plant in fakes:
        height, width = plant.rgb.shape[:2]
        without = np.asarray(cv2.GaussianBlur(plant.rgb, (0, 0), 0.05 * min(height, width)), np.uint8)
        for kind, values in {**maker(branch, plant.rgb), "blob": centre_blob((height, width))}.items():
            areas.setdefault(kind, []).append(curve_areas(plant.rgb, without, values, branch.score, num_steps=6))
    mean = {kind: np.mean(pairs, axis=0) for kind, pairs in areas.items()}
    return {
        kind: {
            "n": len(fakes), "deletion": float(pair[0]), "insertion": float(pair[1]),
            "deletion_blob": float(mean["blob"][0]), "insertion_blob": float(mean["blob"][1]),
        }
        for kind, pair in mean.items()
        if kind != "blob"
    }  # fmt: skip
