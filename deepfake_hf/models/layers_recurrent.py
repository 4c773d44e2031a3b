"""LSTM and GRU over frame features of clips of different length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

# Where ONNX wants torch's gates: input, output, forget, cell and update, reset, hidden.
_ONNX_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}


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
        if torch.compiler.is_exporting():
            return self._onnx_cells(features, mask)
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

    def _onnx_cells(self, features: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`, in ONNX's own operators: they take lengths, which torch's export of packed clips loses.

        Source: LSTM and GRU of opset 14, https://onnx.ai/onnx/operators.
        """
        batch, length = features.shape[:2]
        cells, size = self.cells, self.cells.hidden_size
        kind = "LSTM" if isinstance(cells, nn.LSTM) else "GRU"
        directions = ["", "_reverse"] if cells.bidirectional else [""]
        lengths = features.new_full((batch,), length, dtype=torch.int32) if mask is None else mask.sum(1).int()
        way_of_reading = "bidirectional" if cells.bidirectional else "forward"
        attributes: dict[str, Any] = {"hidden_size": size, "direction": way_of_reading}
        if kind == "GRU":
            attributes["linear_before_reset"] = 1

        def gates(name: str, layer: int) -> Tensor:
            """One parameter of all directions, (directions, gates * size, …)."""
            found = [getattr(cells, f"{name}_l{layer}{way}").unflatten(0, (-1, size)) for way in directions]
            return torch.stack([torch.cat([way[gate] for gate in _ONNX_GATES[kind]]) for way in found])

        states = features.transpose(0, 1)  # (T, B, F)
        for layer in range(cells.num_layers):
            biases = torch.cat((gates("bias_ih", layer), gates("bias_hh", layer)), dim=1)
            weights = gates("weight_ih", layer), gates("weight_hh", layer)
            made, last = torch.onnx.ops.symbolic_multi_out(
                kind,
                (states, *weights, biases, lengths),
                attributes,
                dtypes=(features.dtype, features.dtype),
                shapes=((length, len(directions), batch, size), (len(directions), batch, size)),
                version=14,
            )
            states = made.transpose(1, 2).flatten(2)  # (T, B, D)
        return states.transpose(0, 1), last.transpose(0, 1).flatten(1)
