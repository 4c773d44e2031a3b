"""Clips of face crops: genuine tracks, their fakes, and self-blends that are alike in every frame of a clip."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from deepfake_hf.data import present_rows
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.inference.branch import margins_of
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.processing import ClipVideoProcessor
from deepfake_hf.processing.image_processing_face import normalised_crop
from deepfake_hf.processing.video_processing_clip import uniform_indices
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.training.batches import BalancedOrder, LengthOrder
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.face_data import FaceRow, face_augmentations, with_landmarks
from deepfake_hf.training.model_start import start_of_run
from deepfake_hf.training.stage import HeldOut, Loss, Stage, data_options, in_chunks, require_classes


@dataclass(frozen=True)
class Track:
    """One person's crops through a video, in order."""

    frames: tuple[FaceRow, ...]
    label: int
    source: str
    method: str


def read_tracks(manifest: str | Path, split: str) -> list[Track]:
    """The crops of a split, one track for each folder of them, as ``deepfake-hf data faces`` writes them.

    Raises:
        DataError: The manifest is bad, or crops are missing.
    """
    rows = present_rows(manifest, split, "crops", "make them again")
    folders: dict[tuple[str, int], list[Any]] = {}
    for row in sorted(rows, key=lambda row: row.path):
        folders.setdefault((str(Path(row.path).parent), row.label), []).append(row)
    return [
        Track(
            tuple(FaceRow(Path(row.path), row.label, row.source, None, row.method) for row in part),
            part[0].label,
            part[0].source or folder,
            part[0].method,
        )
        for (folder, _), part in folders.items()
    ]


def _with_landmarks(tracks: list[Track]) -> list[Track]:
    return [replace(track, frames=tuple(with_landmarks(track.frames))) for track in tracks]


