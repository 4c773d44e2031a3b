"""Waveform in, waveform out: the processor of models that take the sound itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, SequenceFeatureExtractor


class WaveformFeatureExtractor(SequenceFeatureExtractor):
    """Mono clips of one length, or of any with a mask.

    The sound itself is left as it is: no mean, no level.

    Args:
        feature_size: 1, the values of a sample.
        sampling_rate: Hz of the waveforms that may come in.
        padding_value: What padded samples hold.
        num_samples: Clips are repeated or cut to this length, samples; 0 leaves each its own and pads the batch.

    Raises:
        ValueError: ``feature_size`` is not 1, or ``num_samples`` is below zero.
    """

    model_input_names = ["input_values", "attention_mask"]

    def __init__(
        self,
        feature_size: int = 1,
        sampling_rate: int = 16_000,
        padding_value: float = 0.0,
        num_samples: int = 64_600,
        **kwargs: Any,
    ) -> None:
        if feature_size != 1 or num_samples < 0:
            raise ValueError(
                f"feature_size {feature_size} and num_samples {num_samples}: a mono sample has one value, and a length "
                "is not below zero"
            )
        kwargs.pop("return_attention_mask", None)
        super().__init__(
            feature_size=1,
            sampling_rate=sampling_rate,
            padding_value=padding_value,
            return_attention_mask=True,
            **kwargs,
        )
        self.num_samples = num_samples

    def fit(self, waveform: Any) -> np.ndarray:
        """One clip at the extractor's length.

        Args:
            waveform: Float (num_samples,), mono sound in [-1, 1].

        Returns:
            float32 (num_samples,): the clip over and over, or its beginning.

        Raises:
            ValueError: The clip is empty, not finite, of whole numbers or of more than one dimension.
        """
        x = np.asarray(waveform)
        if x.ndim != 1 or not x.size or not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all():
            raise ValueError(
                f"A clip must be finite, non-empty floats in [-1, 1] of shape (num_samples,), not {x.dtype} "
                f"{x.shape}. Mix channels down, drop empty clips, replace NaN and divide whole numbers by full scale."
            )
        return np.resize(x, self.num_samples or x.size).astype(np.float32)

    def __call__(
        self,
        raw_speech: Any,
        sampling_rate: int | None = None,
        padding: bool | str = True,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """Clips to a batch.

        Args:
            raw_speech: One clip (num_samples,), or a list of clips or an array (B, num_samples).
            sampling_rate: Hz of the clips; must be the extractor's own. Give it: a wrong rate can't be seen.
            padding: As in ``SequenceFeatureExtractor.pad``.
            max_length: Samples to pad or cut to.
            truncation: Cut clips longer than ``max_length``.
            pad_to_multiple_of: Pad the length up to a multiple.
            return_tensors: ``"pt"``, ``"np"`` or None.

        Returns:
            ``input_values`` float32 (B, N), ``attention_mask`` int64 (B, N), 1 real (repeated samples too), 0 padding.

        Raises:
            ValueError: The rate is another one, or a clip is as :meth:`fit` refuses it.
        """
        if sampling_rate is not None and sampling_rate != self.sampling_rate:
            raise ValueError(f"The sound is at {sampling_rate} Hz, not at {self.sampling_rate}. Resample first.")
        if isinstance(raw_speech, (np.ndarray, torch.Tensor)):
            single = raw_speech.ndim == 1
        else:
            single = len(raw_speech) > 0 and np.isscalar(raw_speech[0])
        clips = [raw_speech] if single else list(raw_speech)
        padded = self.pad(
            BatchFeature({"input_values": [self.fit(clip) for clip in clips]}),
            padding=padding,
            max_length=max_length,
            truncation=truncation,
            pad_to_multiple_of=pad_to_multiple_of,
            return_attention_mask=True,
        )
        if return_tensors is None:
            return padded
        values = np.stack([np.asarray(value, np.float32) for value in padded["input_values"]])
        mask = np.stack([np.asarray(row, np.int64) for row in padded["attention_mask"]])
        return BatchFeature({"input_values": values, "attention_mask": mask}, tensor_type=return_tensors)
