"""What robustness is measured on: whole media through a detector, or face crops through its face branch."""

from __future__ import annotations

import io
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.detector import default_rate
from deepfake_hf.errors import DataError, MediaError, MissingDependencyError
from deepfake_hf.evaluation.robustness import Answer, Item
from deepfake_hf.inference.scorers import CropScorer
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import AtRate, Limits, Sampling, probe
from deepfake_hf.media.perturb_grid import Kind, Perturbation
from deepfake_hf.media.perturb_media import Stretch, applies, write_perturbed
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.types import DetectionResult, MediaInfo, Status, Verdict

Predict = Callable[[Path, Sampling], DetectionResult]
_CROP_COLUMNS: Final = ["image", "label", "source_video", "video", "split"]


class MediaScorer:
    """Whole files of a manifest: each step writes a perturbed copy, which the detector reads like any file.

    Args:
        rows: Of the manifest.
        predict: A detector: the file's path and the frames to look at in, its result out.
        settings: What its answers depend on.
        fps: Frames analysed a second; None for the detector's default at the file's length.
        seed: Of the perturbations.
        limits: Defaults to ``Limits()``.
    """

    def __init__(
        self,
        rows: Sequence[ManifestRow],
        predict: Predict,
        settings: dict[str, Any],
        fps: float | None = None,
        seed: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self._rows = {_row_key(row): row for row in rows}
        self._predict, self._fps, self._seed, self._limits = predict, fps, seed, limits or Limits()
        self.settings = {"data": "media", "fps": fps, "seed": seed, **settings}
        self.items = [
            Item(key, row.label, f"{row.dataset}:{row.source or row.path}", _stamp(row.path))
            for key, row in self._rows.items()
        ]

    def answers(self, item: Item, steps: Sequence[Perturbation | None]) -> Iterator[Answer | None]:
        """See :class:`~deepfake_hf.evaluation.robustness.Scorer`."""
        row = self._rows[item.key]
        path, stretch = Path(row.path), Stretch(row.start_s or 0.0, row.end_s)
        try:
            info = probe(path, self._limits)
        except MediaError as error:
            for _ in steps:
                yield Answer(None, False, Status.UNREADABLE.value, str(error))
            return
        sampling = AtRate(self._fps or default_rate(info.duration_s))
        for step in steps:
            if applies(step, info, stretch) is not None:
                yield None
            elif step is None and stretch == Stretch():
                yield _answer(self._predict(path, sampling))
            else:
                yield self._copied(item, path, info, step, sampling, stretch)

    def _copied(
        self, item: Item, path: Path, info: MediaInfo, step: Perturbation | None, sampling: Sampling, stretch: Stretch
    ) -> Answer:
        seed = _seed(self._seed, item, step)
        with tempfile.TemporaryDirectory(prefix="deepfake_hf_") as folder:
            try:
                copy = write_perturbed(path, Path(folder), info, step, sampling, seed, stretch, self._limits)
            except MediaError as error:
                return Answer(None, False, Status.UNREADABLE.value, str(error))
            return _answer(self._predict(copy, sampling))


@dataclass(frozen=True)
class Crop:
    """A stored face: the picture's bytes, its label, the genuine video it comes from and its own name."""

    data: bytes
    label: int
    source: str
    name: str


def read_crops(folder: Path, split: str | None = None) -> list[Crop]:
    """Read parquet shards of face crops: columns ``image`` (with ``bytes``), ``label`` (0 real, 1 fake), ``split``,
    ``video`` and ``source_video``.

    Raises:
        DataError: No shards, a missing column, labels in another order, or no crop in the split.
        MissingDependencyError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            "parquet cannot be read", "pyarrow is not installed", "pip install 'deepfake-hf[train]'"
        ) from error
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else [folder]
    crops: list[Crop] = []
    for file in files:
        try:
            table = pq.read_table(file, columns=_CROP_COLUMNS)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{file} cannot be read as face crops", str(error), _CROPS_MEND) from error
        for row in table.to_pylist():
            if row["label"] not in (REAL, FAKE):
                raise DataError(f"{file} has the label {row['label']!r}", "it is neither 0 nor 1", _CROPS_MEND)
            if split in (None, row["split"]):
                crops.append(Crop(row["image"]["bytes"], row["label"], str(row["source_video"]), str(row["video"])))
    if not crops:
        raise DataError(f"no face crops in {folder}", f"it holds none of the split {split or 'any'}", _CROPS_MEND)
    return crops


_CROPS_MEND: Final = "give a folder of parquet shards with image, label (0 real, 1 fake), video, source_video, split"


class CropsScorer:
    """Face crops through a face branch, all steps of a crop in one batch.

    Args:
        crops: Stored faces.
        branch: Gives calibrated margins.
        limit: P(fake) from which a crop is called fake.
        settings: What the answers depend on.
        seed: Of the perturbations.
    """

    def __init__(
        self, crops: Sequence[Crop], branch: CropScorer, limit: float, settings: dict[str, Any], seed: int = 0
    ) -> None:
        self._crops = {f"{crop.name}:{crop.label}:{zlib.crc32(crop.data):08x}": crop for crop in crops}
        self._branch, self._limit, self._seed = branch, limit, seed
        self.settings = {"data": "crops", "seed": seed, "limit": limit, **settings}
        self.items = [Item(key, crop.label, crop.source) for key, crop in self._crops.items()]

    def answers(self, item: Item, steps: Sequence[Perturbation | None]) -> Iterator[Answer | None]:
        """See :class:`~deepfake_hf.evaluation.robustness.Scorer`; H.264 sees the crop as a clip of one frame."""
        rgb = _decoded(self._crops[item.key])
        used = [step for step in steps if step is None or step.ladder.kind is not Kind.SOUND]
        if rgb is None:
            unread = Answer(None, False, Status.UNREADABLE.value, "the crop is no picture")
            yield from (unread if step in used else None for step in steps)
            return
        pictures = [
            rgb if step is None else step.picture(rgb, np.random.default_rng(_seed(self._seed, item, step)))
            for step in used
        ]
        margins = iter(self._branch.score(pictures))
        for step in steps:
            if step not in used:
                yield None
                continue
            p_fake = sigmoid(float(next(margins)))
            yield Answer(p_fake, p_fake >= self._limit)


def _decoded(crop: Crop) -> NDArray[np.uint8] | None:
    try:
        with Image.open(io.BytesIO(crop.data)) as picture:
            return np.array(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError):
        return None


def _row_key(row: ManifestRow) -> str:
    times = "" if row.start_s is None and row.end_s is None else f"#{row.start_s or 0.0}-{row.end_s or ''}"
    return f"{os.path.abspath(row.path)}{times}"


def _stamp(path: str) -> str:
    try:
        state = os.stat(path)
    except OSError:
        return ""
    return f"{state.st_size}-{state.st_mtime_ns}"


def _seed(seed: int, item: Item, step: Perturbation | None) -> int:
    """Depends on names only, never on the order of the run; the levels of a ladder share what is drawn."""
    name = "" if step is None else step.ladder.name
    return zlib.crc32(f"{seed}|{item.key}|{name}".encode())


def _answer(result: DetectionResult) -> Answer:
    return Answer(result.p_fake, result.verdict is Verdict.FAKE, result.status.value, result.reason)
