"""LSTM and GRU over frame features of clips of different length."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class TemporalRecurrence(nn.Module):
    """An LSTM or GRU that ends at each clip's last real frame, and, backwards, starts there.

    Source: Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014 (arXiv:1406.1078); both directions
    as Schuster & Paliwal 1997.

    Args:
        cell: ``lstm`` or ``gru``.
        num_features: Width of what comes in.
        hidden_size: Units of a direction.
        num_layers: Layers on top of each other.
        bidirectional: Read the clip backwards too; what goes out is twice as wide.
        dropout: Between layers.
    """

    def __init__(
        self,
        cell: str,
        num_features: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.out_features = hidden_size * (2 if bidirectional else 1)
        cells: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
        self.cells = cells[cell](
            num_features,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,  # torch has dropout only between layers
            bidirectional=bidirectional,
        )

    def forward(self, features: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Read clips.

        Args:
            features: (B, T, F).
            mask: bool (B, T), True for real frames, at least one in every row and all before the padding; None where
                nothing is padding.

        Returns:
            The state at every frame (B, T, D), zero where padded, and the state at the end (B, D): forwards that of the
            last real frame, backwards that of the first.
        """
        if mask is None:
            states, last = self.cells(features)
        else:
            lengths = mask.sum(1).cpu()  # torch packs by lengths on the CPU only
            packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
            states, last = self.cells(packed)
            states, _ = pad_packed_sequence(states, batch_first=True, total_length=features.shape[1])
        last = last[0] if isinstance(last, tuple) else last  # of an LSTM: (hidden, cell)
        directions = 2 if self.cells.bidirectional else 1
        return states, last[-directions:].transpose(0, 1).flatten(1)
