"""The one polarity of this project, and the one place that turns a foreign polarity into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from deepfake_hf.errors import LabelError

REAL: Final = 0
FAKE: Final = 1
ID2LABEL: Final[dict[int, str]] = {REAL: "real", FAKE: "fake"}
LABEL2ID: Final[dict[str, int]] = {"real": REAL, "fake": FAKE}

_REAL_WORDS = frozenset({"real", "genuine", "bonafide", "bona-fide", "bona_fide", "original", "pristine", "authentic"})
_FAKE_WORDS = frozenset({"fake", "spoof", "deepfake", "manipulated", "synthetic", "generated", "altered"})


def label_from_word(word: str) -> int:
    """Read a class name of any data set.

    Args:
        word: A class name such as ``"REAL"``, ``"bonafide"`` or ``"spoof"``; case does not matter.

    Returns:
        ``REAL`` (0) or ``FAKE`` (1).

    Raises:
        LabelError: The word is in neither list. Labels are never guessed.
    """
    lowered = word.strip().lower()
    if lowered in _REAL_WORDS:
        return REAL
    if lowered in _FAKE_WORDS:
        return FAKE
    raise LabelError(
        f"unknown class name {word!r}",
        "it is neither a known word for genuine nor one for fake",
        f"rename it to one of {sorted(_REAL_WORDS | _FAKE_WORDS)}",
    )


def polarity_map(names: Sequence[str]) -> dict[int, int]:
    """Map a data set's class indices to this project's, by name and never by position.

    Args:
        names: The data set's class names in its own index order (``imagefolder`` sorts them, so fake = 0 there).

    Returns:
        ``{their index: REAL or FAKE}``.
    """
    return {index: label_from_word(name) for index, name in enumerate(names)}


def check_polarity(id2label: Mapping[int, str]) -> None:
    """Refuse a model head whose labels are missing or swapped.

    Raises:
        LabelError: ``id2label`` is not exactly ``{0: "real", 1: "fake"}``.
    """
    stored = {int(index): name for index, name in id2label.items()}
    if stored != ID2LABEL:
        raise LabelError(
            f"the model's labels are {stored}",
            f"this library needs {ID2LABEL} so that a high score always means fake",
            "save the model with id2label={0: 'real', 1: 'fake'} and its head's rows in that order",
        )
