"""The parquet face crops as training batches of genuine faces, their fakes and self-blends of the same pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.processing.image_processing_face import FaceImageProcessor, normalised_crop
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training.face_augmentation import FaceAugmentation

_COLUMNS = ["image", "label", "source_video", "landmarks_xy", "split"]


@dataclass(frozen=True)
class FaceRow:
    """One stored crop: JPEG bytes, label, its genuine source video, 68 landmarks in pixels of the crop or None."""

    jpeg: bytes
    label: int
    source: str
    landmarks_xy: NDArray[np.float32] | None

    def rgb(self) -> NDArray[np.uint8]:
        picture = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise DataError(f"a crop of {self.source} cannot be read", "it is no JPEG", "make the shards again")
        return np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)


def is_set_aside(source: str) -> bool:
    """Whether a source video belongs to the tenth of ``train`` for early stopping, calibration and thresholds."""
    return hashlib.sha256(source.encode()).digest()[0] < 26


def load_faces(folder: str | Path, part: str) -> list[FaceRow]:
    """Read the crops of one part.

    Args:
        folder: Holds ``faces-*.parquet``.
        part: ``train`` (less the part set aside), ``dev`` (set aside) or ``validation``.

    Raises:
        DataError: The folder holds no such files.
    """
    files = sorted(Path(folder).glob("*.parquet"))
    if not files:
        raise DataError(f"no face crops in {folder}", "it holds no .parquet file", "name the folder of the shards")
    rows = []
    for file in files:
        table = pq.read_table(file, columns=_COLUMNS)
        for row in table.to_pylist():
            if (row["split"] == "validation") != (part == "validation"):
                continue
            if part != "validation" and is_set_aside(row["source_video"]) != (part == "dev"):
                continue
            points = row["landmarks_xy"]
            landmarks = None if points is None else np.asarray(points, np.float32).reshape(68, 2)
            rows.append(FaceRow(row["image"]["bytes"], int(row["label"]), row["source_video"], landmarks))
    return rows


@dataclass(frozen=True)
class BatchPlan:
    """How a batch is composed: pairs of a genuine face and its fake, and self-blends of some of those genuine faces."""

    pairs: int = 14
    self_blends: int = 3


class PairedFaces(Dataset[tuple[Tensor, int]]):
    """Items by (row, kind, step): kind 0 the stored picture, kind 1 a self-blend of it. Seeded by step and row.

    Args:
        rows: Crops.
        sizes: Sides of the squares, each as (step at which it ends, pixels).
        processor: Gives mean and std.
        seed: Of all that is random.
        strong_share: Of the items that get the strong augmentation; the others get the mild one.
    """

    def __init__(
        self,
        rows: list[FaceRow],
        sizes: list[tuple[int, int]],
        processor: FaceImageProcessor,
        seed: int,
        strong_share: float = 0.0,
    ) -> None:
        self.rows = rows
        self.sizes = sizes
        self.mean, self.std = tuple(processor.image_mean), tuple(processor.image_std)
        self.seed = seed
        self.strong_share = strong_share
        self.mild, self.strong = FaceAugmentation(), FaceAugmentation(strong=True)

    def size_at(self, step: int) -> int:
        return next(size for until, size in self.sizes if step < until)

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[Tensor, int]:  # type: ignore[override]
        index, kind, step = key
        row = self.rows[index]
        rng = np.random.default_rng([self.seed, step, index, kind])
        rgb, label = row.rgb(), row.label
        if kind == 1 and row.landmarks_xy is not None:
            rgb, label = self_blend(rgb, row.landmarks_xy, rng).rgb, FAKE
        augment = self.strong if rng.random() < self.strong_share else self.mild
        side = self.size_at(step)
        return normalised_crop(augment(rgb, rng), side, side, self.mean, self.std), label


class PairedBatches(Sampler[list[tuple[int, int, int]]]):
    """Batches for steps ``start`` to ``stop``; the same step always holds the same items, so that a run can resume."""

    def __init__(self, rows: list[FaceRow], plan: BatchPlan, start: int, stop: int, seed: int) -> None:
        self.plan, self.start, self.stop, self.seed = plan, start, stop, seed
        by_source: dict[str, dict[int, list[int]]] = {}
        for index, row in enumerate(rows):
            by_source.setdefault(row.source, {REAL: [], FAKE: []})[row.label].append(index)
        self.sources = [parts for _, parts in sorted(by_source.items()) if parts[REAL] and parts[FAKE]]
        self.blendable = {i for i, row in enumerate(rows) if row.label == REAL and row.landmarks_xy is not None}

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        per_pass = len(self.sources) // self.plan.pairs
        for step in range(self.start, self.stop):
            turn, place = divmod(step, per_pass)
            order = np.random.default_rng([self.seed, turn]).permutation(len(self.sources))
            rng = np.random.default_rng([self.seed, turn, place])
            chosen = order[place * self.plan.pairs : (place + 1) * self.plan.pairs]
            reals = [int(rng.choice(self.sources[i][REAL])) for i in chosen]
            fakes = [int(rng.choice(self.sources[i][FAKE])) for i in chosen]
            blends = [i for i in reals if i in self.blendable][: self.plan.self_blends]
            yield [*((i, 0, step) for i in reals), *((i, 0, step) for i in fakes), *((i, 1, step) for i in blends)]
