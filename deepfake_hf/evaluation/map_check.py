"""Scoring the kinds of heat maps: every kind on planted fakes, beside a blob in the middle that knows nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.evaluation.map_metrics import centre_blob, mask_iou, pointing_hit

Values = NDArray[np.float32]
Truth = NDArray[np.bool_]

MIN_POINTING: Final = 0.7
MAX_RANDOM_CORRELATION: Final = 0.5
_ROUNDS: Final = 2000


@dataclass(frozen=True)
class Trial:
    """One map of one planted fake: ``margin`` is the fake's ``logit_fake``; hit and IoU of the map and of the blob."""

    item: int
    margin: float
    hit: bool
    iou: float
    blob_hit: bool
    blob_iou: float


@dataclass(frozen=True)
class Localisation:
    """Means over ``n`` planted fakes; ``*_gain`` is the difference to the blob with its 95 % interval."""

    n: int
    pointing: float
    pointing_blob: float
    pointing_gain: tuple[float, float, float]
    iou: float
    iou_blob: float
    iou_gain: tuple[float, float, float]


def trial(item: int, margin: float, values: Values, truth: Truth) -> Trial:
    """Score one map."""
    blob = centre_blob(truth.shape)
    return Trial(
        item, margin, pointing_hit(values, truth), mask_iou(values, truth), pointing_hit(blob, truth),
        mask_iou(blob, truth),
    )  # fmt: skip


def localisation(trials: Sequence[Trial], seed: int = 0) -> Localisation | None:
    """Means and gains; None of no trial. Every trial is of a source of its own, so that trials are drawn."""
    if not trials:
        return None
    hits, hits_blob, ious, ious_blob = (
        np.array([float(getattr(one, name)) for one in trials]) for name in ("hit", "blob_hit", "iou", "blob_iou")
    )
    drawn = np.random.default_rng(seed).integers(0, len(trials), (_ROUNDS, len(trials)))
    gains = []
    for ours, theirs in ((hits, hits_blob), (ious, ious_blob)):
        gain = ours - theirs
        low, high = np.quantile(gain[drawn].mean(1), [0.025, 0.975])
        gains.append((float(gain.mean()), float(low), float(high)))
    return Localisation(
        len(trials), float(hits.mean()), float(hits_blob.mean()), gains[0], float(ious.mean()), float(ious_blob.mean()),
        gains[1],
    )  # fmt: skip


def judge(found: Localisation | None, random_correlation: float | None) -> tuple[bool, str]:
    """Whether a kind may be on, and the sentence that says why.

    It has to point at what was changed in 7 of 10 fakes or more, beat the blob in the pointing game and in IoU so that
    both intervals lie above 0, and change when the weights are random.

    Args:
        found: On planted fakes that are scored fake.
        random_correlation: Rank correlation with the maps of a net with random weights; None where it can't be had.
    """
    if found is None:
        return False, "none of the planted fakes was scored fake, so it could not be measured"
    points = f"it points at what was changed in {found.pointing:.0%} of {found.n} planted fakes"
    beside = f"a blob in the middle in {found.pointing_blob:.0%}"
    faults = []
    if found.pointing < MIN_POINTING:
        faults.append(f"fewer than {MIN_POINTING:.0%}")
    if found.pointing_gain[1] <= 0:
        faults.append("not clearly more often than the blob")
    if found.iou_gain[1] <= 0:
        faults.append(f"its overlap of {found.iou:.2f} is not clearly above the blob's {found.iou_blob:.2f}")
    if random_correlation is not None and abs(random_correlation) > MAX_RANDOM_CORRELATION:
        faults.append(f"it hardly changes when the weights are random (rank correlation {random_correlation:.2f})")
    sentence = f"{points}, {beside}"
    return not faults, "; ".join([sentence, *faults])


def summary(trials: Sequence[Trial], random_correlation: float | None) -> dict[str, Any]:
    """Figures of the fakes that are scored fake (``scored_fake``) and of all (``all``), and the judgement."""
    fakes = localisation([one for one in trials if one.margin >= 0])
    passed, why = judge(fakes, random_correlation)
    everything = localisation(trials)
    return {
        "scored_fake": None if fakes is None else asdict(fakes),
        "all": None if everything is None else asdict(everything),
        "random_correlation": random_correlation,
        "passed": passed,
        "why": why,
    }


def with_random_weights(branch: Any, seed: int, only: Callable[[str], bool] | None = None) -> Any:
    """A branch whose model has drawn its weights again.

    Args:
        branch: With a torch ``model``; it is left as it is.
        seed: Of the draw.
        only: Which modules, by name; None: all of them.

    Returns:
        A shallow copy of the branch with a model of its own.
    """
    other = copy.copy(branch)
    other.model = copy.deepcopy(branch.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in other.model.named_modules():
            if hasattr(module, "reset_parameters") and (only is None or only(name)):
                module.reset_parameters()
    return other
