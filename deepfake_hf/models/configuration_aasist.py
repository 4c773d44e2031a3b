"""Configuration of AASIST."""

from __future__ import annotations

from typing import Any

from .configuration_detector import DetectorConfig


class AasistConfig(DetectorConfig):
    """Sinc filters x residual encoder x spectral and temporal graphs x two branches of graphs over both.

    Args:
        num_samples: Length that every clip is repeated or cut to, samples.
        sampling_rate: Of the clips, Hz; it places the filters.
        num_filters: Fixed band-pass filters, their edges evenly spaced on the mel scale up to half the rate.
        filter_taps: Length of each, odd: 128 taps and a middle one.
        widths: Channels of the residual blocks, each of which keeps a third of the moments.
        preactivation: Norm and SELU before the first convolution of every block but the first, as in RawNet2, from
            which the encoder comes. The published weights were trained without: see ``convert_aasist``.
        graph_widths: Values of a node in the spectral and temporal graphs, and in the graphs over both.
        pool_ratios: Share of nodes kept by the pooling of the spectral graph, the temporal one and those of branches.
        temperatures: What attention scores are divided by in the spectral graph, the temporal one and those of
            branches.
        dropout: Before the head.
        graph_dropout: On the nodes that go into a graph attention.
        pool_dropout: On the nodes as a pooling scores them.
        branch_dropout: On the answers of the branches before the larger is taken.
        **kwargs: Of :class:`DetectorConfig` and of ``PretrainedConfig``.

    Raises:
        ValueError: A list has another length, the taps are even, a ratio is not a share, or the clip is too short for
            the blocks.

    Source: Jung et al. 2022 (arXiv:2110.01200); widths, ratios and temperatures as in its published settings.
    """

    model_type = "deepfake_hf_aasist"

    def __init__(
        self,
        num_samples: int = 64_600,
        sampling_rate: int = 16_000,
        num_filters: int = 70,
        filter_taps: int = 129,
        widths: list[int] | None = None,
        preactivation: bool = True,
        graph_widths: list[int] | None = None,
        pool_ratios: list[float] | None = None,
        temperatures: list[float] | None = None,
        dropout: float = 0.5,
        graph_dropout: float = 0.2,
        pool_dropout: float = 0.3,
        branch_dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_samples = num_samples
        self.sampling_rate = sampling_rate
        self.num_filters = num_filters
        self.filter_taps = filter_taps
        self.widths = [32, 32, 64, 64, 64, 64] if widths is None else list(widths)
        self.preactivation = preactivation
        self.graph_widths = [64, 32] if graph_widths is None else list(graph_widths)
        self.pool_ratios = [0.5, 0.7, 0.5] if pool_ratios is None else list(pool_ratios)
        self.temperatures = [2.0, 2.0, 100.0] if temperatures is None else list(temperatures)
        if (len(self.graph_widths), len(self.pool_ratios), len(self.temperatures)) != (2, 3, 3):
            raise ValueError("give two graph_widths, three pool_ratios and three temperatures, as the arguments say")
        if any(not 0 < ratio <= 1 for ratio in self.pool_ratios) or any(value <= 0 for value in self.temperatures):
            raise ValueError(
                f"pool_ratios {self.pool_ratios} must be shares above zero, temperatures {self.temperatures} above zero"
            )
        if filter_taps % 2 == 0 or num_filters < 3:
            raise ValueError(f"{num_filters} filters of {filter_taps} taps: give three or more, of an odd length")
        moments = (num_samples - filter_taps + 1) // 3
        if not self.widths or moments // 3 ** len(self.widths) < 1:
            raise ValueError(
                f"{len(self.widths)} blocks leave no moment of {num_samples} samples. Give at least one block, and "
                "three times the samples for each."
            )
        self.dropout = dropout
        self.graph_dropout = graph_dropout
        self.pool_dropout = pool_dropout
        self.branch_dropout = branch_dropout
