"""The scores table: a row for every medium and for every window in it, from which all figures and pictures follow."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from deepfake_hf.data import ManifestRow, row_from_fields
from deepfake_hf.data.manifest import load_pyarrow
from deepfake_hf.errors import DataError
from deepfake_hf.labels import ID2LABEL
from deepfake_hf.media.suffixes import MEDIA_SUFFIXES
from deepfake_hf.scoring.aggregation import robust_mean
from deepfake_hf.scoring.calibration import margin_of, sigmoid
from deepfake_hf.types import Status

FRAME, CLIP, VIDEO = "frame", "clip", "video"
LEVELS: Final = (FRAME, CLIP, VIDEO)
UNSCORED: Final = "unscored"
_MANIFEST: Final = ("path", "label", "dataset", "method", "identity", "source", "split", "start_s", "end_s")
_WORDS: Final = ("level", "video", "branch", "status", "reason", "weights")
_NUMBERS: Final = ("p_fake", "coverage", "fpr1", "fpr5")
_SHOWN: Final = 10
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Score:
    """One answer.

    Args:
        level: ``video`` (a medium), ``clip`` (a window of sound, or one person's track) or ``frame`` (a face).
        path, label, dataset, method, identity, source, split, start_s, end_s: As in the manifest; of a frame or clip
            the times are its own.
        video: With dataset and method the key of the video. Alone it is not enough: four methods of FaceForensics++
            have a ``000_003``.
        branch: ``face``, ``speech`` or empty; of a medium the one that decided.
        track: The person, or None.
        p_fake: Calibrated P(fake), None where there is none; then ``status`` and ``reason`` say why.
        coverage: Share of the medium that could be scored.
        fpr1: P(fake) that 1 % of genuine media reach, stored with the weights; None where nobody measured it.
        fpr5: The same for 5 %.
        weights: How the model calls itself.
        groups: Further columns to slice by.
    """

    level: str
    path: str
    label: int
    p_fake: float | None
    dataset: str = ""
    method: str = ""
    video: str = ""
    identity: str = ""
    source: str = ""
    split: str = ""
    start_s: float | None = None
    end_s: float | None = None
    branch: str = ""
    track: int | None = None
    status: str = Status.SCORED.value
    reason: str = ""
    coverage: float | None = None
    fpr1: float | None = None
    fpr5: float | None = None
    weights: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Of the video."""
        return (self.dataset, self.method, self.video)

    @property
    def margin(self) -> float:
        """The logit of P(fake), which must be there."""
        assert self.p_fake is not None
        return float(margin_of(self.p_fake))

    def value(self, column: str) -> str:
        """A column's value as a word; empty where it is not there."""
        if column in self.groups:
            return self.groups[column]
        return "" if column not in _MANIFEST else str(getattr(self, column) or "")


def video_names(rows: Sequence[ManifestRow | Score]) -> list[str]:
    """A name for each row's video: the file's, with as many folders before it as tell two files of one set apart."""
    files = [Path(os.path.abspath(row.path)) for row in rows]
    depth = [1] * len(rows)
    while True:
        names = [_short(file, deep) for file, deep in zip(files, depth, strict=True)]
        seen: dict[Key, set[Path]] = {}
        for row, file, name in zip(rows, files, names, strict=True):
            seen.setdefault((row.dataset, row.method, name), set()).add(file)
        clash = [i for i, row in enumerate(rows) if len(seen[row.dataset, row.method, names[i]]) > 1]
        if not clash:
            return names
        for place in clash:
            depth[place] += 1


def _short(file: Path, deep: int) -> str:
    """The last parts of a path without the ending, which comes back only where all parts do not tell files apart."""
    plain = file if deep > len(file.parts) or file.suffix.lower() not in MEDIA_SUFFIXES else file.with_suffix("")
    return "/".join(plain.parts[-deep:])


def to_videos(scores: Iterable[Score]) -> list[Score]:
    """One score a video: its own where it has one, else the robust mean of its parts.

    Parts are its rows of the highest level there is: of several stretches or pictures, those; of a table without media,
    clips, and without clips, frames. A video without any scored part stays unscored, for the first part's reason.

    Raises:
        DataError: A video is called real and fake.
    """
    by_key: dict[Key, list[Score]] = {}
    for score in scores:
        by_key.setdefault(score.key, []).append(score)
    videos = []
    for key, parts in by_key.items():
        if len({part.label for part in parts}) > 1:
            raise DataError(
                f"video {'/'.join(filter(None, key))} is called both real and fake",
                "dataset, method and name tell videos apart, and its rows agree in all three",
                "give the fakes their method, or the sets their names",
            )
        level = max((part.level for part in parts), key=LEVELS.index)
        top = [part for part in parts if part.level == level]
        if len(top) == 1:
            videos.append(replace(top[0], level=VIDEO))
            continue
        scored = [part for part in top if part.p_fake is not None]
        first = replace((scored or top)[0], level=VIDEO, track=None, start_s=None, end_s=None)
        if scored:
            first = replace(first, p_fake=sigmoid(robust_mean([part.margin for part in scored])))
        videos.append(replace(first, coverage=len(scored) / len(top)))
    return videos


def at_level(scores: Sequence[Score], level: str) -> list[Score]:
    """The scored rows of one level; videos as :func:`to_videos` makes them, the unscored among them too."""
    if level == VIDEO:
        return to_videos(scores)
    return [score for score in scores if score.level == level and score.p_fake is not None]


def to_fields(score: Score) -> dict[str, Any]:
    """Plain values by column: the label as a word, further columns beside the others."""
    fields = asdict(score)
    groups = fields.pop("groups")
    return {**fields, "label": ID2LABEL[score.label], **groups}


def from_fields(fields: Mapping[str, Any]) -> Score:
    """A row of raw values, such as those of a CSV line; columns that a score has not become groups.

    Raises:
        ValueError: A value is missing or wrong; the message says which.
    """
    row = row_from_fields({name: fields.get(name) for name in _MANIFEST})
    numbers: dict[str, Any] = {name: _number(name, fields.get(name)) for name in _NUMBERS}
    words: dict[str, Any] = {
        name: _word(fields.get(name)) for name in ("level", "video", "branch", "status", "reason", "weights")
    }
    track = _number("track", fields.get("track"), high=None)
    level = words.pop("level") or VIDEO
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}, not one of {list(LEVELS)}")
    p_fake = numbers.pop("p_fake")
    status = words.pop("status") or (UNSCORED if p_fake is None else Status.SCORED.value)
    if (status == Status.SCORED.value) != (p_fake is not None):
        raise ValueError(f"status is {status} but p_fake is {p_fake}")
    own = {name for name in Score.__dataclass_fields__}
    groups = {str(name): _word(value) for name, value in fields.items() if name not in own and _word(value)}
    manifest = {name: getattr(row, name) for name in _MANIFEST}
    whole_track = None if track is None else int(track)
    return Score(
        level=level, p_fake=p_fake, status=status, track=whole_track, groups=groups, **manifest, **numbers, **words
    )


