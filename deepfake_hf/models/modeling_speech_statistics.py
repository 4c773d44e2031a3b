"""Statistics of a waveform in, two logits out."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_speech_statistics import SpeechStatisticsConfig
from .layers_mask import real_places
from .layers_speech_statistics import Stretches, num_statistics, speech_statistics
from .modeling_detector import DetectorModel


class SpeechStatisticsForAudioClassification(DetectorModel):
    """Fixed statistics of a stretch of speech, how far genuine speech lies from them, and a linear head.

    Everything that is learnt is one weight a statistic, or two where the head is two-sided, so there is little to
    overfit: a generator that training never saw is told apart better than by a net on spectrograms with many times the
    weights (docs/experiments).

    Source: this project; the statistics are named in ``layers_speech_statistics``.
    """

    config_class = SpeechStatisticsConfig
    config: SpeechStatisticsConfig
    main_input_name = "input_values"
    base_model_prefix = "speech_statistics"

    def __init__(self, config: SpeechStatisticsConfig) -> None:
        config.check()
        super().__init__(config)
        size = num_statistics()
        self.register_buffer("centre", torch.zeros(size))  # of genuine speech in training
        self.register_buffer("spread", torch.ones(size))
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2 * size if config.two_sided else size, 2)
        self.short_head = nn.Linear(size, 1, bias=False) if config.short_head else None
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: the layers have initialised themselves, and the statistics have no weights."""

    def measure(self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """The raw statistics, which training standardises and fits.

        Args:
            input_values: float (B, N), mono sound in [-1, 1] at ``config.sampling_rate``.
            attention_mask: int64 (B, N), ones and behind them zeros; None means that nothing is padding.

        Returns:
            float32 (B, ``num_statistics()``).

        Raises:
            ValueError: The shape is wrong, or the mask has padding before a real sample.
        """
        if input_values.ndim != 2 or not input_values.shape[1]:
            raise ValueError(
                f"input_values is {tuple(input_values.shape)}: this model needs waveforms, (B, num_samples). "
                "Use the feature extractor that is saved beside the model."
            )
        if attention_mask is None:
            mask = torch.ones_like(input_values, dtype=torch.bool)
        else:
            mask = real_places(attention_mask, input_values.shape, "samples")
        # float32 whatever the weights are: half precision holds neither powers nor their cubes
        return speech_statistics(input_values.float().masked_fill(~mask, 0.0), mask, self.config.sampling_rate)

    def along(self, input_values: torch.Tensor, spans: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Classify stretches of one waveform, which may overlap: much cheaper than each by itself.

        Level and offset are those of the whole waveform, so that the answer for a stretch can differ a little from
        that of :meth:`forward` for it alone.

        Args:
            input_values: float (1, N), mono sound in [-1, 1] at ``config.sampling_rate``.
            spans: int64 (W, 2), first and last + 1 sample; they begin at multiples of 128.

        Returns:
            float32 (W, 2), logits as of :meth:`forward`; float32 (W,), what the short head says, which has a meaning
            beside other windows of the same sound only (``scoring.stretches``): 0 where there is none.
        """
        mask = torch.ones_like(input_values, dtype=torch.bool)
        stretches = Stretches(spans[None, :, 0], spans[None, :, 1])
        raw = speech_statistics(input_values.float(), mask, self.config.sampling_rate, stretches)[0]
        standard = self.standardise(raw).to(self.classifier.weight.dtype)
        short = self.short_head(standard)[:, 0] if self.short_head is not None else standard.new_zeros(len(standard))
        return self.answer(self.classifier(self.dropout(self.sides(standard))), None)[1], short

    def standardise(self, statistics: torch.Tensor) -> torch.Tensor:
        """Raw statistics float32 (B, D) in standard deviations of genuine speech, cut off or bent at the limit."""
        limit = self.config.limit
        found = (statistics - self.centre.float()) / self.spread.float()
        return limit * torch.tanh(found / limit) if self.config.soft else found.clamp(-limit, limit)

    def sides(self, standard: torch.Tensor) -> torch.Tensor:
        """What the head sees of standardised statistics (B, D): them, and behind them their sizes where two-sided."""
        return torch.cat((standard, standard.abs()), dim=1) if self.config.two_sided else standard

    def shares(self, statistics: torch.Tensor) -> torch.Tensor:
        """What each raw statistic adds to the raw margin, before its bias: float64 (B, D)."""
        weight = (self.classifier.weight[1] - self.classifier.weight[0]).double()
        added = self.sides(self.standardise(statistics)).double() * weight
        return added.unflatten(1, (-1, statistics.shape[1])).sum(1)

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Classify clips.

        Args:
            input_values: float (B, N), mono sound in [-1, 1] at ``config.sampling_rate``, best 1.5 s or more.
            attention_mask: int64 (B, N), 1 real and 0 padding behind it; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.
            output_attentions: For this model, which has no attention, False or None only.
            output_hidden_states: Give the statistics; None asks the configuration.

        Returns:
            ``logits`` float32 (B, 2), index 1 = fake, calibrated in eval mode where the configuration has a calibrator;
            ``loss``, of the raw logits, where labels were given. ``hidden_states``: the raw statistics, and
            those in standard deviations of genuine speech, (B, ``num_statistics()``).

        Raises:
            ValueError: As of :meth:`measure`, or attention weights are asked for.
        """
        wants_states, wants_weights = self.wanted(output_hidden_states, output_attentions)
        if wants_weights:
            raise ValueError("statistics have no attention weights: leave output_attentions out")
        raw = self.measure(input_values, attention_mask)
        found = self.standardise(raw)
        loss, logits = self.answer(
            self.classifier(self.dropout(self.sides(found).to(self.classifier.weight.dtype))), labels
        )
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=(raw, found) if wants_states else None)
