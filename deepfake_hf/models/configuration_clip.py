"""Configuration of the clip detector."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig

_TEMPORAL = ("transformer", "lstm", "gru")
_HEADS = ("linear", "reduction", "dense")


class ClipDetectorConfig(DetectorConfig):
    """Frame features x convolutions x temporal model x two-way head.

    Args:
        backbone: Name of a timm model; of one that gives feature maps where there are convolutions.
        image_size: Side of the square crops that the weights were trained on, pixels.
        num_frames: Frames of a clip that the weights were trained on (the most of them); the model takes any number.
        conv_widths: Channels of 3 x 3 convolutions on the backbone's feature maps; none take its pooled features.
        temporal: ``transformer``, ``lstm`` or ``gru``.
        bidirectional: Read the clip backwards too; for ``lstm`` and ``gru``.
        hidden_size: Width of the frame vectors in the Transformer, units of a direction in the LSTM or GRU.
        temporal_layers: Layers over time.
        temporal_heads: Attention heads of each layer of the Transformer; None is 4 there, and all that others take.
        head: ``linear``, ``reduction`` or ``dense``, see ``two_way_head``.
        head_widths: Widths of the layers before the logits: none for ``linear``, one for ``reduction``, else any.
        frame_loss_weight: Share w of the frames in the loss: (1 - w) of the clip's cross entropy, w of the mean over
            real frames of theirs, a frame having the label of its clip.
        dropout: Inside the temporal model and the head.
        kwargs: Of ``DetectorConfig``: calibration, operating points, origin of the weights.

    Raises:
        ValueError: A part is unknown, an option can't act beside another, or a number is out of its range.
    """

    model_type = "deepfake_hf_clip"

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        image_size: int = 128,
        num_frames: int = 16,
        conv_widths: list[int] | None = None,
        temporal: str = "transformer",
        bidirectional: bool = False,
        hidden_size: int = 256,
        temporal_layers: int = 2,
        temporal_heads: int | None = None,
        head: str = "linear",
        head_widths: list[int] | None = None,
        frame_loss_weight: float = 0.0,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if temporal not in _TEMPORAL or head not in _HEADS:
            raise ValueError(f"temporal is {temporal!r} and head {head!r}: choose from {_TEMPORAL} and from {_HEADS}")
        if temporal == "transformer":
            temporal_heads = 4 if temporal_heads is None else temporal_heads
            if hidden_size % temporal_heads or hidden_size % 2:
                raise ValueError(
                    f"hidden_size is {hidden_size}: give an even multiple of temporal_heads, {temporal_heads}"
                )
            if bidirectional:
                raise ValueError("bidirectional is for lstm and gru: a transformer sees both ways. Leave it out")
        elif temporal_heads is not None:
            raise ValueError(f"temporal_heads is {temporal_heads}, but {temporal} has no attention. Leave it out")
        if temporal_layers < 1 or num_frames < 1:
            raise ValueError(f"{temporal_layers} layers over {num_frames} frames: a clip detector needs one of each")
        head_widths = list(head_widths or [])
        if not {"linear": len(head_widths) == 0, "reduction": len(head_widths) == 1, "dense": bool(head_widths)}[head]:
            raise ValueError(f"head {head!r}, head_widths {head_widths}: linear: none, reduction: one, dense: some")
        if not 0 <= frame_loss_weight < 1:
            raise ValueError(f"frame_loss_weight is {frame_loss_weight}: give a share from 0 up to, but without, 1")
        self.backbone = backbone
        self.image_size = image_size
        self.num_frames = num_frames
        self.conv_widths = list(conv_widths or [])
        self.temporal = temporal
        self.bidirectional = bidirectional
        self.hidden_size = hidden_size
        self.temporal_layers = temporal_layers
        self.temporal_heads = temporal_heads  # None beside lstm and gru
        self.head = head
        self.head_widths = head_widths
        self.frame_loss_weight = frame_loss_weight
        self.dropout = dropout
