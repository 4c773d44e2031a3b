"""The audio detector: log spectrograms in, two logits out."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration_audio import AudioDetectorConfig
from .layers_audio import AttentiveStatistics, MaskedConvBlock
from .layers_calibration import calibrated_logits
from .layers_temporal import sinusoids
from .modeling_detector import DetectorModel


class AudioDetectorForAudioClassification(DetectorModel):
    """Convolutions over the spectrogram, an optional Transformer encoder over time, attentive statistics, two logits.

    Padding never changes the answer: every layer honours the mask.

    Source: own design; the encoder follows AST (Gong et al. 2021, arXiv:2104.01778) with a convolutional stem.
    """

    config_class = AudioDetectorConfig
    main_input_name = "input_values"
    base_model_prefix = "audio"

    def __init__(self, config: AudioDetectorConfig) -> None:
        super().__init__(config)
        self.input_norm = nn.BatchNorm1d(config.num_bins)
        channels, bins, blocks = config.num_channels, config.num_bins // config.num_channels, []
        plan = zip(config.widths, config.time_strides, config.bin_strides, config.convs_per_block, strict=True)
        for width, time_stride, bin_stride, num_convs in plan:
            blocks.append(MaskedConvBlock(channels, width, time_stride, bin_stride, num_convs))
            channels, bins = width, -(-bins // bin_stride)
        self.blocks = nn.ModuleList(blocks)
        self.project = nn.Linear(channels * bins, config.hidden_size)
        self.project_norm = nn.LayerNorm(config.hidden_size)
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.hidden_size,
                config.encoder_heads,
                config.hidden_size * 2,
                config.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.encoder_layers)
        )
        self.pool = AttentiveStatistics(config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> SequenceClassifierOutput | tuple[torch.Tensor, ...]:
        """Classify clips.

        Args:
            input_values: float32 (B, L, num_bins).
            attention_mask: int64 (B, L), 1 real and 0 padding; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.
            return_dict: False gives a plain tuple.

        Returns:
            ``logits`` float32 (B, 2), and ``loss`` where labels were given.

        Raises:
            ValueError: ``input_values`` has another number of bins.
        """
        if input_values.ndim != 3 or input_values.shape[-1] != self.config.num_bins:
            raise ValueError(
                f"input_values is {tuple(input_values.shape)}, this model needs (B, L, {self.config.num_bins}). "
                "Use the feature extractor that is saved beside the model."
            )
        mask = torch.ones(input_values.shape[:2], device=input_values.device, dtype=torch.bool)
        if attention_mask is not None:
            mask = attention_mask.bool()
        x = self.input_norm(input_values.transpose(1, 2)).transpose(1, 2)  # (B, L, F)
        x = (x * mask[..., None]).unflatten(2, (self.config.num_channels, -1)).transpose(1, 2)  # (B, C, L, F)
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x, mask = block(x, mask)
        x = self.project_norm(self.project(x.permute(0, 2, 1, 3).flatten(2)))  # (B, L', D)
        if len(self.encoder):
            x = x + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)
            blocked = ~mask
            blocked = blocked & ~blocked.all(dim=1, keepdim=True)  # a row of nothing but padding must not give NaN
            for layer in self.encoder:
                x = layer(x, src_key_padding_mask=blocked)
        logits = self.classifier(self.dropout(self.pool(x, mask)).to(self.classifier.weight.dtype)).float()  # (B, 2)
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
        if not self.training:
            logits = calibrated_logits(logits, self.config.calibration)
        if return_dict is False:
            return (logits,) if loss is None else (loss, logits)
        return SequenceClassifierOutput(loss=loss, logits=logits)
