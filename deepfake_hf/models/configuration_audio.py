"""Configuration of the audio detector."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig


class AudioDetectorConfig(DetectorConfig):
    """Spectrogram front end x convolutions x optional Transformer encoder x pooled head.

    Args:
        num_bins: Values of ``input_values`` per frame.
        num_channels: Pictures of equal size that a frame's values hold, one behind the other.
        widths: Channels of the convolution blocks.
        time_strides: Stride in time of each block.
        bin_strides: Stride in frequency of each block.
        convs_per_block: Convolutions in each block, the first with the stride.
        hidden_size: Width of the frame vectors after the convolutions.
        encoder_layers: Transformer layers over the frame vectors; 0 for none.
        encoder_heads: Attention heads of each layer.
        dropout: Before the head and inside the encoder.
        **kwargs: Of :class:`DetectorConfig` and of ``PretrainedConfig``.

    Raises:
        ValueError: The block lists differ in length, the heads don't divide the width or the channels the bins.
    """

    model_type = "deepfake_hf_audio"

    def __init__(
        self,
        num_bins: int = 242,
        num_channels: int = 1,
        widths: list[int] | None = None,
        time_strides: list[int] | None = None,
        bin_strides: list[int] | None = None,
        convs_per_block: list[int] | None = None,
        hidden_size: int = 160,
        encoder_layers: int = 1,
        encoder_heads: int = 4,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_bins % num_channels:
            raise ValueError(f"{num_channels} channels don't divide num_bins {num_bins}. Choose a divisor.")
        self.num_bins = num_bins
        self.num_channels = num_channels
        self.widths = list(widths or [16, 32, 64, 96, 128])
        self.time_strides = list(time_strides or [2, 2, 2, 1, 1])
        self.bin_strides = list(bin_strides or [2, 2, 2, 2, 2])
        self.convs_per_block = list(convs_per_block or [1, 1, 2, 2, 2])
        if len({len(self.widths), len(self.time_strides), len(self.bin_strides), len(self.convs_per_block)}) != 1:
            raise ValueError(
                "widths, time_strides, bin_strides and convs_per_block differ in length. Give one value for each block."
            )
        if encoder_layers and hidden_size % encoder_heads:
            raise ValueError(f"{encoder_heads} heads don't divide hidden_size {hidden_size}. Choose a divisor.")
        self.hidden_size = hidden_size
        self.encoder_layers = encoder_layers
        self.encoder_heads = encoder_heads
        self.dropout = dropout
