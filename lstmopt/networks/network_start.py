"""What a network begins with: constants, and the linear part's weights in closed form."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lstmopt.data.least_squares import Floats, spread
from lstmopt.data.windows import Part
from lstmopt.networks.linear_part import LinearPart
from lstmopt.networks.linear_start import LinearView, gather_target, solve_linear
from lstmopt.networks.normalisation import Normalisation
from lstmopt.networks.quantile_head import QuantileHead

Solved = dict[LinearView, Floats]
"""Slopes and constants [features + 1, horizon] that were found on the same parts."""

_MOST_WINDOWS = 4_096
"""Training windows from which a network takes what it begins with, evenly spread."""


def set_linear(
    skip: LinearPart, view: LinearView, parts: tuple[Part, Part], solved: Solved
) -> None:
    """Set a linear part's weights to their solution on training and validation ``parts``.

    It is taken from ``solved`` or added there.
    """
    if view not in solved:
        solved[view] = solve_linear(*parts, view)
    weights = torch.from_numpy(solved[view])
    with torch.no_grad():
        skip.weight.copy_(weights[:-1].T)
        skip.bias.copy_(weights[-1])


def what_is_left(
    train: Part,
    window: int,
    normalisation: Normalisation | None,
    linear: tuple[LinearView, Floats] | None,
) -> tuple[Tensor, Tensor]:
    """Return training windows, and what has to be added there to what a forecast begins at.

    That is the linear forecast, or without one the window's level, or 0.

    Args:
        train: The training part.
        window: Rows of a window.
        normalisation: That of the network, if it has one.
        linear: The solved linear part, if there is one.

    Returns:
        The target's windows [windows, window], and what is left [windows, horizon], NaN where no
        target was observed.
    """
    origins = spread(train.origins(), _MOST_WINDOWS)
    target = torch.from_numpy(gather_target(train, origins, window))
    values, mask = train.gather_targets(origins)
    wanted = torch.from_numpy(np.where(mask, values, np.nan).astype(np.float64))
    with torch.no_grad():
        if linear is not None:
            view, weights = linear
            seen, last = view.gather(train, origins)
            found = seen @ weights[:-1] + weights[-1]
            return target, wanted - torch.from_numpy(found if last is None else found + last)
        if normalisation is not None:
            return target, wanted - normalisation(target)[1]
    return target, wanted


def set_quantiles(
    head: QuantileHead, normalisation: Normalisation | None, target: Tensor, left: Tensor
) -> None:
    """Let quantiles begin at those of what is left (see `what_is_left`), a lead by itself."""
    if normalisation is not None:
        with torch.no_grad():
            left = left / normalisation(target)[2]
    head.begin(left.numpy())
