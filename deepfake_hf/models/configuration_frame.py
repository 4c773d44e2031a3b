"""Configuration of the frame detector."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig

# What each kind of attention and frequency input needs; everything else must be left out, for it could not act.
_ATTENTIONS: dict[str, tuple[str, ...]] = {
    "none": (),
    "auto": ("attention_stage",),
    "multi_head": ("attention_heads",),
    "multi": ("attention_stage", "texture_stage", "num_attention_maps", "region_loss_weight"),
}
_FREQUENCIES: dict[str, tuple[str, ...]] = {
    "none": (),
    "fft": ("frequency_place",),
    "dct": ("frequency_place",),
    "dwt": ("frequency_place",),
}


class FrameDetectorConfig(DetectorConfig):
    """timm backbone x spatial attention x frequency input x two-way head, over one face crop.

    Stages are places in the backbone's ``feature_info``: 0 has stride 2, 1 stride 4, 2 stride 8 and so on.

    Args:
        backbone: Name of a timm model that gives pooled features.
        image_size: Side of the square crop that the weights were trained on, pixels.
        dropout: Before the head.
        attention: ``none``; ``auto``, a sigmoid mask multiplied on the features of a stage; ``multi_head``,
            self-attention over the last feature map; ``multi``, bilinear attention pooling with texture enhancement.
        attention_stage: Of ``auto``: where the mask is learnt and applied; of ``multi``: where the maps are made.
        attention_heads: Of ``multi_head``; they divide the channels of the last feature map.
        texture_stage: Of ``multi``: the shallow features that are enhanced, before ``attention_stage``.
        num_attention_maps: Of ``multi``.
        region_loss_weight: Of ``multi``: factor of the regional independence loss in training; 0 leaves it out.
        frequency: ``none``, ``fft``, ``dct`` or ``dwt``, see ``layers_frequency``.
        frequency_place: With a frequency input: ``beside``, a branch of its own next to the pixels' backbone, or
            ``instead``, the backbone sees the frequency planes and no pixels.
        mirror_average: In eval mode the crop is also read mirrored, and the two answers are averaged. For faces that a
            model was trained on both ways round.
        kwargs: Of ``DetectorConfig``: calibration, operating points, origin of the weights.

    Raises:
        ValueError: A name is unknown, an option is missing or can't act, or a number is out of range.
    """

    model_type = "deepfake_hf_frame"
    keys_to_ignore_at_inference = ["hidden_states", "attentions", "attention_mask_map", "embedding"]

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        image_size: int = 192,
        dropout: float = 0.2,
        attention: str = "none",
        attention_stage: int | None = None,
        attention_heads: int | None = None,
        texture_stage: int | None = None,
        num_attention_maps: int | None = None,
        region_loss_weight: float | None = None,
        frequency: str = "none",
        frequency_place: str | None = None,
        mirror_average: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = backbone
        self.image_size = image_size
        self.dropout = dropout
        self.attention = attention
        # Any: a number wherever the kind of attention reads it, by the checks below
        self.attention_stage: Any = attention_stage
        self.attention_heads: Any = attention_heads
        self.texture_stage: Any = texture_stage
        self.num_attention_maps: Any = num_attention_maps
        self.region_loss_weight: Any = region_loss_weight
        self.frequency = frequency
        self.frequency_place = frequency_place
        self.mirror_average = mirror_average
        self._check_options("attention", _ATTENTIONS)
        self._check_options("frequency", _FREQUENCIES)
        if frequency_place not in (None, "beside", "instead"):
            raise ValueError(f"frequency_place is {frequency_place!r}: give 'beside' or 'instead'")
        for name in ("attention_heads", "num_attention_maps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: give at least 1")
        if attention_stage is not None and texture_stage is not None and texture_stage >= attention_stage:
            raise ValueError(
                f"texture_stage {texture_stage} is not before attention_stage {attention_stage}: texture is read from "
                "shallower features than the attention. Lower it"
            )
        if region_loss_weight is not None and region_loss_weight < 0:
            raise ValueError(f"region_loss_weight is {region_loss_weight}: give 0 or more")

    def _check_options(self, part: str, known: dict[str, tuple[str, ...]]) -> None:
        kind = getattr(self, part)
        if kind not in known:
            raise ValueError(f"{part} is {kind!r}: give one of {', '.join(known)}")
        for option in sorted({name for names in known.values() for name in names}):
            given = getattr(self, option) is not None
            if given and option not in known[kind]:
                raise ValueError(f"{option} can't act with {part} {kind!r}: leave it out, or choose another {part}")
            if not given and option in known[kind]:
                raise ValueError(f"{part} {kind!r} needs {option}: give it")
