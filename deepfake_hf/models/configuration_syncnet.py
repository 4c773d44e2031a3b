"""Configuration of the lip-sync model."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig


class SyncNetConfig(PretrainedConfig):
    """Two towers of convolutions that put a look at a mouth and a piece of sound into one space.

    The defaults are the published checkpoint's.

    Args:
        image_size: Side of the square crops, pixels.
        num_frames: Frames the visual tower sees at once.
        num_coefficients: Rows of the sound picture (cepstral coefficients or mel bands).
        num_steps: Columns of the sound picture: its steps in the time of ``num_frames``.
        visual_widths: Channels of the visual tower's six convolutions.
        sound_widths: Channels of the sound tower's six convolutions.
        hidden_size: Width of the layer before the embedding.
        embedding_size: Width of the embeddings.
        margin: Distance beyond which a pair out of sync costs nothing in the contrastive loss.
        weights_origin: ``trained`` or ``random``.
        kwargs: Of ``PretrainedConfig``.

    Raises:
        ValueError: The towers' lists are not six long, or an input is too small for the towers' strides.
    """

    model_type = "deepfake_hf_syncnet"

    def __init__(
        self,
        image_size: int = 224,
        num_frames: int = 5,
        num_coefficients: int = 13,
        num_steps: int = 20,
        visual_widths: list[int] | None = None,
        sound_widths: list[int] | None = None,
        hidden_size: int = 512,
        embedding_size: int = 1024,
        margin: float = 20.0,
        weights_origin: str = "random",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_size = image_size
        self.num_frames = num_frames
        self.num_coefficients = num_coefficients
        self.num_steps = num_steps
        self.visual_widths = list(visual_widths or [96, 256, 256, 256, 256, 512])
        self.sound_widths = list(sound_widths or [64, 192, 384, 256, 256, 512])
        self.hidden_size = hidden_size
        self.embedding_size = embedding_size
        self.margin = margin
        self.weights_origin = weights_origin
        if len(self.visual_widths) != 6 or len(self.sound_widths) != 6:
            raise ValueError(f"visual_widths {visual_widths} and sound_widths {sound_widths}: give six channels each")
        if num_frames < 1 or min(self.visual_cells, *self.sound_cells) < 1:
            raise ValueError(
                f"{num_frames} frames of {image_size} pixels and sound of {num_coefficients} x {num_steps} leave "
                "nothing behind the towers' strides. Published are 5 frames of 224 pixels and sound of 13 x 20"
            )
        if weights_origin not in ("trained", "random"):
            raise ValueError(f"weights_origin is {weights_origin!r}: say honestly 'trained' or 'random'")

    @property
    def visual_cells(self) -> int:
        """Side of the map before the visual tower's last convolution, which spans it."""
        side = (self.image_size - 7) // 2 + 1  # convolution 7, stride 2
        side = (side - 3) // 2 + 1  # pool 3, stride 2
        side = (side + 2 - 5) // 2 + 1  # convolution 5, stride 2, padding 1
        side = (side + 2 - 3) // 2 + 1  # pool 3, stride 2, padding 1
        return (side - 3) // 2 + 1  # pool 3, stride 2

    @property
    def sound_cells(self) -> tuple[int, int]:
        """Rows and columns of the map before the sound tower's last convolution, which spans it."""
        rows, columns = self.num_coefficients - 2, (self.num_steps - 3) // 2 + 1  # pool 3, stride 1 and 2
        return (rows - 3) // 2 + 1, (columns - 3) // 2 + 1  # pool 3, stride 2
