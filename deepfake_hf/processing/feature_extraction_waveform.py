"""Waveform in, waveform out: the processor of models that take the sound itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .feature_extraction_sound import SoundFeatureExtractor


class WaveformFeatureExtractor(SoundFeatureExtractor):
    """Mono clips of one length, or of any with a mask.

    The sound itself is left as it is: no mean, no level. Repeated samples are real ones to the mask.

    Args:
        feature_size: 1, the values of a sample.
        sampling_rate: Hz of the waveforms that may come in.
        padding_value: What padded samples hold.
        num_samples: Clips are repeated or cut to this length, samples; 0 leaves each its own and pads the batch.

    Raises:
        ValueError: ``feature_size`` is not 1, or ``num_samples`` is below zero.
    """

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
        super().__init__(1, sampling_rate, padding_value, **kwargs)
        self.num_samples = num_samples

    def features(self, waveform: Any) -> np.ndarray:
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
