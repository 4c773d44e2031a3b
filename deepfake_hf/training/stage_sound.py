"""Sound files of a manifest: stretches of different lengths, padded and masked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from deepfake_hf.data import ManifestRow, present_rows
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.inference.branch import margins_of
from deepfake_hf.media import probe, read_audio
from deepfake_hf.models.presets import PRESETS
from deepfake_hf.training.batches import BalancedOrder, LengthOrder
from deepfake_hf.training.config import TrainConfig, adjusted
from deepfake_hf.training.model_start import start_of_run
from deepfake_hf.training.speech_augmentation import SpeechAugmentation
from deepfake_hf.training.speech_effects import spec_augment
from deepfake_hf.training.stage import HeldOut, Loss, Stage, data_options, in_chunks, require_classes

Wave = NDArray[np.float32]


class SoundStage(Stage):
    """Stretches of ``data.window_s`` seconds; with ``data.budget``, of the whole length up to the longest.

    They are changed by ``data.augment`` on both classes alike, and ``data.mask_share`` of the spectrograms are masked.
    """

    uses: ClassVar[frozenset[str]] = data_options(
        "source path balance batch budget window_s augment mask_share dev_limit"
    )

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        data = config.data
        self.model, self.extractor = start_of_run(config, ("audio", "waveform"))
        self.rate = int(self.extractor.sampling_rate)
        if data.balance in ("pairs", "genuine"):
            raise UsageError(
                f"data.balance {data.balance}",
                "they are not stored in pairs, and genuine is for single crops",
                "give class, method or none",
            )
        self.augmentation = adjusted(SpeechAugmentation.none(), data.augment, "data.augment")
        if data.mask_share and PRESETS[config.preset].kind == "waveform":
            raise UsageError("data.mask_share", f"{config.preset} hears waves, no spectrograms", "leave it at 0")
        rows = present_rows(data.path)
        self.rows = [row for row in rows if row.split == "train"]
        parts = {name: [row for row in rows if row.split == name] for name in ("validation", "test")}
        self.dev = self._held("validation", parts["validation"]).sample(data.dev_limit)
        self.report = self._held("test", parts["test"]) if parts["test"] else None
        labels = [row.label for row in self.rows]
        require_classes(labels, "train", data.path)
        self.order: BalancedOrder | LengthOrder
        if data.budget is None:
            self.order = BalancedOrder(labels, [row.method for row in self.rows], data.balance, data.batch, config.seed)
        else:
            lengths = [min(_seconds(row), data.window_s[1]) for row in self.rows]
            self.order = LengthOrder(lengths, data.budget, config.seed)
        self.steps_per_epoch = self.order.steps_per_epoch

    def _held(self, name: str, rows: list[ManifestRow]) -> HeldOut:
        require_classes([row.label for row in rows], name, self.config.data.path)
        labels = np.array([row.label for row in rows], np.int64)
        return HeldOut(name, rows, labels, [row.source or row.path for row in rows])

    def units(self, step: int) -> Sequence[tuple[int, int]]:
        return [(i, step) for i in self.order(step)]

    def make(self, key: tuple[int, int]) -> tuple[Wave, int, int | None]:
        """float32 (num_samples,), the label, and the seed of its masks or None."""
        index, step = key
        rng = np.random.default_rng([self.config.seed, step, index])
        shortest, longest = self.config.data.window_s
        seconds = longest if self.config.data.budget else float(rng.uniform(shortest, longest))
        wave = read_stretch(self.rows[index], self.rate)
        length = min(round(seconds * self.rate), len(wave))
        start = int(rng.integers(0, len(wave) - length + 1))
        wave = self.augmentation(wave[start : start + length], self.rate, rng)
        masks = int(rng.integers(2**31)) if rng.random() < self.config.data.mask_share else None
        return wave, self.rows[index].label, masks

    def collate(self, made: list[tuple[Wave, int, int | None]]) -> dict[str, Any]:
        """``input_values`` and ``attention_mask`` as the processor gives them, ``labels`` int64 (B,)."""
        inputs = self.extractor([wave for wave, _, _ in made], sampling_rate=self.rate, return_tensors="pt")
        values, lengths = inputs["input_values"], inputs["attention_mask"].sum(1).tolist()
        for row, (_, _, seed) in enumerate(made):
            if seed is not None:
                rng = np.random.default_rng(seed)
                values[row] = spec_augment(values[row][None], rng, lengths=lengths[row : row + 1])[0]
        return {**inputs, "labels": torch.tensor([label for _, label, _ in made])}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        loss: Tensor = model(**batch).loss
        return loss, {}

    def score(self, model: PreTrainedModel, items: Sequence[ManifestRow], step: int) -> NDArray[np.float64]:
        """Of the middle of each file, as long as the longest stretch."""
        most = round(self.config.data.window_s[1] * self.rate)

        def part(chosen: slice) -> NDArray[np.float64]:
            waves = [read_stretch(row, self.rate) for row in items[chosen]]
            waves = [wave[max(0, (len(wave) - most) // 2) :][:most] for wave in waves]
            inputs = self.extractor(waves, sampling_rate=self.rate, return_tensors="pt").to(model.device)
            with torch.inference_mode():
                logits = model(**inputs).logits
            return margins_of(logits)

        return in_chunks(len(items), 8, part)

    def save_processor(self, folder: Path) -> None:
        self.extractor.save_pretrained(folder)


def read_stretch(row: ManifestRow, rate: int) -> Wave:
    """The sound of a row, float32 (num_samples,).

    Raises:
        DataError: The stretch holds no sound.
    """
    wave = np.concatenate([block.waveform for block in read_audio(row.path, rate)] or [np.zeros(0, np.float32)])
    first = round((row.start_s or 0.0) * rate)
    last = len(wave) if row.end_s is None else round(row.end_s * rate)
    if first >= min(last, len(wave)):
        raise DataError(f"{row.path} has no sound from {first / rate:g} s", f"it is {len(wave) / rate:g} s long",
                        "mend start_s and end_s")  # fmt: skip
    return np.asarray(wave[first:last], np.float32)


def _seconds(row: ManifestRow) -> float:
    end = row.end_s if row.end_s is not None else probe(row.path).duration_s
    if end is None:
        raise DataError(
            f"{row.path} does not say how long it is", "a budget needs to know", "give end_s, or data.batch"
        )
    return float(end) - (row.start_s or 0.0)
