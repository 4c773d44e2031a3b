"""Third-party classifiers: which way their labels point, and how they become a detector for comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig, AutoModelForAudioClassification, AutoModelForImageClassification

import deepfake_hf.models  # noqa: F401  # a branch folder of ours may be opened like a third party's
from deepfake_hf.errors import BundleError, LabelError
from deepfake_hf.hub.bundle import Bundle
from deepfake_hf.labels import FAKE, ID2LABEL, REAL, label_from_word, polarity_map

_BRANCHES = {"image": "face", "audio": "speech"}


@dataclass(frozen=True)
class ThirdParty:
    """A classifier's folder. ``names`` are its labels in the order of its outputs.

    ``meaning`` says for each output REAL or FAKE, by name; it is None where that can't be known, and ``why`` says why.
    """

    path: Path
    kind: str
    model_type: str
    names: tuple[str, ...]
    meaning: tuple[int, ...] | None
    why: str


def look_at(folder: Path) -> ThirdParty:
    """Read a classifier's configuration, without its weights.

    Args:
        folder: of an image or audio classifier as transformers saves it, or of a timm model with its
            ``architecture`` and ``pretrained_cfg`` in ``config.json``.

    Raises:
        BundleError: transformers does not know it, or it is no image or audio classifier.
    """
    try:
        config = AutoConfig.from_pretrained(folder)
    except Exception as error:  # transformers and timm raise many kinds here
        raise BundleError(
            f"{folder} is not known to transformers",
            str(error).strip().splitlines()[0].rstrip("."),
            "save it with save_pretrained; code in a third party's folder is never run",
        ) from None
    if type(config) in AutoModelForImageClassification._model_mapping:
        kind = "image"
    elif type(config) in AutoModelForAudioClassification._model_mapping:
        kind = "audio"
    else:
        raise BundleError(
            f"{folder} cannot be a branch",
            f"a {config.model_type} is no image or audio classifier",
            "name a folder of one of those kinds",
        )
    names = tuple(str(config.id2label[index]) for index in range(config.num_labels))
    meaning, why = _meaning(names)
    return ThirdParty(folder, kind, str(config.model_type), names, meaning, why)


def open_third_party(folder: Path, polarity: Sequence[str] | None) -> Bundle:
    """A classifier as a bundle without calibration: its one branch is ``face`` or ``speech``.

    Args:
        folder: as :func:`look_at`.
        polarity: what each output means, in their order, such as ``("fake", "real")``; needed where the label names
            don't say it, and refused where it contradicts them.

    Raises:
        LabelError: Which outputs mean fake is not known, or said in two ways.
        BundleError: As :func:`look_at`, or there are no safetensors.
    """
    found = look_at(folder)
    meaning = found.meaning
    if polarity is not None:
        said = tuple(polarity_map(polarity).values())
        if len(said) != len(found.names) or (meaning is not None and said != meaning):
            raise LabelError(
                f"the polarity {tuple(polarity)} of {folder}",
                f"its outputs are named {found.names}",
                "give one word for each output, or correct id2label in its config.json",
            )
        meaning, why = _meaning(tuple(polarity))
    else:
        why = found.why
    if meaning is None:
        raise LabelError(
            f"which output of {folder} means fake is not known", why, 'say it: polarity=("fake", "real"), say'
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise BundleError(f"{folder} has no weights", "there is no .safetensors file", "convert them to safetensors")
    digest = hashlib.sha256()
    for file in [*sorted(folder.glob("*.json")), *weights]:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return Bundle(
        path=folder,
        name=folder.resolve().name,
        branches={_BRANCHES[found.kind]: found.kind},
        calibrations={},
        landmarks=None,
        weights="third-party",
        sha256=digest.hexdigest(),
        manifest={},
        meaning=meaning,
    )


def _meaning(names: tuple[str, ...]) -> tuple[tuple[int, ...] | None, str]:
    try:
        meaning = tuple(label_from_word(name) for name in names)
    except LabelError as error:
        return None, f"of its labels {names}, one is an {error.what}"
    if len(names) > 1 and set(meaning) != {REAL, FAKE}:
        return None, f"all of its labels {names} mean {ID2LABEL[meaning[0]]}"
    pairs = zip(names, meaning, strict=True)
    return meaning, ", ".join(f"{index} {name!r} → {ID2LABEL[one]}" for index, (name, one) in enumerate(pairs))