def read_scores(path: Path) -> list[Score]:
    """Read a table: parquet, ``.jsonl`` or CSV. Only path, label (a word) and p_fake (empty: not scored) must be there.

    Raises:
        DataError: Names the file and each bad row.
    """
    rows, bad = [], []
    for number, fields in enumerate(_read_table(path), 1):
        if number == 1 and "p_fake" not in fields:
            raise DataError(f"{path} is not a scores table", "it has no column p_fake", "give path, label and p_fake")
        try:
            rows.append(from_fields(fields))
        except ValueError as error:
            bad.append(f"row {number}: {error}")
    if bad:
        more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise DataError(f"{path} has {len(bad)} bad rows", "; ".join(bad[:_SHOWN]) + more, "mend or remove these rows")
    if not rows:
        raise DataError(f"{path} has no rows", "nothing was scored", "score a manifest first")
    nameless = [place for place, row in enumerate(rows) if not row.video]
    for place, name in zip(nameless, video_names([rows[place] for place in nameless]), strict=True):
        rows[place] = replace(rows[place], video=name)
    return rows


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """Write parquet, JSON lines or CSV, as the name ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = [to_fields(score) for score in scores]
    names = list(dict.fromkeys(name for fields in plain for name in fields))
    partial = path.with_name(path.name + ".part")
    if path.suffix == ".parquet":
        arrow = load_pyarrow()
        arrow.parquet.write_table(arrow.table({name: [row.get(name) for row in plain] for name in names}), partial)
    elif path.suffix == ".csv":
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(plain)
    else:
        partial.write_text("".join(line(score) for score in scores), encoding="utf-8")
    partial.replace(path)


def line(score: Score) -> str:
    """A row as a line of JSON, without what is empty."""
    plain = {name: value for name, value in to_fields(score).items() if value not in (None, "") or name == "p_fake"}
    return json.dumps(plain, ensure_ascii=False) + "\n"


def _read_table(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            table: list[dict[str, Any]] = load_pyarrow().parquet.read_table(path).to_pylist()
            return table
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            rows = [json.loads(entry) for entry in text.splitlines() if entry.strip()]
            if not all(isinstance(row, dict) for row in rows):
                raise ValueError("a line is not a JSON object")
            return rows
        return [{str(k): v for k, v in row.items() if k} for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{path} cannot be read", str(error), "give a parquet, .jsonl or CSV table") from error


def _word(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()


def _number(name: str, value: Any, high: float | None = 1.0) -> float | None:
    text = _word(value)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, not a number") from None
    if not np.isfinite(number) or number < 0 or (high is not None and number > high):
        raise ValueError(f"{name} is {text}" + (", but it is a share in [0, 1]" if high is not None else ""))
    return number
