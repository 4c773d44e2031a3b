"""The detector of landmark series: eyes, mouth and head through time in, two logits out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_landmark_series import LandmarkDetectorConfig
from .layers_mask import real_places
from .layers_recurrent import TemporalRecurrence
from .modeling_detector import DetectorModel


class LandmarkDetectorForVideoClassification(DetectorModel):
    """Batch norm of each value, GRU, mean over the real frames, dropout, linear head.

    Padding never changes the answer, in training neither: the norm sees real frames only.

    Source: the eye-blink recurrence of Li, Chang & Lyu 2018 (arXiv:1806.02877) and the head-pose series of Yang, Li &
    Lyu 2019 (arXiv:1811.00661), both from landmarks, here in one GRU.
    """

    config_class = LandmarkDetectorConfig
    config: LandmarkDetectorConfig
    base_model_prefix = "recurrence"
    main_input_name = "landmark_values"

    def __init__(self, config: LandmarkDetectorConfig) -> None:
        config.check()
        super().__init__(config)
        self.input_norm = nn.BatchNorm1d(config.feature_size)
        self.recurrence = TemporalRecurrence(
            "gru", config.feature_size, config.hidden_size, config.num_layers, config.bidirectional, config.dropout
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.recurrence.out_features, 2)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Only the head: torch has initialised the rest."""
        if isinstance(module, nn.Linear) and module is self.head:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)

    @can_return_tuple
    def forward(
        self,
        landmark_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Classify series.

        Args:
            landmark_values: float (B, T, feature_size), as ``LandmarkSeriesFeatureExtractor`` makes them.
            attention_mask: int64 (B, T), 1 real and 0 padding behind it; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.
            output_hidden_states: Give the series behind the norm and behind the GRU; None asks the configuration.
            output_attentions: For this model, which has no attention, False or None only.

        Returns:
            ``logits`` float32 (B, 2), index 1 = fake, calibrated in eval mode where the configuration has a calibrator;
            ``loss``, of the raw logits, where labels were given; ``hidden_states``, (B, T, feature_size) and (B, T, D),
            zero where padded.

        Raises:
            ValueError: A shape is wrong, padding stands before a real frame, a series has no real frame, or attention
                weights are asked for.
        """
        wants_states, wants_weights = self.wanted(output_hidden_states, output_attentions)
        if wants_weights:
            raise ValueError("a GRU has no attention weights: leave output_attentions out")
        size = self.config.feature_size
        if landmark_values.ndim != 3 or landmark_values.shape[2] != size:
            raise ValueError(
                f"landmark_values is {tuple(landmark_values.shape)}, this model needs (B, T, {size}). "
                "Use the feature extractor that is saved beside the model"
            )
        mask = torch.ones(landmark_values.shape[:2], dtype=torch.bool, device=landmark_values.device)
        if attention_mask is None:
            values = self.input_norm(landmark_values.transpose(1, 2)).transpose(1, 2)  # (B, T, F)
            states, _ = self.recurrence(values, None)  # (B, T, D)
        else:
            mask = real_places(attention_mask, mask.shape, "frames")
            if torch.compiler.is_exporting():  # a graph can't count real frames; in eval mode the norm doesn't mind
                values = self.input_norm(landmark_values.transpose(1, 2)).transpose(1, 2)
            else:
                real = self.input_norm(landmark_values[mask])  # (number of real frames, F)
                values = torch.zeros_like(landmark_values, dtype=real.dtype)
                values[mask] = real
            states, _ = self.recurrence(values, mask)
        pooled = states.sum(1) / mask.sum(1, keepdim=True)  # states are zero where padded
        loss, logits = self.answer(self.head(self.dropout(pooled.to(states.dtype))), labels)  # (B, 2)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=(values, states) if wants_states else None
        )
