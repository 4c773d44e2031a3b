"""Configuration of the detector of landmark series."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig


class LandmarkDetectorConfig(DetectorConfig):
    """A GRU over a few numbers a frame that are taken from a face's landmarks.

    Args:
        feature_size: Values of ``landmark_values`` per frame.
        hidden_size: Units of a direction.
        num_layers: Layers on top of each other.
        bidirectional: Read the series backwards too.
        dropout: Between layers and before the head.
        kwargs: Of ``DetectorConfig``: calibration, operating points, origin of the weights.

    Raises:
        ValueError: A size is below one.
    """

    model_type = "deepfake_hf_landmark_series"

    def __init__(
        self,
        feature_size: int = 9,
        hidden_size: int = 64,
        num_layers: int = 2,
        bidirectional: bool = True,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(feature_size, hidden_size, num_layers) < 1:
            raise ValueError(
                f"feature_size {feature_size}, hidden_size {hidden_size} and num_layers {num_layers}: give 1 or more"
            )
        self.feature_size = feature_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
