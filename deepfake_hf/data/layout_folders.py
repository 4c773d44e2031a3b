"""A plain tree of folders whose names are classes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deepfake_hf.data.folders import files_below
from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.errors import DataError, LabelError
from deepfake_hf.labels import FAKE, label_from_word
from deepfake_hf.media.suffixes import MEDIA_SUFFIXES

_SPLIT_WORDS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}


def folder_tree(root: Path, dataset: str = "") -> list[ManifestRow]:
    """Media below folders named ``real`` or ``fake`` (or another word that :mod:`deepfake_hf.labels` knows).

    ``train/fake/wav2lip/a.mp4``: a folder named like a split gives it, the folder below ``fake`` is the method, and
    the place in the tree without these words names the source: ``real/a.mp4`` and ``fake/a.mp4`` share one, as
    fakes that keep the name of their original should.

    Args:
        root: The top folder.
        dataset: Name of the set; empty takes the folder's name.

    Raises:
        DataError: No media, or a file below no class word or below two that disagree.
    """
    rows = []
    for file in files_below(root, MEDIA_SUFFIXES):
        parts = file.relative_to(root).parts[:-1]
        words = {place: label for place, part in enumerate(parts) if (label := _label(part)) is not None}
        if len(set(words.values())) != 1:
            why = "its folders name both classes" if words else "none of its folders names a class"
            raise DataError(str(file), why, "put media below folders named real and fake")
        splits = {place: _SPLIT_WORDS[part.lower()] for place, part in enumerate(parts) if part.lower() in _SPLIT_WORDS}
        others = [part for place, part in enumerate(parts) if place not in words and place not in splits]
        label = next(iter(words.values()))
        below = [part for place, part in enumerate(parts) if place > max(words) and place not in splits]
        method = below[0] if below and label == FAKE else ""
        source = "/".join([part for part in others if part != method] + [file.stem])
        split = next(iter(splits.values()), "")
        rows.append(ManifestRow(str(file), label, dataset or root.resolve().name, method, "", source, split))
    if not rows:
        raise DataError(f"{root} holds no media", "nothing in it is named like a medium", "name another folder")
    return rows


def _label(word: str) -> int | None:
    try:
        return label_from_word(word)
    except LabelError:
        return None
