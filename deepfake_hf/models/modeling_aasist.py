"""AASIST: the waveform itself in, two logits out."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_aasist import AasistConfig
from .layers_graph import GraphAttention, GraphBranch, GraphPool
from .layers_mask import real_places
from .layers_sinc import ResidualBlock, SincFrontEnd
from .modeling_detector import DetectorModel


def fit_clips(waveform: torch.Tensor, attention_mask: torch.Tensor | None, num_samples: int) -> torch.Tensor:
    """Repeat the real samples of every clip up to a length, or cut them there.

    Args:
        waveform: (B, N).
        attention_mask: int64 (B, N), ones and behind them zeros; None where all samples are real.
        num_samples: Length to reach.

    Returns:
        (B, num_samples); what stood in padding is not in it.

    Raises:
        ValueError: The mask has another shape, padding before a real sample, or a row without one.
    """
    if attention_mask is None:
        if waveform.shape[1] == num_samples:
            return waveform
        lengths = torch.full((len(waveform), 1), waveform.shape[1], device=waveform.device)
    else:
        lengths = real_places(attention_mask, waveform.shape, "samples").sum(1, keepdim=True)
    place = torch.arange(num_samples, device=waveform.device) % lengths  # (B, num_samples)
    return waveform.gather(1, place)


class AasistForAudioClassification(DetectorModel):
    """Sinc filters, residual encoder, a graph over frequency and one over time, two branches over both, readout.

    The network has no notion of padding inside: it always sees ``config.num_samples`` samples. The mask is honoured
    before it, as the paper treats short clips: a clip's real samples are repeated to that length. So padding never
    changes an answer, in training neither. A longer clip is cut: score it in windows to hear all of it.

    Source: Jung et al. 2022 (arXiv:2110.01200), written from the paper. Its 128 taps are 129 here.
    """

    config_class = AasistConfig
    config: AasistConfig
    main_input_name = "input_values"
    base_model_prefix = "aasist"

    def __init__(self, config: AasistConfig) -> None:
        config.check()
        super().__init__(config)
        width, both_width = config.graph_widths
        spectral_ratio, temporal_ratio, both_ratio = config.pool_ratios
        spectral_heat, temporal_heat, both_heat = config.temperatures
        self.front_end = SincFrontEnd(config.num_filters, config.filter_taps, config.sampling_rate)
        inputs = [1, *config.widths[:-1]]
        self.encoder = nn.ModuleList(
            ResidualBlock(num_in, num_out, config.preactivation and i > 0)
            for i, (num_in, num_out) in enumerate(zip(inputs, config.widths, strict=True))
        )
        channels = config.widths[-1]
        self.band_positions = nn.Parameter(torch.randn(1, config.num_filters // 3, channels))
        self.spectral = GraphAttention(channels, width, spectral_heat, config.graph_dropout)
        self.temporal = GraphAttention(channels, width, temporal_heat, config.graph_dropout)
        self.spectral_pool = GraphPool(width, spectral_ratio, config.pool_dropout)
        self.temporal_pool = GraphPool(width, temporal_ratio, config.pool_dropout)
        dropouts = (config.graph_dropout, config.pool_dropout)
        self.branches = nn.ModuleList(GraphBranch(width, both_width, both_heat, both_ratio, dropouts) for _ in range(2))
        self.branch_dropout = nn.Dropout(config.branch_dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(5 * both_width, 2)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: every part has initialised itself, and the base class would write over that."""

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
            input_values: float (B, N), mono sound in [-1, 1] at ``config.sampling_rate``, of any length.
            attention_mask: int64 (B, N), 1 real and 0 padding behind it; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.
            output_attentions: Give the graphs' weights; None asks the configuration.
            output_hidden_states: Give the encoder's maps; None asks the configuration.

        Returns:
            ``logits`` float32 (B, 2), index 1 = fake, calibrated in eval mode where the configuration has a calibrator;
            ``loss``, of the raw logits, where labels were given. ``hidden_states``: of the front end and every block,
            (B, C, bands, moments). ``attentions``: (B, N, N) of the spectral and the temporal graph, then of both
            attentions of both branches, their temporal nodes first; pooling has put nodes in the order of its scores.

        Raises:
            ValueError: The shape is wrong, or the mask as :func:`fit_clips` says.
        """
        if input_values.ndim != 2 or not input_values.shape[1]:
            raise ValueError(
                f"input_values is {tuple(input_values.shape)}: this model needs waveforms, (B, num_samples). "
                "Use the feature extractor that is saved beside the model."
            )
        x = self.front_end(fit_clips(input_values, attention_mask, self.config.num_samples))  # (B, 1, bands, moments)
        states = [x]
        for block in self.encoder:
            x = block(x)
            states.append(x)
        size = x.abs()
        spectral, spectral_weights = self.spectral(size.amax(3).transpose(1, 2) + self.band_positions)  # (B, bands, D)
        temporal, temporal_weights = self.temporal(size.amax(2).transpose(1, 2))  # (B, moments, D)
        weights = [spectral_weights, temporal_weights]
        spectral, temporal = self.spectral_pool(spectral), self.temporal_pool(temporal)
        answers = []
        for branch in self.branches:
            nodes, branch_weights = branch(temporal, spectral)
            answers.append([self.branch_dropout(part) for part in nodes])
            weights.extend(branch_weights)
        temporal, spectral, stack = (torch.maximum(one, two) for one, two in zip(*answers, strict=True))
        readout = [temporal.abs().amax(1), temporal.mean(1), spectral.abs().amax(1), spectral.mean(1), stack.squeeze(1)]
        loss, logits = self.answer(self.classifier(self.dropout(torch.cat(readout, dim=1))), labels)  # (B, 2)
        stately, attentive = self.wanted(output_hidden_states, output_attentions)
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=tuple(states) if stately else None,
            attentions=tuple(weights) if attentive else None,
        )
