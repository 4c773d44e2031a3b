"""The lip-sync model: a mouth and a sound of the same fifth of a second in, two embeddings out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from .configuration_syncnet import SyncNetConfig
from .modeling_detector import DetectorModel


@dataclass
class SyncNetOutput(ModelOutput):
    """``visual_embeds`` and ``sound_embeds`` float32 (B, embedding_size), ``distances`` float32 (B,) between them,
    small where they are in sync; ``loss`` where labels were given."""

    loss: Tensor | None = None
    visual_embeds: Tensor | None = None
    sound_embeds: Tensor | None = None
    distances: Tensor | None = None


@dataclass(frozen=True)
class SyncMatch:
    """How sound and picture of one clip lie to each other.

    ``offset_frames`` is how many frames the sound comes too early, negative where it comes too late.
    ``confidence`` is the median minus the minimum of the mean distances over all offsets: 0 where no offset is better
    than another (nobody speaks, or the lips move to other words). ``distances`` are those means, by ``offsets``.
    """

    offset_frames: int
    confidence: float
    offsets: tuple[int, ...]
    distances: tuple[float, ...]


def _visual_tower(config: SyncNetConfig) -> nn.Sequential:
    """Convolutions over (B, 3, num_frames, S, S); the first takes all frames together."""
    w, cells = config.visual_widths, config.visual_cells
    spans = [(config.num_frames, 7, 7), (1, 5, 5), (1, 3, 3), (1, 3, 3), (1, 3, 3), (1, cells, cells)]
    strides, paddings = [2, 2, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0]
    pools = {0: nn.MaxPool3d((1, 3, 3), (1, 2, 2)), 1: nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))}
    pools[4] = nn.MaxPool3d((1, 3, 3), (1, 2, 2))
    layers: list[nn.Module] = []
    for i, (width_in, width) in enumerate(zip([3, *w[:-1]], w, strict=True)):
        stride, padding = (1, strides[i], strides[i]), (0, paddings[i], paddings[i])
        layers += [nn.Conv3d(width_in, width, spans[i], stride, padding), nn.BatchNorm3d(width), nn.ReLU()]
        layers += [pools[i]] if i in pools else []
    return nn.Sequential(*layers, nn.Flatten())


def _sound_tower(config: SyncNetConfig) -> nn.Sequential:
    """Convolutions over (B, 1, num_coefficients, num_steps)."""
    w = config.sound_widths
    pools = {1: nn.MaxPool2d(3, (1, 2)), 4: nn.MaxPool2d(3, 2)}
    layers: list[nn.Module] = []
    for i, (width_in, width) in enumerate(zip([1, *w[:-1]], w, strict=True)):
        last = i == len(w) - 1
        conv = nn.Conv2d(width_in, width, config.sound_cells if last else 3, padding=0 if last else 1)
        layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
        layers += [pools[i]] if i in pools else []
    return nn.Sequential(*layers, nn.Flatten())


def _embedding(width: int, config: SyncNetConfig) -> nn.Sequential:
    hidden = config.hidden_size
    return nn.Sequential(
        nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, config.embedding_size)
    )


class SyncNetModel(DetectorModel):
    """Two towers of six convolutions, each followed by two linear layers.

    Embeddings, no verdict: lips and sound that were generated together are in sync too.

    Source: Chung & Zisserman 2016, "Out of time: automated lip sync in the wild" (ACCV workshop,
    doi:10.1007/978-3-319-54427-4_19), with colour pictures as in the checkpoint its authors published
    (``syncnet_v2``); see ``convert_syncnet.py``.
    """

    config_class = SyncNetConfig
    config: SyncNetConfig
    base_model_prefix = "towers"
    main_input_name = "pixel_values"

    def __init__(self, config: SyncNetConfig) -> None:
        super().__init__(config)
        self.visual_tower = _visual_tower(config)
        self.visual_embedding = _embedding(config.visual_widths[-1], config)
        self.sound_tower = _sound_tower(config)
        self.sound_embedding = _embedding(config.sound_widths[-1], config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: torch has initialised its modules."""

    def embed_visual(self, pixel_values: Tensor) -> Tensor:
        """Embed looks.

        Args:
            pixel_values: float (B, 3, num_frames, S, S), consecutive crops of a face at 25 frames a second, RGB; in
                [0, 255] for the published weights.

        Returns:
            float32 (B, embedding_size).

        Raises:
            ValueError: The shape is another one.
        """
        side, frames = self.config.image_size, self.config.num_frames
        if pixel_values.ndim != 5 or pixel_values.shape[1:] != (3, frames, side, side):
            raise ValueError(
                f"pixel_values is {tuple(pixel_values.shape)}, this model needs (B, 3, {frames}, {side}, {side})"
            )
        return self.visual_embedding(self.visual_tower(pixel_values)).float()

    def embed_sound(self, input_values: Tensor) -> Tensor:
        """Embed sounds.

        Args:
            input_values: float (B, 1, num_coefficients, num_steps); the published weights take 13 cepstral
                coefficients at 100 Hz, so that 20 steps are the 0.2 s of five frames.

        Returns:
            float32 (B, embedding_size).

        Raises:
            ValueError: The shape is another one.
        """
        rows, columns = self.config.num_coefficients, self.config.num_steps
        if input_values.ndim != 4 or input_values.shape[1:] != (1, rows, columns):
            raise ValueError(f"input_values is {tuple(input_values.shape)}, this model needs (B, 1, {rows}, {columns})")
        return self.sound_embedding(self.sound_tower(input_values)).float()

    def forward(self, pixel_values: Tensor, input_values: Tensor, labels: Tensor | None = None) -> SyncNetOutput:
        """Embed pairs.

        Args:
            pixel_values: As of :meth:`embed_visual`.
            input_values: As of :meth:`embed_sound`; row i belongs to row i of ``pixel_values``.
            labels: int64 (B,), 1 for a pair in sync, 0 for one out of sync. These are not the detectors' labels.

        Returns:
            A :class:`SyncNetOutput`.

        Raises:
            ValueError: A shape is wrong, or there are not as many looks as sounds.
        """
        if pixel_values.shape[0] != input_values.shape[0]:
            raise ValueError(f"{len(pixel_values)} looks and {len(input_values)} sounds: a pair needs one of each")
        visual, sound = self.embed_visual(pixel_values), self.embed_sound(input_values)  # (B, D) each
        loss = None if labels is None else contrastive_loss(visual, sound, labels, self.config.margin)
        distances = torch.linalg.vector_norm(visual - sound, dim=1)
        return SyncNetOutput(loss=loss, visual_embeds=visual, sound_embeds=sound, distances=distances)


