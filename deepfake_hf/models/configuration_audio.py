"""Configuration of the audio detector."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig

_BLOCKS = ("strided", "pooled")
_POOLINGS = ("statistics", "class_token", "global")


class AudioDetectorConfig(DetectorConfig):
    """Spectrogram front end x convolutions x tokens x Transformer encoder x pooled head.

    Without ``patch_size`` a token is a moment with all its bins. ``pooling`` names what the head sees: attentive
    ``statistics`` of the tokens, a ``class_token`` that went through the encoder with them, or the ``global`` mean of
    the last block's map, which needs no tokens.

    Args:
        num_bins: Values of ``input_values`` per frame.
        num_channels: Pictures of equal size that a frame's values hold, one behind the other.
        block: Convolution blocks: ``strided`` (residual, a stride in the first convolution) or ``pooled`` (largest
            values over ``time_strides`` x ``bin_strides`` cells at the end of the block).
        widths: Channels of the convolution blocks; an empty list leaves the convolutions out.
        time_strides: Stride in time of each block.
        bin_strides: Stride in frequency of each block.
        convs_per_block: Convolutions in each block, the first with the stride where blocks are strided.
        patch_size: Cells of the last map that make a token, [time, frequency]; None for frame tokens.
        patch_stride: Step from patch to patch, [time, frequency]; None for patches side by side.
        hidden_size: Width of the tokens; of the dense layer where pooling is ``global``.
        encoder_layers: Transformer layers over the tokens; 0 for none.
        encoder_heads: Attention heads of each layer.
        encoder_mlp_ratio: Width of a layer's feed-forward part in units of ``hidden_size``.
        pooling: ``statistics``, ``class_token`` or ``global``.
        window_frames: Longer clips are cut into windows of this many frames, whose pooled vectors are averaged by
            their number of real frames; 0 takes every clip whole.
        dropout: Before the head and inside the encoder.
        initializer_range: Standard deviation of fresh weights.
        **kwargs: Of :class:`DetectorConfig` and of ``PretrainedConfig``.

    Raises:
        ValueError: The block lists differ in length, a word is unknown, the heads don't divide the width, the channels
            don't divide the bins, or an option could not act beside the others.
    """

    model_type = "deepfake_hf_audio"

    def __init__(
        self,
        num_bins: int = 242,
        num_channels: int = 1,
        block: str = "strided",
        widths: list[int] | None = None,
        time_strides: list[int] | None = None,
        bin_strides: list[int] | None = None,
        convs_per_block: list[int] | None = None,
        patch_size: list[int] | None = None,
        patch_stride: list[int] | None = None,
        hidden_size: int = 160,
        encoder_layers: int = 1,
        encoder_heads: int = 4,
        encoder_mlp_ratio: int = 2,
        pooling: str = "statistics",
        window_frames: int = 0,
        dropout: float = 0.1,
        initializer_range: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_bins % num_channels:
            raise ValueError(f"{num_channels} channels don't divide num_bins {num_bins}. Choose a divisor.")
        self.num_bins = num_bins
        self.num_channels = num_channels
        self.block = block
        self.widths = [16, 32, 64, 96, 128] if widths is None else list(widths)
        self.time_strides = [2, 2, 2, 1, 1] if time_strides is None else list(time_strides)
        self.bin_strides = [2, 2, 2, 2, 2] if bin_strides is None else list(bin_strides)
        self.convs_per_block = [1, 1, 2, 2, 2] if convs_per_block is None else list(convs_per_block)
        if len({len(self.widths), len(self.time_strides), len(self.bin_strides), len(self.convs_per_block)}) != 1:
            raise ValueError(
                "widths, time_strides, bin_strides and convs_per_block differ in length. Give one value for each block."
            )
        if block not in _BLOCKS or pooling not in _POOLINGS:
            raise ValueError(f"block {block!r} with pooling {pooling!r}: choose from {_BLOCKS} and from {_POOLINGS}")
        if encoder_layers and hidden_size % encoder_heads:
            raise ValueError(f"{encoder_heads} heads don't divide hidden_size {hidden_size}. Choose a divisor.")
        if patch_stride is not None and patch_size is None:
            raise ValueError("patch_stride is a step between patches, and there are none. Give patch_size too.")
        if pooling == "class_token" and not encoder_layers:
            raise ValueError(
                "a class token learns of the others in the encoder. Give encoder_layers, or another pooling."
            )
        if pooling == "global" and (encoder_layers or patch_size is not None or not self.widths):
            raise ValueError(
                "global pooling averages the last block's map and would leave tokens and encoder unread. Give it "
                "blocks, set encoder_layers to 0 and leave patch_size out."
            )
        self.patch_size = None if patch_size is None else list(patch_size)
        self.patch_stride = None if patch_stride is None else list(patch_stride)
        sizes, steps = self.patch_size or [1, 1], self.patch_stride or self.patch_size or [1, 1]
        if any(not 1 <= step <= size for step, size in zip(steps, sizes, strict=True)):
            raise ValueError(f"patches of {sizes} cells in steps of {steps} leave gaps. Keep 1 <= step <= size.")
        if encoder_layers < 0 or window_frames < 0:
            raise ValueError(f"{encoder_layers} layers, windows of {window_frames} frames: neither can be below zero")
        self.hidden_size = hidden_size
        self.encoder_layers = encoder_layers
        self.encoder_heads = encoder_heads
        self.encoder_mlp_ratio = encoder_mlp_ratio
        self.pooling = pooling
        self.window_frames = window_frames
        self.dropout = dropout
        self.initializer_range = initializer_range
