"""What a network begins with: constants, and the linear part's weights in closed form."""

from __future__ import annotations

import numpy as np
import torch

from lstmopt.data.least_squares import Floats, spread
from lstmopt.data.windows import Part
from lstmopt.networks.linear_part import LinearPart
from lstmopt.networks.linear_start import LinearView, gather_target, solve_linear
from lstmopt.networks.normalisation import Normalisation

Solved = dict[LinearView, Floats]
"""Slopes and constants [features + 1, horizon] that were found on the same parts."""

_MOST_WINDOWS = 4_096
"""Training windows from which constants are taken, evenly spread."""


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


def set_constants(
    normalisation: Normalisation,
    train: Part,
    window: int,
    linear: tuple[LinearView, Floats] | None,
) -> None:
    """Set constants from training windows and from what the head has to add there.

    It adds to the linear forecast, or without one to the window's level.
    """
    origins = spread(train.origins(), _MOST_WINDOWS)
    target = torch.from_numpy(gather_target(train, origins, window))
    values, mask = train.gather_targets(origins)
    wanted = torch.from_numpy(np.where(mask, values, np.nan).astype(np.float64))
    with torch.no_grad():
        if linear is None:
            base = normalisation(target)[1]
        else:
            view, weights = linear
            seen, last = view.gather(train, origins)
            found = seen @ weights[:-1] + weights[-1]
            base = torch.from_numpy(found if last is None else found + last)
        normalisation.fit(target, wanted - base)
