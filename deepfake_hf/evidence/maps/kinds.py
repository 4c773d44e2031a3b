"""The kinds of maps, what each shows in plain words, and whether it has passed its measurement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import UsageError

MEASURED: Final = Path(__file__).with_name("measured.json")
PICTURE, CLIP, SOUND = "picture", "clip", "sound"


@dataclass(frozen=True)
class MapKind:
    """``name``, the ``medium`` it is made of, a ``title`` and what it ``shows``, for a lay reader."""

    name: str
    medium: str
    title: str
    shows: str


KINDS: Final = {
    kind.name: kind
    for kind in (
        MapKind(
            "joint_cam",
            PICTURE,
            "Grad-CAM x LayerCAM x gradient",
            "Places that all three maps find: features that speak for a fake, here and over the face, and pixels that "
            "the score hangs on. It points at places; it does not outline what was changed.",
        ),
        MapKind(
            "grad_cam",
            PICTURE,
            "Grad-CAM",
            "Where features that speak for a fake are strong.",
        ),
        MapKind(
            "layer_cam",
            PICTURE,
            "LayerCAM",
            "As Grad-CAM, with every place's own gradient instead of the mean over the face.",
        ),
        MapKind(
            "smooth_gradient",
            PICTURE,
            "SmoothGrad",
            "Which pixels would change the score most if they changed a little.",
        ),
        MapKind(
            "occlusion",
            PICTURE,
            "Occlusion",
            "By how much the score falls when a patch of the face is painted over.",
        ),
        MapKind(
            "attention_mask",
            PICTURE,
            "Attention mask",
            "What the model itself weights its features with; it is the same for genuine and fake faces in large part.",
        ),
        MapKind(
            "frame_attention",
            CLIP,
            "Attention over frames",
            "How much each frame counts in a clip model's answer, which is not how fake it is.",
        ),
        MapKind(
            "short_windows",
            SOUND,
            "Short windows",
            "What the detector says of short stretches of sound, put together over time.",
        ),
        MapKind(
            "leave_out",
            SOUND,
            "Leave a stretch out",
            "By how much the score of the whole falls when a stretch is cut out.",
        ),
        MapKind(
            "band_shares",
            SOUND,
            "Shares of bands",
            "How much each band of pitches adds to the score of short stretches; exact, since the score is a sum.",
        ),
    )
}


@dataclass(frozen=True)
class Standing:
    """Whether a kind is on by default, and the sentence that says why. ``weights`` names what it was measured with."""

    on: bool
    why: str
    weights: str | None


def kind_named(name: str) -> MapKind:
    """Raises: UsageError: There is no such kind; says which there are."""
    if name not in KINDS:
        raise UsageError(f"the map {name!r}", "there is no such kind", f"choose one of {', '.join(KINDS)}")
    return KINDS[name]


@lru_cache(maxsize=1)
def measured_figures() -> dict[str, Any]:
    """What ``deepfake-hf maps-check --record`` has written; empty kinds where it never ran."""
    if not MEASURED.is_file():
        return {"kinds": {}}
    return dict(json.loads(MEASURED.read_text(encoding="utf-8")))


def standing(name: str, weights_sha256: str, figures: dict[str, Any] | None = None) -> Standing:
    """Whether a kind may be shown without being asked for.

    Args:
        name: Of the kind.
        weights_sha256: Of the branch that the map is of (``Bundle.branch_sha256``): what was measured with other
            weights says nothing about these.
        figures: As of :func:`measured_figures`, which is the default.

    Raises:
        UsageError: There is no such kind.
    """
    kind = kind_named(name)
    found = (measured_figures() if figures is None else figures)["kinds"].get(name)
    if found is None:
        return Standing(False, f"{kind.title} is off: it has not been measured with these weights", None)
    if found.get("branch_sha256") != weights_sha256:
        why = f"{kind.title} is off: it was measured with other weights ({found['weights']}), not with these"
        return Standing(False, why, found["weights"])
    state = "is on" if found["passed"] else "is off"
    return Standing(bool(found["passed"]), f"{kind.title} {state}: {found['why']}", found["weights"])


def kinds_on(medium: str, weights_sha256: str, figures: dict[str, Any] | None = None) -> list[str]:
    """Names of the kinds of a medium (``picture``, ``clip``, ``sound``) that have passed, in the order of KINDS."""
    return [
        name for name, kind in KINDS.items() if kind.medium == medium and standing(name, weights_sha256, figures).on
    ]
