"""The encoder ``segment``: the window cut into segments, each read as one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from lstmopt.networks.recurrent import RecurrentStack, layer_sizes
from lstmopt.search_space import Value


class SegmentEncoder(nn.Module):
    """Projects segments of the window and reads them with recurrent layers.

    A week of hours in days is 7 steps instead of 168. Rows before the first whole segment are not
    seen; a window shorter than a segment is one.

    Attributes:
        size: Units of a state.
        per_row: False, as a state is given for each segment.
        segment: Rows of a segment.
        segments: How many there are.

    References:
        Lin et al., SegRNN: Segment recurrent neural network for long-term time series forecasting,
        2023, https://arxiv.org/abs/2308.11200
    """

    per_row = False

    def __init__(
        self,
        features: int,
        window: int,
        segment: int,
        cell: str,
        sizes: Sequence[int],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.segment = min(segment, window)
        self.segments = window // self.segment
        self.projection = nn.Linear(self.segment * features, sizes[0])
        self.rnn = RecurrentStack(cell, sizes[0], sizes, dropout)
        self.size = self.rnn.size

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs [batch, steps, features] to states [batch, segments, size]."""
        rows = x[:, -self.segments * self.segment :]
        cut = rows.reshape(len(x), self.segments, -1)
        states: Tensor = self.rnn(nn.functional.relu(self.projection(cut)))
        return states


def make_segment(params: Mapping[str, Value], features: int, window: int) -> SegmentEncoder:
    """Make the encoder of a candidate.

    Args:
        params: ``segment``, ``cell`` (lstm or gru), ``hidden_size``, ``num_layers``,
            ``hidden_size_2`` to ``hidden_size_4``, ``dropout``.
        features: Columns of a row.
        window: Rows.

    Returns:
        The encoder.

    Raises:
        LstmoptError: For a cell that there is not.
    """
    return SegmentEncoder(
        features,
        window,
        int(params["segment"]),
        str(params["cell"]),
        layer_sizes(params),
        float(params["dropout"]),
    )