class ClipStage(Stage):
    """Clips of ``data.frames`` frames drawn from each track, padded and masked."""

    uses: ClassVar[frozenset[str]] = data_options(
        "source path balance batch self_blends budget frames strong_share augment dev_limit"
    )
    processor: ClipVideoProcessor

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        data = config.data
        self.model, self.processor = start_of_run(config, ("clip",))
        self.mild, self.strong = face_augmentations(data.augment)
        if data.balance in ("pairs", "genuine"):
            raise UsageError(
                f"data.balance {data.balance}",
                "they are not stored in pairs, and genuine is for single crops",
                "give class, method or none",
            )
        if data.budget is not None and data.self_blends:
            raise UsageError("data.budget and data.self_blends", "blends would burst the budget", "give one of them")
        self._stored = self._read("train")
        held, test = self._held("validation", self._read("validation")), read_tracks(data.path, "test")
        self.dev = held.sample(data.dev_limit)
        self.report = self._held("test", test) if test else held
        labels, methods = [track.label for track in self._stored], [track.method for track in self._stored]
        if not data.self_blends:
            require_classes(labels, "train", data.path)
        self.order: BalancedOrder | LengthOrder
        if data.budget is None:
            self.order = BalancedOrder(labels, methods, data.balance, data.batch, config.seed)
        else:
            lengths = [min(len(track.frames), data.frames[1]) for track in self._stored]
            self.order = LengthOrder(lengths, data.budget, config.seed)
        self.steps_per_epoch = self.order.steps_per_epoch

    @functools.cached_property
    def tracks(self) -> list[Track]:
        """Tracks to train on, the genuine ones with landmarks where blends are made of them; found when first asked
        for."""
        return _with_landmarks(self._stored) if self.config.data.self_blends else self._stored

    def loader(self, steps: tuple[int, int], rank: int, processes: int) -> Iterable[tuple[float, dict[str, Any]]]:
        _ = self.tracks  # landmarks are found once, before there are workers
        return super().loader(steps, rank, processes)

    def _read(self, split: str) -> list[Track]:
        tracks = read_tracks(self.config.data.path, split)
        if not tracks:
            raise DataError(
                f"the part {split!r} of {self.config.data.path} is empty", "no row belongs to it", "check the splits"
            )
        return tracks

    def _held(self, name: str, tracks: list[Track]) -> HeldOut:
        """(track, kind); where no fakes are stored, every genuine track is there self-blended, too (kind 1)."""
        items = [(track, 0) for track in tracks]
        if self.config.data.self_blends and all(track.label == REAL for track in tracks):
            items += [(track, 1) for track in _with_landmarks(tracks)]
        labels = [FAKE if kind else track.label for track, kind in items]
        require_classes(labels, name, self.config.data.path)
        return HeldOut(name, items, np.array(labels, np.int64), [track.source for track, _ in items])

    def units(self, step: int) -> Sequence[tuple[int, int, int]]:
        chosen = self.order(step)
        blends = [i for i in chosen if self.tracks[i].label == REAL][: self.config.data.self_blends]
        return [*((i, 0, step) for i in chosen), *((i, 1, step) for i in blends)]

    def make(self, key: tuple[int, int, int]) -> tuple[Tensor, int]:
        """float32 (T, 3, S, S) and the label."""
        index, kind, step = key
        track, (fewest, most) = self.tracks[index], self.config.data.frames
        rng = np.random.default_rng([self.config.seed, step, index, kind])
        available = len(track.frames)
        count = min(most if self.config.data.budget else int(rng.integers(fewest, most + 1)), available)
        places = sorted(rng.choice(available, count, replace=False).tolist())
        seed = [self.config.seed, step, index, kind, 1]  # one for all frames: a clip is treated alike throughout
        augment = self.strong if rng.random() < self.config.data.strong_share else self.mild
        frames = [self._blended(track, i, kind, seed) for i in places]
        frames = augment.clip(frames, np.random.default_rng([*seed, 2]))
        return self._pixels(frames), FAKE if kind else track.label

    def _blended(self, track: Track, place: int, kind: int, seed: list[int]) -> NDArray[np.uint8]:
        row = track.frames[place]
        if not kind or row.landmarks_xy is None:
            return row.rgb()
        return self_blend(row.rgb(), row.landmarks_xy, np.random.default_rng(seed)).rgb

    def _pixels(self, frames: list[NDArray[np.uint8]]) -> Tensor:
        side, mean, std = self.model.config.image_size, self.processor.image_mean, self.processor.image_std
        return torch.stack([normalised_crop(rgb, side, side, mean, std) for rgb in frames])

    def collate(self, made: list[tuple[Tensor, int]]) -> dict[str, Any]:
        """``pixel_values`` float32 (B, T, 3, S, S), ``attention_mask`` int64 (B, T), ``labels`` int64 (B,)."""
        pixels = nn.utils.rnn.pad_sequence([clip for clip, _ in made], batch_first=True)
        lengths = torch.tensor([len(clip) for clip, _ in made])
        mask = (torch.arange(pixels.shape[1])[None] < lengths[:, None]).long()
        return {"pixel_values": pixels, "attention_mask": mask, "labels": torch.tensor([label for _, label in made])}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        loss: Tensor = model(**batch).loss
        return loss, {}

    def score(self, model: PreTrainedModel, items: Sequence[tuple[Track, int]], step: int) -> NDArray[np.float64]:
        def part(chosen: slice) -> NDArray[np.float64]:
            clips = []
            for track, kind in items[chosen]:
                places = uniform_indices(len(track.frames), self.config.data.frames[1])
                seed = [self.config.seed, *track.source.encode()]
                clips.append((self._pixels([self._blended(track, i, kind, seed) for i in places]), 0))
            batch = self.collate(clips)
            del batch["labels"]
            with torch.inference_mode():
                logits = model(**{key: value.to(model.device) for key, value in batch.items()}).logits
            return margins_of(logits)

        return in_chunks(len(items), 4, part)

    def save_processor(self, folder: Path) -> None:
        self.processor.save_pretrained(folder)
