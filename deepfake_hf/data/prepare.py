"""From folders as they are downloaded to one manifest: read each set, take the wanted numbers, share out the splits."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_hf.data.layout_datasets import load_rows, media_folder, parquet
from deepfake_hf.data.layout_folders import folder_tree
from deepfake_hf.data.layouts_faces import celeb_df, deepfake_timit, dfd, dfdc, faceforensics, fakeavceleb
from deepfake_hf.data.layouts_speech import asvspoof5, asvspoof2019, asvspoof2021, in_the_wild, wavefake
from deepfake_hf.data.manifest import ManifestRow, check_rows
from deepfake_hf.data.splits import SPLIT_BY, SplitPlan, assign_splits, carve_validation
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.labels import FAKE, ID2LABEL, REAL

LAYOUTS: Final[Mapping[str, Callable[..., list[ManifestRow]]]] = {
    "folder": folder_tree,
    "imagefolder": partial(media_folder, kind="imagefolder"),
    "videofolder": partial(media_folder, kind="videofolder"),
    "audiofolder": partial(media_folder, kind="audiofolder"),
    "parquet": parquet,
    "datasets": load_rows,
    "faceforensics": faceforensics,
    "dfd": dfd,
    "celeb-df": celeb_df,
    "dfdc": dfdc,
    "deepfake-timit": deepfake_timit,
    "fakeavceleb": fakeavceleb,
    "asvspoof2019": asvspoof2019,
    "asvspoof2021": asvspoof2021,
    "asvspoof5": asvspoof5,
    "in-the-wild": in_the_wild,
    "wavefake": wavefake,
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetConfig(_Strict):
    """One set: its ``layout``, its ``root`` (for ``datasets`` a name), how many genuine and fake rows are wanted.

    ``real`` and ``fake`` None take all. ``options`` go to the layout, for example ``{compression: c40}``.
    """

    layout: str
    root: str
    real: int | None = Field(default=None, ge=0)
    fake: int | None = Field(default=None, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)


class SplitConfig(_Strict):
    """How rows are shared out: see :class:`SplitPlan`. ``carve`` sets that share of ``train`` aside as validation."""

    shares: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    by: tuple[Literal["identity", "source"], ...] = SPLIT_BY
    official: bool = True
    carve: float | None = Field(default=None, gt=0, lt=1)


class PrepareConfig(_Strict):
    """A mixture: the sets, how they are split (None leaves rows as their sets split them), and the seed."""

    sets: tuple[SetConfig, ...] = Field(min_length=1)
    split: SplitConfig | None = None
    seed: int = 0


@dataclass(frozen=True)
class Prepared:
    """The manifest's rows, and the files that lists name but that are not there."""

    rows: list[ManifestRow]
    missing: list[str]


def read_config(path: str | os.PathLike[str]) -> PrepareConfig:
    """Read a mixture from YAML; a relative ``root`` counts from the file's folder, unless the layout is ``datasets``.

    Raises:
        DataError: Not YAML, an unknown key or a wrong value; the message names it.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{os.fspath(path)} cannot be read", str(error), "give a YAML file") from error
    config = parse_config(raw, os.fspath(path))
    folder = Path(path).resolve().parent
    placed = [
        part if part.layout == "datasets" else part.model_copy(update={"root": str(folder / part.root)})
        for part in config.sets
    ]
    return config.model_copy(update={"sets": tuple(placed)})


def parse_config(raw: Any, name: str) -> PrepareConfig:
    """Check a mixture's plain values.

    Raises:
        DataError: An unknown key or a wrong value; the message names it and ``name``.
    """
    try:
        return PrepareConfig.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors())
        raise DataError(f"{name} is no mixture", wrong, "see `deepfake-hf data prepare --help`") from error


def prepare(config: PrepareConfig, media: Path) -> Prepared:
    """Make a mixture's rows.

    Args:
        config: The sets, numbers and splits.
        media: Folder for media that lie inside shards; each set gets a folder of its own in it.

    Returns:
        Rows in the order of the sets, in each the genuine ones first; and the missing files, which have no row.

    Raises:
        DataError: A layout that does not fit, fewer rows than wanted, or groups too large for the shares.
        UsageError: An unknown layout or option.
    """
    rows: list[ManifestRow] = []
    missing: list[str] = []
    for number, part in enumerate(config.sets):
        found = _read_set(part, media / f"{number:02d}-{part.layout}")
        there = [row for row in found if os.path.isfile(row.path)]
        missing += [row.path for row in found if not os.path.isfile(row.path)]
        for label, count in ((REAL, part.real), (FAKE, part.fake)):
            rng = np.random.default_rng([config.seed, number, label])
            rows += _take([row for row in there if row.label == label], count, rng, part, label)
    check_rows(rows)
    if config.split is not None:
        plan = SplitPlan(config.split.shares, config.split.by, config.split.official, config.seed)
        rows = assign_splits(rows, plan)
        if config.split.carve is not None:
            rows = carve_validation(rows, config.split.carve, plan)
    return Prepared(rows, list(dict.fromkeys(missing)))


def _read_set(part: SetConfig, media: Path) -> list[ManifestRow]:
    if part.layout not in LAYOUTS:
        raise UsageError(f"layout {part.layout!r}", "there is none of that name", f"use one of {list(LAYOUTS)}")
    read = LAYOUTS[part.layout]
    names = list(inspect.signature(read).parameters)
    allowed = [name for name in names[1:] if name not in ("media", "kind")]
    if set(part.options) - set(allowed):
        raise UsageError(
            f"options {sorted(part.options)} of {part.layout}", f"it takes {allowed or 'none'}", "check their names"
        )
    if part.layout == "datasets":
        return read(part.root, media=media, **part.options)
    if not Path(part.root).exists():
        raise DataError(f"{part.root} is not there", f"{part.layout} is to be read from it", "check the path")
    return read(Path(part.root), **({"media": media} if "media" in names else {}), **part.options)


def _take(
    rows: Sequence[ManifestRow], count: int | None, rng: np.random.Generator, part: SetConfig, label: int
) -> list[ManifestRow]:
    """``count`` rows at random, the methods as evenly as they allow; in the manifest's order."""
    if count is None:
        return list(rows)
    if count > len(rows):
        raise DataError(
            f"{count} {ID2LABEL[label]} rows of {part.layout}", f"{part.root} has {len(rows)}", "ask for fewer"
        )
    by_method: dict[str, list[int]] = {}
    for index in rng.permutation(len(rows)).tolist():
        by_method.setdefault(rows[index].method, []).append(index)
    rounds = [(place, index) for indices in by_method.values() for place, index in enumerate(indices)]
    order = sorted(rounds, key=lambda item: (item[0], rng.random()))  # a method's first pick, then its second, …
    return [rows[index] for index in sorted(index for _, index in order[:count])]
