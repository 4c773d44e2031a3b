"""The audio detector: log spectrograms in, two logits out."""

from __future__ import annotations

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_audio import AudioDetectorConfig
from .layers_ast import EncoderLayer, PatchTokens
from .layers_audio import (
    AttentiveStatistics,
    MaskedBatchNorm,
    MaskedConvBlock,
    MaskedPoolBlock,
    global_mean,
    join_windows,
    split_windows,
)
from .layers_mask import real_places
from .layers_temporal import sinusoids
from .modeling_detector import DetectorModel


class AudioDetectorForAudioClassification(DetectorModel):
    """Convolutions over the spectrogram, an optional Transformer encoder over its tokens, pooling, two logits.

    Padding never changes the answer, in training neither: every layer honours the mask, and batch norm counts the real
    frames alone. Gradient checkpointing covers the encoder; convolution blocks would count a batch twice in their
    norms.

    Source: own design; patches, class token and encoder after AST (Gong et al. 2021, arXiv:2104.01778), here on a
    convolutional stem; statistics after Okabe et al. 2018 (arXiv:1803.10963).
    """

    config_class = AudioDetectorConfig
    config: AudioDetectorConfig
    main_input_name = "input_values"
    base_model_prefix = "audio"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: AudioDetectorConfig) -> None:
        super().__init__(config)
        self.supports_gradient_checkpointing = config.encoder_layers > 0
        self.input_norm = MaskedBatchNorm(config.num_bins)
        channels, bins, blocks = config.num_channels, config.num_bins // config.num_channels, []
        block_class = MaskedConvBlock if config.block == "strided" else MaskedPoolBlock
        plan = zip(config.widths, config.time_strides, config.bin_strides, config.convs_per_block, strict=True)
        for width, time_stride, bin_stride, num_convs in plan:
            blocks.append(block_class(channels, width, time_stride, bin_stride, num_convs))
            channels, bins = width, -(-bins // bin_stride)
        self.blocks = nn.ModuleList(blocks)
        size = config.hidden_size
        if config.patch_size is not None:
            stride = config.patch_stride or config.patch_size
            self.patches = PatchTokens(channels, bins, config.patch_size, stride, size)
        else:
            self.project = nn.Linear(channels if config.pooling == "global" else channels * bins, size)
            if config.pooling != "global":
                self.project_norm = nn.LayerNorm(size)
        self.encoder = nn.ModuleList(
            EncoderLayer(size, config.encoder_heads, size * config.encoder_mlp_ratio, config.dropout)
            for _ in range(config.encoder_layers)
        )
        if config.pooling == "statistics":
            self.pool = AttentiveStatistics(size)
        elif config.pooling == "class_token":
            self.class_token = nn.Parameter(torch.zeros(size))  # filled in _init_weights
            self.class_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2 * size if config.pooling == "statistics" else size, config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """As of the base class; the bare parameters get deviation too."""
        super()._init_weights(module)
        if isinstance(module, PatchTokens):
            init.normal_(module.bin_positions, std=self.config.initializer_range)
        elif module is self and self.config.pooling == "class_token":
            init.normal_(self.class_token, std=self.config.initializer_range)

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
            input_values: float32 (B, L, num_bins).
            attention_mask: int64 (B, L), 1 real and 0 padding; None means that nothing is padding.
            labels: int64 (B,), 0 real and 1 fake.
            output_attentions: Give the encoder's weights, for which this call takes the slower eager attention; None
                asks the configuration.
            output_hidden_states: Give maps and tokens; None asks the configuration.

        Returns:
            ``logits`` float32 (B, 2), and ``loss`` where labels were given. ``hidden_states``: every block's map
            (B, C, L', F'), then, where there are tokens, (B, N, D) before the encoder and after each of its layers.
            ``attentions``: (B, heads, N, N) of each layer. A class token is the first of N. Where clips are cut into
            W windows, B * W stands for B in both.

        Raises:
            ValueError: ``input_values`` has another number of bins, the mask has another shape, or attention weights
                are asked of a model without an encoder.
        """
        config = self.config
        if input_values.ndim != 3 or input_values.shape[-1] != config.num_bins:
            raise ValueError(
                f"input_values is {tuple(input_values.shape)}, this model needs (B, L, {config.num_bins}). "
                "Use the feature extractor that is saved beside the model."
            )
        stately, attentive = self.wanted(output_hidden_states, output_attentions)
        if attentive and not config.encoder_layers:
            raise ValueError("this model has no encoder and so no attention weights: leave output_attentions out")
        mask = torch.ones(input_values.shape[:2], device=input_values.device, dtype=torch.bool)
        if attention_mask is not None:
            mask = real_places(attention_mask, mask.shape, "frames", behind=False)
        batch = input_values.shape[0]
        if torch.compiler.is_exporting() and config.window_frames:  # a graph takes clips of both kinds
            size = torch.sym_min(config.window_frames, input_values.shape[1])
            input_values, mask = split_windows(input_values, mask, size)
        elif 0 < config.window_frames < input_values.shape[1]:
            input_values, mask = split_windows(input_values, mask, config.window_frames)
        frames = mask
        states, weights = [], []
        padded = self.training and not bool(mask.all())  # in eval mode batch norm looks at no statistics
        x = input_values.masked_fill(~mask[..., None], 0).transpose(1, 2)  # (B, F, L)
        x = self.input_norm(x, mask[:, None] if padded else None).transpose(1, 2)
        x = (x * mask[..., None]).unflatten(2, (config.num_channels, -1)).transpose(1, 2)  # (B, C, L, F)
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x, mask = block(x, mask, padded)
            states.append(x)
        if config.pooling == "global":
            pooled = torch.relu(self.project(self.dropout(global_mean(x, mask).to(self.project.weight.dtype))))
        else:
            tokens, mask = self._tokens(x, mask)
            states.append(tokens)
            eager = attentive or config._attn_implementation == "eager"
            allowed = mask | ~mask.any(dim=1, keepdim=True)  # a row of nothing but padding must not give NaN
            for layer in self.encoder:
                tokens, weight = layer(tokens, allowed, eager)
                states.append(tokens)
                weights.append(weight)
            pooled = self.class_norm(tokens[:, 0]) if config.pooling == "class_token" else self.pool(tokens, mask)
        pooled = join_windows(pooled, frames, batch)
        raw = self.classifier(self.dropout(pooled.to(self.classifier.weight.dtype)))
        loss, logits = self.answer(raw, labels)  # (B, 2)
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=tuple(states) if stately else None,
            attentions=tuple(weights) if attentive else None,
        )

    def _tokens(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, C, L, F), mask bool (B, L) -> tokens (B, N, D) with their positions, mask (B, N)."""
        if self.config.patch_size is not None:
            x, mask = self.patches(x, mask)
        else:
            x = self.project_norm(self.project(x.permute(0, 2, 1, 3).flatten(2)))  # (B, L', D)
            if self.config.encoder_layers:
                x = x + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)
        if self.config.pooling == "class_token":
            x = torch.cat([self.class_token.expand(x.shape[0], 1, -1), x], dim=1)
            mask = nn.functional.pad(mask, (1, 0), value=True)
        return x, mask
