"""What training shows of itself."""

from __future__ import annotations

import msgspec


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """What a report says: what an epoch gave, or a share of one, or a fold and those before it.

    With several folds the losses are means over the folds so far, each at its best epoch, in the
    newest fold's units.

    Attributes:
        number: The epoch's, counted from 1; with several folds, epochs trained so far.
        train_loss: Mean squared error over the training part, in the scaled target's units.
        val_loss: Mean squared error over the validation part, likewise.
        val_mae: Mean absolute error over the validation part, likewise.
        val_r2: R² over the validation part.
        seconds: What it took, in seconds.
        values: What the study's objectives of the kind ``forecast`` measured, by name and in their
            own units; NaN for what one could not say.
    """

    number: int
    train_loss: float
    val_loss: float
    val_mae: float
    val_r2: float
    seconds: float
    values: dict[str, float] = {}
