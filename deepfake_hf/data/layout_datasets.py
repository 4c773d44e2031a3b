"""Everything that the ``datasets`` library reads: folders with its conventions, parquet shards, sets on the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from deepfake_hf.data.manifest import COLUMNS, ManifestRow, row_from_fields
from deepfake_hf.errors import DataError, MissingDependencyError
from deepfake_hf.labels import ID2LABEL, label_from_word, polarity_map

_ROWS_AT_ONCE: Final = 64
# For bytes without a name, so that other programs know them; this library looks at the bytes.
_SUFFIX_OF_START: Final = {
    b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3"
}  # fmt: skip
_SPLIT_NAMES: Final = {"train": "train", "validation": "validation", "valid": "validation", "test": "test"}


def media_folder(
    root: Path, kind: str, media: Path, columns: Mapping[str, str] | None = None, dataset: str = ""
) -> list[ManifestRow]:
    """An ``imagefolder``, ``videofolder`` or ``audiofolder``: class folders, or ``metadata.csv`` with ``file_name``.

    Arguments and errors as in :func:`load_rows`. The library sorts class names, so that its fake is 0 and its real 1:
    labels are read by name.
    """
    return _rows(_load(kind, data_dir=str(root)), media, columns, dataset or root.resolve().name)


def parquet(root: Path, media: Path, columns: Mapping[str, str] | None = None, dataset: str = "") -> list[ManifestRow]:
    """Parquet shards below a folder, or one file, written by ``datasets``; see :func:`load_rows`."""
    files = [str(root)] if root.is_file() else [str(file) for file in sorted(root.rglob("*.parquet"))]
    if not files:
        raise DataError(f"no parquet below {root}", "there is no .parquet file", "name the folder of the shards")
    return _rows(_load("parquet", data_files=files), media, columns, dataset or root.resolve().stem)


def load_rows(
    name: str, media: Path, columns: Mapping[str, str] | None = None, config: str | None = None, dataset: str = ""
) -> list[ManifestRow]:
    """A set on the Hub, or a local folder with a data set's layout, streamed.

    Media that lie in files of their own stay there; bytes inside shards are written below ``media`` unchanged, so that
    every other tool can open them and traces are kept.

    Args:
        name: What ``datasets.load_dataset`` takes.
        media: Folder for bytes that lie in no file of their own.
        columns: Which of its columns are ours, for example ``{"identity": "speaker"}``; equal names need none.
        config: Configuration of the set, where it has several.
        dataset: Name of the set in the manifest; empty takes ``name``.

    Raises:
        DataError: No column of media, none of labels, or labels whose meaning the set does not state.
        MissingDependencyError: ``datasets`` is not installed.
    """
    return _rows(_load(name, config), media, columns, dataset or name)


def _load(*arguments: Any, **options: Any) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingDependencyError(
            "the set cannot be read", "datasets is not installed", "pip install 'deepfake-hf[train]'"
        ) from error
    try:
        return datasets.load_dataset(*arguments, streaming=True, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{arguments[0]} cannot be loaded", str(error), "check its name and the network") from error


def _rows(loaded: Any, media: Path, columns: Mapping[str, str] | None, dataset: str) -> list[ManifestRow]:
    rows = []
    for part, stream in loaded.items():
        split = _SPLIT_NAMES.get(part, "") if len(loaded) > 1 else ""
        for fields in _fields(stream, media / part, dict(columns or {})):
            try:
                rows.append(row_from_fields({"dataset": dataset, "split": split, **fields}))
            except ValueError as error:
                raise DataError(f"{dataset}, row {len(rows) + 1}", str(error), "mend the set or map columns") from error
    return rows


def _fields(stream: Any, media: Path, columns: dict[str, str]) -> Iterator[dict[str, Any]]:
    import datasets

    features = stream.features
    kinds = (datasets.Image, datasets.Audio, datasets.Video)
    held = [name for name, feature in features.items() if isinstance(feature, kinds)]
    if not held:
        raise DataError("the set has no media", f"none of {list(features)} is a picture, sound or video", "check it")
    for name in held:
        stream = stream.cast_column(name, type(features[name])(decode=False))
    unknown = (set(columns) - set(COLUMNS)) | (set(columns.values()) - set(features))
    if unknown:
        raise DataError(f"columns {sorted(unknown)}", f"ours are {list(COLUMNS)}, its {list(features)}", "check names")
    taken = {**{name: name for name in COLUMNS if name in features and name != "path"}, **columns}
    if "label" not in taken:
        raise DataError("the set has no labels", f"its columns are {list(features)}", "map one: columns: {label: NAME}")
    names = getattr(features[taken["label"]], "names", None)
    polarity = polarity_map(names) if names else None
    number = 0
    # Arrow tables: the path through Python objects asks for torchcodec, though nothing is decoded.
    for table in (
        stream.select_columns([held[0], *dict.fromkeys(taken.values())]).with_format("arrow").iter(_ROWS_AT_ONCE)
    ):
        for entry in table.to_pylist():
            fields = {ours: entry[its] for ours, its in taken.items()}
            if fields.get("split") in _SPLIT_NAMES:
                fields["split"] = _SPLIT_NAMES[fields["split"]]
            fields["label"] = _word(fields["label"], polarity)
            yield {**fields, "path": _path(entry[held[0]], media, number)}
            number += 1


def _word(value: Any, polarity: Mapping[int, int] | None) -> str:
    if polarity is not None:
        return ID2LABEL[polarity[int(value)]]
    if isinstance(value, str):
        return ID2LABEL[label_from_word(value)]
    raise DataError(
        f"the label {value!r}",
        "it is a number, and the set does not say which of them is fake",
        "store the labels as words or as a ClassLabel",
    )


def _path(item: Mapping[str, Any], media: Path, number: int) -> str:
    """The file that holds an item; bytes are written once, and again only where the file's size differs."""
    name, data = item.get("path") or "", item.get("bytes")
    if data is None:
        return str(name)
    known = (suffix for start, suffix in _SUFFIX_OF_START.items() if data.startswith(start))
    target = media / f"{number:07d}{Path(name).suffix.lower() or next(known, '.bin')}"
    if not target.is_file() or target.stat().st_size != len(data):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return str(target)
