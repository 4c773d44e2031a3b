"""Configuration of the detector that classifies statistics of speech."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig


class SpeechStatisticsConfig(DetectorConfig):
    """Fixed statistics of a waveform, measured against genuine speech, x a linear head.

    Args:
        sampling_rate: Of the clips, Hz; the statistics are made for 16,000.
        limit: Statistics are cut off at this many standard deviations of genuine speech.
        soft: Bend them towards the limit (its hyperbolic tangent) in place of a sharp cut, so that the few that lie far
            out weigh little more than the many that lie out a little.
        two_sided: The head sees each statistic's distance from genuine speech as well, whichever way it lies: one
            generator is too smooth where another is too rough.
        dropout: On the statistics, before the head.
        short_head: There is a second head, one weight a statistic, for windows of a second; verdicts do not ask it.
        **kwargs: Of :class:`DetectorConfig` and of ``PretrainedConfig``.

    Raises:
        ValueError: The rate is under 16,000 Hz, or the limit not above zero.
    """

    model_type = "deepfake_hf_speech_statistics"

    def __init__(
        self,
        sampling_rate: int = 16_000,
        limit: float = 5.0,
        soft: bool = False,
        two_sided: bool = False,
        dropout: float = 0.0,
        short_head: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sampling_rate < 16_000 or limit <= 0:
            raise ValueError(
                f"sampling_rate {sampling_rate} and limit {limit}: bands up to 7.5 kHz need 16,000 Hz or more, and a "
                "limit lies above zero"
            )
        self.sampling_rate = sampling_rate
        self.limit = limit
        self.soft = soft
        self.two_sided = two_sided
        self.dropout = dropout
        self.short_head = short_head
