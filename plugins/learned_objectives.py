"""Objectives that training shows epoch by epoch, over the whole validation part."""

from __future__ import annotations

from lstmopt import Objective, hookimpl


@hookimpl
def lstmopt_objectives() -> list[Objective]:
    """Return ``val_loss``, ``val_mae`` and ``val_r2``."""
    return [
        Objective(
            "val_loss",
            "minimize",
            "learned",
            lambda epoch: float(epoch.val_loss),
            "mean squared error of the scaled target",
        ),
        Objective(
            "val_mae",
            "minimize",
            "learned",
            lambda epoch: float(epoch.val_mae),
            "mean absolute error of the scaled target",
        ),
        Objective(
            "val_r2",
            "maximize",
            "learned",
            lambda epoch: float(epoch.val_r2),
            "share of the variance explained",
        ),
    ]
