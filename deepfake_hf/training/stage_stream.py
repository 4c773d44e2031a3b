"""Face crops read from parquet shards as they come: neither memory nor disk holds more than a few rows of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.utils.data import DataLoader, IterableDataset

from deepfake_hf.errors import DataError, MissingDependencyError, UsageError
from deepfake_hf.labels import REAL
from deepfake_hf.training.batches import parts_of
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.face_data import COLUMNS, FaceRow, face_row, in_part
from deepfake_hf.training.stage import HeldOut, data_options, require_classes
from deepfake_hf.training.stage_faces import CropStage, collate_crops, held_rows


class ShardStream:
    """Rows of one part of parquet shards, by ``datasets`` in streaming mode.

    Args:
        path: Folder of the shards, or an address or pattern that ``datasets`` reads (``hf://…``, ``s3://…/*.parquet``).
        part: As of :func:`~deepfake_hf.training.face_data.load_faces`.
        buffer: Rows among which it shuffles; the order of the shards is shuffled, too. It is filled from ten shards at
            a time, a row group of each being in memory.
        seed: Of the order.

    Raises:
        DataError: No shards are there.
    """

    def __init__(self, path: str, part: str, buffer: int, seed: int) -> None:
        self.part, self.buffer, self.seed = part, buffer, seed
        self.files = (
            [path] if "://" in path or "*" in path else [str(file) for file in sorted(Path(path).glob("*.parquet"))]
        )
        if not self.files:
            raise DataError(f"no face crops in {path}", "it holds no .parquet file", "name the folder of the shards")

    def _open(self, columns: list[str]) -> Any:
        try:
            from datasets import Image, load_dataset
        except ImportError as error:
            raise MissingDependencyError(
                "streams cannot be read", "datasets is not installed", "pip install 'deepfake-hf[train]'"
            ) from error
        stream = load_dataset("parquet", data_files=self.files, split="train", streaming=True, columns=columns)
        if "image" in columns and isinstance((stream.features or {}).get("image"), Image):
            stream = stream.cast_column("image", Image(decode=False))  # rows that are skipped need no decoding
        return stream

    def count(self) -> int:
        """Rows in a pass, from two small columns."""
        return sum(in_part(row, self.part) for row in self._open(["source_video", "split"]))

    def rows(self) -> Iterator[FaceRow]:
        """In the order of the shards."""
        return (face_row(row) for row in self._open(COLUMNS) if in_part(row, self.part))

    def shuffled(self, start: int, per_pass: int) -> Iterator[FaceRow]:
        """Pass after pass without end, each in an order of its own, from row ``start`` of all of them.

        Whole passes before it are not read; of the pass that it lies in, rows are read and dropped undecoded.
        """
        stream = self._open(COLUMNS).shuffle(seed=self.seed, buffer_size=self.buffer)
        first, skipped = divmod(start, per_pass)
        for turn in itertools.count(first):
            stream.set_epoch(turn)
            rows = (row for row in stream if in_part(row, self.part))
            yield from map(face_row, itertools.islice(rows, skipped if turn == first else 0, None))


class _Parts(IterableDataset[Any]):
    """(share, batch) of one process for each part of each step, in order."""

    def __init__(self, stage: StreamStage, steps: tuple[int, int], rank: int, processes: int) -> None:
        self.stage, self.steps, self.rank, self.processes = stage, steps, rank, processes

    def __iter__(self) -> Iterator[tuple[float, dict[str, Any]]]:
        stage, batch = self.stage, self.stage.config.data.batch
        rows = stage.stream.shuffled(self.steps[0] * batch, stage.num_rows)
        for step in range(*self.steps):
            chosen = list(itertools.islice(rows, batch))
            wanted = stage.config.data.self_blends
            blends = [i for i, row in enumerate(chosen) if row.label == REAL and row.landmarks_xy is not None][:wanted]
            keys = [*((i, 0) for i in range(batch)), *((i, 1) for i in blends)]
            for part in parts_of(keys, self.rank, self.processes, stage.config.loop.accumulate):
                made = [(*stage.seen.see(chosen[i], (step * batch + i, kind, step)), kind) for i, kind in part]
                yield len(part) / len(keys), collate_crops(made)


class StreamStage(CropStage):
    """Supervised crops, and self-blends of the first genuine ones of a step, from a stream."""

    uses: ClassVar[frozenset[str]] = data_options(
        "source path balance batch self_blends sizes strong_share augment source_scale dev_limit buffer"
    ) | {"loss.blend_weight"}

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        data = config.data
        if data.balance != "none":
            raise UsageError(
                f"data.balance {data.balance}", "a stream is taken as it comes", "set it to none, and mix the shards"
            )
        if config.loop.workers > 1:
            raise UsageError(f"loop.workers {config.loop.workers}", "a stream has one order", "set it to 0 or 1")
        self.stream = ShardStream(data.path, "train", data.buffer, config.seed)
        self.num_rows = self.stream.count()
        if not self.num_rows:
            raise DataError(f"the part 'train' of {data.path} is empty", "no row belongs to it", "check the splits")
        self.dev, self.report = self._held("dev"), self._held("validation")
        self.steps_per_epoch = max(1, self.num_rows // data.batch)
        self.seen = self.look(self.steps)

    def _held(self, part: str) -> HeldOut:
        """The first ``dev_limit`` rows of a part."""
        data = self.config.data
        rows = list(itertools.islice(ShardStream(data.path, part, 1, 0).rows(), data.dev_limit))
        require_classes([row.label for row in rows], part, data.path)
        return held_rows(part, rows)

    def loader(self, steps: tuple[int, int], rank: int, processes: int) -> Iterable[tuple[float, dict[str, Any]]]:
        # always in a process beside this one, also for workers 0: in a worker datasets draws another order than here
        parts = _Parts(self, steps, rank, processes)
        return DataLoader(parts, batch_size=None, num_workers=1, generator=torch.Generator())

    def units(self, step: int) -> Sequence[int]:
        return range(self.config.data.batch)

    def make(self, key: Any) -> Any:
        raise NotImplementedError("a stream has no items by key: see loader")
