"""What the weights of a saved model come from, and what they were updated with; loads no torch."""

from __future__ import annotations

import msgspec

UPDATE_EPOCHS = 10
"""The most passes over new rows, unless asked otherwise."""


class ModelUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A table with new rows, and what came of going on with them.

    Attributes:
        table: The name of its file; empty for a table from Python.
        data: Its fingerprint (see `data.series.Series`).
        rows: Rows after the last that the model knew.
        first: The time of the first of them.
        last: The time of the last of them.
        held_back: The newest of them, by which it was judged.
        epochs: Passes over the new rows that served best; 0 where none did.
        before: Squared error of the scaled target on the rows held back, of the weights as they
            were.
        after: The same after training on the rows before them.
        adopted: Whether the weights are new; otherwise they are what they were.
        seconds: What it took.
        at: When it ended, in this machine's time.
    """

    table: str
    data: str
    rows: int
    first: str
    last: str
    held_back: int
    epochs: int
    before: float
    after: float | None
    adopted: bool
    seconds: float
    at: str


class NetworkTraining(msgspec.Struct, frozen=True, kw_only=True):
    """How a network's weights can be trained again, or further.

    Attributes:
        params: The hyperparameters of their candidate.
        seed: The candidate's.
        reports: For how many reports they were trained.
    """

    params: dict[str, str | int | float | bool]
    seed: int
    reports: int


class ModelHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What a model has seen, and what became of it.

    Attributes:
        until: The time of the last row of the series that the model comes from, or of the last
            update: new rows come after it.
        updates: What was updated since, also in vain.
    """

    until: str
    updates: tuple[ModelUpdate, ...] = ()