def contrastive_loss(visual: Tensor, sound: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Half the mean of d² for pairs in sync and of max(margin - d, 0)² for others, d their Euclidean distance.

    Args:
        visual: float (B, D).
        sound: float (B, D).
        labels: int64 (B,), 1 in sync, 0 out of sync.
        margin: In units of d.

    Returns:
        A scalar.

    Source: Chung & Zisserman 2016, equations 1 and 2, after Chopra, Hadsell & LeCun 2005.
    """
    square = (visual - sound).square().sum(1)  # (B,)
    distance = (square + 1e-12).sqrt()  # the root has no slope at zero
    apart = (margin - distance).clamp_min(0).square()
    return torch.where(labels.bool(), square, apart).mean() / 2


def offset_and_confidence(visual: Tensor, sound: Tensor, max_offset_frames: int = 15) -> SyncMatch:
    """Find where sound and picture of a clip fit best.

    Row i of both starts at frame i. For each offset the distances of all pairs (look i, sound i - offset) that exist
    are averaged; the authors' program instead compares the clip's edges with zeros, which a short clip feels.

    Args:
        visual: float (N, D), embeddings of looks, one for each frame.
        sound: float (M, D), embeddings of sounds at the same moments.
        max_offset_frames: Offsets from minus to plus this are tried; 15 frames are 0.6 s.

    Returns:
        A :class:`SyncMatch`.

    Raises:
        ValueError: The shapes don't fit, or the clip is too short to have a pair at every offset.

    Source: Chung & Zisserman 2016, section 4 (offset as the minimum, confidence as the median minus it).
    """
    if visual.ndim != 2 or sound.ndim != 2 or visual.shape[1] != sound.shape[1]:
        raise ValueError(f"embeddings are {tuple(visual.shape)} and {tuple(sound.shape)}: give (N, D) and (M, D)")
    if max_offset_frames < 1 or min(len(visual), len(sound)) <= max_offset_frames:
        raise ValueError(
            f"{len(visual)} looks and {len(sound)} sounds have no pair at every offset up to {max_offset_frames} "
            "frames. Give a longer clip, or a smaller max_offset_frames of 1 or more"
        )
    table = torch.cdist(visual.float(), sound.float(), compute_mode="donot_use_mm_for_euclid_dist")  # (N, M)
    offsets = range(-max_offset_frames, max_offset_frames + 1)
    # pairs (i, i - offset) lie on a diagonal of the table
    means = torch.stack([table.diagonal(-offset).mean() for offset in offsets])
    best = int(means.argmin())
    return SyncMatch(
        offset_frames=offsets[best],
        confidence=float(means.median() - means[best]),
        offsets=tuple(offsets),
        distances=tuple(means.tolist()),
    )
