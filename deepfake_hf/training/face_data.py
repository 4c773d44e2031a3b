"""Face crops as training batches: pairs of genuine faces and their fakes, or balanced, with self-blends of some."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepfake_hf.data import present_rows
from deepfake_hf.errors import DataError
from deepfake_hf.faces import Framing
from deepfake_hf.hub.bundle import open_bundle
from deepfake_hf.inference.landmarks import LandmarkFinder
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.processing.image_processing_face import normalised_crop
from deepfake_hf.synthesis.mismatch import draw_mismatch
from deepfake_hf.synthesis.reconstruct import own_size, reconstruct_face, reconstruct_picture
from deepfake_hf.synthesis.reconstructor import Reconstructor, find_reconstructor, load_reconstructor
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training.config import adjusted
from deepfake_hf.training.face_augmentation import FaceAugmentation, FaceSettings

_WHOLE_CROP: Final = Framing()
STORED, SELF_BLENDED, REBUILT = range(3)  # kinds of items: a crop as it is, and fakes made of it
COLUMNS = ["image", "label", "source_video", "landmarks_xy", "split"]


@dataclass(frozen=True)
class FaceRow:
    """One stored crop: its encoded bytes or its file, label, genuine source video, 68 landmarks in pixels of the crop
    or None, and how it was made."""

    encoded: bytes | Path
    label: int
    source: str
    landmarks_xy: NDArray[np.float32] | None
    method: str = ""

    @property
    def name(self) -> str:
        """For messages."""
        return f"a crop of {self.source}" if isinstance(self.encoded, bytes) else os.fspath(self.encoded)

    def rgb(self) -> NDArray[np.uint8]:
        try:
            data = self.encoded if isinstance(self.encoded, bytes) else self.encoded.read_bytes()
        except OSError as error:
            raise DataError(f"{self.name} cannot be read", str(error), "check the manifest") from None
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if picture is None:
            raise DataError(f"{self.name} cannot be read", "it is no picture", "make the crops again")
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
        table = pq.read_table(file, columns=COLUMNS)
        rows += [face_row(row) for row in table.to_pylist() if in_part(row, part)]
    return rows


def in_part(row: dict[str, Any], part: str) -> bool:
    """Whether a row of a shard belongs to ``train``, ``dev`` or ``validation``; by ``split`` and ``source_video``."""
    if part == "validation" or row["split"] == "validation":
        return part == row["split"]
    return is_set_aside(row["source_video"]) == (part == "dev")


def face_row(row: dict[str, Any]) -> FaceRow:
    """A row of a shard as a crop."""
    points = row["landmarks_xy"]
    landmarks = None if points is None else np.asarray(points, np.float32).reshape(68, 2)
    return FaceRow(row["image"]["bytes"], int(row["label"]), row["source_video"], landmarks)


def manifest_faces(manifest: str | Path, split: str) -> list[FaceRow]:
    """The crops of a split of a manifest, such as ``deepfake-hf data faces`` writes it.

    Raises:
        DataError: The manifest is bad, or crops are missing; names the first.
    """
    rows = present_rows(manifest, split, "crops", "make them again")
    return [FaceRow(Path(row.path), row.label, row.source or row.path, None, row.method) for row in rows]


def with_landmarks(rows: Sequence[FaceRow]) -> list[FaceRow]:
    """Genuine crops without landmarks get those that the embedded regressor finds in them."""
    wanting = [i for i, row in enumerate(rows) if row.label == REAL and row.landmarks_xy is None]
    if not wanting:
        return list(rows)
    folder = open_bundle().landmarks
    if folder is None:
        raise DataError(
            "self-blends of crops without landmarks", "no regressor is in the box", "take shards with points"
        )
    finder = LandmarkFinder(folder, torch.device("cpu"))
    made = list(rows)
    for i in wanting:
        rgb = rows[i].rgb()
        whole = np.array([0, 0, rgb.shape[1], rgb.shape[0]], np.float32)
        made[i] = replace(rows[i], landmarks_xy=finder.find(rgb, whole, _WHOLE_CROP))
    return made


@dataclass(frozen=True)
class Look:
    """How crops come before the model: sides by step, mean and std, seed and how often they are degraded strongly.

    Args:
        sizes: Sides of the squares, each as (step at which it ends, pixels).
        mean: Per channel, of pixels in [0, 1].
        std: Likewise.
        seed: Of all that is random.
        strong_share: Of the items that get the strong augmentation; the others get the mild one.
        augment: Changes to both, by field of ``FaceSettings``.
        source_scale: Every crop is first reduced to a share of its side drawn from here (low, high) and a little
            blurred, before fakes are made of it, so that the blocks of stored JPEG pictures tell no fake.
        rebuilders: Autoencoders that crops are rebuilt by, by name or folder.
        rebuild_whole: Share of those crops that are rebuilt whole, not the face alone.
        rebuild_changed: Share of the others whose rebuilt face is changed, too, and as small as a generator's may be.
        blend_elastic: Share of the self-blends whose pasted face is deformed.
    """

    sizes: tuple[tuple[int, int], ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed: int
    strong_share: float = 0.0
    augment: Mapping[str, Any] = field(default_factory=dict)
    source_scale: tuple[float, float] | None = None
    rebuilders: tuple[str, ...] = ()
    rebuild_whole: float = 0.0
    rebuild_changed: float = 0.0
    blend_elastic: float = 0.0

    @functools.cached_property
    def _augmentations(self) -> tuple[FaceAugmentation, FaceAugmentation]:
        return face_augmentations(self.augment)

    def size_at(self, step: int) -> int:
        return next((size for until, size in self.sizes if step < until), self.sizes[-1][1])

    def see(self, row: FaceRow, key: tuple[int, int, int]) -> tuple[Tensor, int]:
        """A crop, or a fake made of it, augmented: float32 (3, side, side) and its label.

        Args:
            row: The crop.
            key: (number of the row, kind, step); the kind is ``STORED``, ``SELF_BLENDED`` or ``REBUILT``.
        """
        index, kind, step = key
        rng = np.random.default_rng([self.seed, step, index, kind])
        rgb, label = row.rgb(), row.label
        if self.source_scale is not None:
            rgb, row = reduced_crop(rgb, row, float(rng.uniform(*self.source_scale)), float(rng.uniform(0.05, 0.8)))
        if kind == SELF_BLENDED and row.landmarks_xy is not None:
            rgb, label = self_blend(rgb, row.landmarks_xy, rng, self.blend_elastic).rgb, FAKE
        elif kind == REBUILT and row.landmarks_xy is not None:
            rgb, label = self._rebuilt(rgb, row.landmarks_xy, rng), FAKE
        mild, strong = self._augmentations
        augment = strong if rng.random() < self.strong_share else mild
        side = self.size_at(step)
        return normalised_crop(augment(rgb, rng), side, side, self.mean, self.std), label

    def _rebuilt(self, rgb: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator) -> Any:
        """Through a decoder: whole, the face alone, or a changed face; uint8 (H, W, 3)."""
        model = _rebuilder(self.rebuilders[int(rng.integers(len(self.rebuilders)))])
        if self.rebuild_whole and rng.random() < self.rebuild_whole:
            return reconstruct_picture(rgb, model)
        size = own_size(points, model)  # the decoder's traces are to be learnt, not that it blurs
        if self.rebuild_changed and rng.random() < self.rebuild_changed:
            smallest = model.config.image_size * 3 // 4
            size = 8 * int(rng.integers(smallest // 8, size // 8 + 1))
            return reconstruct_face(rgb, points, model, size, draw_mismatch(rng))[0]
        return reconstruct_face(rgb, points, model, size)[0]


def reduced_crop(rgb: NDArray[np.uint8], row: FaceRow, scale: float, sigma: float) -> tuple[NDArray[np.uint8], FaceRow]:
    """A crop softened (``sigma`` in pixels) and reduced to a share of its side, with its row: what is left of a stored
    JPEG's blocks is too little to tell anything."""
    soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
    small = cv2.resize(soft, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = row.landmarks_xy
    moved = None if points is None else np.asarray(points * scale, np.float32)
    return np.asarray(small, np.uint8), replace(row, landmarks_xy=moved)


def face_augmentations(changes: Mapping[str, Any]) -> tuple[FaceAugmentation, FaceAugmentation]:
    """The mild and the strong one, both with ``data.augment``."""
    kinds = (FaceSettings(), FaceSettings.strong())
    mild, strong = (FaceAugmentation(settings=adjusted(kind, changes, "data.augment")) for kind in kinds)
    return mild, strong


@functools.lru_cache(maxsize=16)
def _rebuilder(name: str) -> Reconstructor:
    return load_reconstructor(find_reconstructor(name))


class PairOrder:
    """Row numbers of a step's items: genuine faces, then the fakes made from them.

    Args:
        rows: Crops.
        pairs: In a step.
        seed: Of the order.

    Raises:
        DataError: Fewer sources than pairs have crops of both classes.
    """

    def __init__(self, rows: list[FaceRow], pairs: int, seed: int) -> None:
        self.pairs, self.seed = pairs, seed
        by_source: dict[str, dict[int, list[int]]] = {}
        for index, row in enumerate(rows):
            by_source.setdefault(row.source, {REAL: [], FAKE: []})[row.label].append(index)
        self.sources = [parts for _, parts in sorted(by_source.items()) if parts[REAL] and parts[FAKE]]
        if len(self.sources) < pairs:
            raise DataError(
                f"{pairs} pairs in a step",
                f"{len(self.sources)} sources have genuine and fake crops",
                "lower data.batch, or balance by class",
            )

    @property
    def steps_per_epoch(self) -> int:
        return len(self.sources) // self.pairs

    def __call__(self, step: int) -> list[int]:
        turn, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, turn]).permutation(len(self.sources))
        rng = np.random.default_rng([self.seed, turn, place])
        chosen = order[place * self.pairs : (place + 1) * self.pairs]
        reals = [int(rng.choice(self.sources[i][REAL])) for i in chosen]
        fakes = [int(rng.choice(self.sources[i][FAKE])) for i in chosen]
        return [*reals, *fakes]


def blendable(rows: Sequence[FaceRow]) -> set[int]:
    """Genuine crops with landmarks."""
    return {i for i, row in enumerate(rows) if row.label == REAL and row.landmarks_xy is not None}
