"""What training shows of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch gave, or a share of one: losses in the scaled target's units, time in seconds.

    ``number`` counts them from 1.
    """

    number: int
    train_loss: float
    val_loss: float
    val_mae: float
    val_r2: float
    seconds: float
