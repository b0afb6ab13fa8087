"""How far a network's forecasts may be off, by the network itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmopt.data.least_squares import spread
from lstmopt.data.windows import Part
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.head_posterior import HeadPosterior, fit_posterior
from lstmopt.networks.spread_head import SpreadHead, fit_spread
from lstmopt.training.batches import SCORED, DevicePart
from lstmopt.training.scores import predict

Floats = NDArray[np.float64]

PASSES = 30
"""Forecasts with dropout of which a deviation is taken."""
_MOST_WINDOWS = 20_000
"""Training windows that a posterior is taken from, evenly spread."""


def posterior_of(model: ForecastNetwork, train: Part) -> HeadPosterior | None:
    """Return the posterior of a network's head after training windows; None without a head.

    Args:
        model: The network, its other weights as they are.
        train: What it was trained on; windows with a target that was not observed are left out.

    Returns:
        The posterior.
    """
    found = _seen_and_wanted(model, train)
    return None if found is None else fit_posterior(*found)


def spread_of(model: ForecastNetwork, train: Part) -> SpreadHead | None:
    """Return a head that says how far off a network's forecasts are on training windows.

    Args:
        model: The network.
        train: What it was trained on; windows with a target that was not observed are left out.

    Returns:
        The head; None for a network without one.
    """
    found = _seen_and_wanted(model, train)
    if found is None or model.head is None:
        return None
    seen, wanted = found
    weight, bias = (p.detach().double().numpy() for p in (model.head.weight, model.head.bias))
    return fit_spread(seen, wanted - (seen @ weight.T + bias))


def _seen_and_wanted(model: ForecastNetwork, train: Part) -> tuple[Floats, Floats] | None:
    """Return what the head sees on training windows, and what it should give there.

    [windows, features] and [windows, horizon]; None without a head.
    """
    origins = train.origins()
    _, mask = train.gather_targets(origins)
    origins = spread(origins[mask.all(axis=1)], _MOST_WINDOWS)
    views = _views(model, train, origins)
    if views is None:
        return None
    seen, unit, base = views
    targets, _ = train.gather_targets(origins)
    return seen, (targets - base) / unit


def head_deviations(
    model: ForecastNetwork, known: HeadPosterior | SpreadHead, part: Part
) -> Floats:
    """Return how far off forecasts may be, by what is known of the head.

    Args:
        model: The network.
        known: The posterior of its head, or a head that gives the spread.
        part: Where it forecasts.

    Returns:
        Standard deviations, or spreads, of the scaled target [windows, horizon].
    """
    views = _views(model, part, part.origins())
    assert views is not None  # it has a head
    seen, unit, _ = views
    found = known.spread(seen)
    return found * np.abs(unit)


def _views(
    model: ForecastNetwork, part: Part, origins: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats] | None:
    """Return what the head sees, the unit of what it gives, and what that is added to.

    [windows, features], [windows or 1, 1] and [windows, horizon or 1]; None without a head.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    held, model = DevicePart(part, "cpu"), model.eval()
    with torch.inference_mode():
        for batch in held.batches(torch.from_numpy(origins), SCORED, window=model.window):
            view = model.head_view(batch.inputs.transpose(0, 1))
            if view is None:
                return None
            seen, unit, base = view
            found.append((seen, unit.expand(len(seen), 1), base))
    if not found:
        return None
    columns = zip(*found, strict=True)
    states, units, bases = (torch.cat(each).double().numpy() for each in columns)
    return states, units, bases


def dropout_deviations(model: ForecastNetwork, part: Part, seed: int) -> Floats:
    """Return the deviations of forecasts between which other units are dropped.

    Args:
        model: The network.
        part: Where it forecasts.
        seed: Of what is dropped.

    Returns:
        Standard deviations of the scaled target [windows, horizon]; 0 without dropout.

    References:
        Gal and Ghahramani, Dropout as a Bayesian approximation, ICML 2016,
        https://arxiv.org/abs/1506.02142
    """
    held, origins = DevicePart(part, "cpu"), torch.from_numpy(part.origins())
    keeps_dropping: Callable[[], object] = model.train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # scoring sets eval mode, and before each batch it is undone
        each = [predict(model, held, origins, keeps_dropping).numpy() for _ in range(PASSES)]
    model.eval()
    deviations: Floats = np.stack(each).astype(np.float64).std(axis=0)
    return deviations
