"""What the processors of sound share: clips in, one padded batch out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, SequenceFeatureExtractor


class SoundFeatureExtractor(SequenceFeatureExtractor):
    """Checks the rate, makes each clip's features by :meth:`features` and pads them. No extractor by itself.

    Args:
        feature_size: Values of a moment.
        sampling_rate: Hz of the waveforms that may come in.
        padding_value: What padded moments hold.
        kwargs: Of ``SequenceFeatureExtractor``.
    """

    model_input_names = ["input_values", "attention_mask"]

    def __init__(self, feature_size: int, sampling_rate: int, padding_value: float, **kwargs: Any) -> None:
        kwargs.pop("return_attention_mask", None)  # from a saved file: a mask is always given
        super().__init__(
            feature_size=feature_size,
            sampling_rate=sampling_rate,
            padding_value=padding_value,
            return_attention_mask=True,
            **kwargs,
        )

    def features(self, waveform: Any) -> np.ndarray:
        """One clip's features, from float (num_samples,) to float32 (L,) or (L, feature_size)."""
        raise NotImplementedError

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
        """Clips to a padded batch.

        Args:
            raw_speech: One clip (num_samples,), or a list of clips or an array (B, num_samples).
            sampling_rate: Hz of the clips; must be the extractor's own. Give it: a wrong rate can't be seen.
            padding: As in ``SequenceFeatureExtractor.pad``; ``max_length`` counts the L of :meth:`features`.
            max_length: Length to pad or cut to, in frames of a spectrogram or samples of a waveform.
            truncation: Cut clips longer than ``max_length``.
            pad_to_multiple_of: Pad L up to a multiple.
            return_tensors: ``"pt"``, ``"np"`` or None.

        Returns:
            ``input_values`` float32 (B, L, feature_size), of waveforms (B, L); ``attention_mask`` int64 (B, L), 1 real
            and 0 padding.

        Raises:
            ValueError: The rate is another one, or :meth:`features` refuses a clip.
        """
        if sampling_rate is not None and sampling_rate != self.sampling_rate:
            raise ValueError(f"The sound is at {sampling_rate} Hz, not at {self.sampling_rate}. Resample first.")
        if isinstance(raw_speech, (np.ndarray, torch.Tensor)):
            single = raw_speech.ndim == 1
        else:
            single = len(raw_speech) > 0 and np.isscalar(raw_speech[0])
        clips = [raw_speech] if single else list(raw_speech)
        padded = self.pad(
            BatchFeature({"input_values": [self.features(clip) for clip in clips]}),
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
