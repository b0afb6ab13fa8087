"""Least squares of every lead on what is seen of windows, for many ridge penalties at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part

_CHUNK = 4_096
"""Windows that are looked at in one go."""

_SMALLEST = 1e-10
"""Eigenvalues below this share of the largest are none: columns repeat each other."""

Floats = NDArray[np.float64]
Origins = NDArray[np.int64]

Gather = Callable[[Part, Origins], tuple[Floats, Floats | None]]
"""Gives what is seen of windows [windows, features], and what forecasts are the difference to
[windows, 1], None for forecasts of the target itself."""


def chunks(rows: Origins) -> Iterator[Origins]:
    """Yield rows, some thousands at once."""
    return (rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK))


def spread(origins: Origins, most: int) -> Origins:
    """Return ``most`` origins at most, evenly spread."""
    return origins[:: -(-max(len(origins), 1) // most)]


def fit_leads(
    train: Part,
    origins: Origins,
    gather: Gather,
    features: int,
    penalties: Sequence[float],
    basis: Floats | None = None,
) -> Floats | None:
    """Fit least squares with each of some ridge penalties; 0 is the plain one of least norm.

    On the windows with all of their targets, or where there are none, for each lead on those that
    have it.

    Args:
        train: The training part.
        origins: The windows that are looked at.
        gather: What is seen of them.
        features: How many numbers that is.
        penalties: Factors of the slopes' squared norm.
        basis: The matrix [features, features] whose product with the penalised slopes are the
            slopes; None for the identity.

    Returns:
        Slopes and, as the last row, constants [penalties, features + 1, horizon]; None where a lead
        has no target at all.

    References:
        Hoerl and Kennard, Ridge regression, Technometrics 12, 1970,
        https://doi.org/10.1080/00401706.1970.10488634
    """
    _, mask = train.gather_targets(origins)
    whole = mask.all(axis=1)
    horizon = train.shape.horizon
    groups = [(np.flatnonzero(whole), list(range(horizon)))]
    if not whole.any():
        groups = [(np.flatnonzero(mask[:, lead]), [lead]) for lead in range(horizon)]
    if any(not len(rows) for rows, _ in groups):
        return None
    weights = np.empty((len(penalties), features + 1, horizon))
    for rows, leads in groups:
        found = _solve(train, origins[rows], gather, features, leads, penalties, basis)
        weights[:, :, leads] = found
    return weights


def _solve(
    train: Part,
    origins: Origins,
    gather: Gather,
    features: int,
    leads: list[int],
    penalties: Sequence[float],
    basis: Floats | None,
) -> Floats:
    """Return weights [penalties, features + 1, leads]: one eigendecomposition serves them all."""
    square, cross = np.zeros((features, features)), np.zeros((features, len(leads)))
    sums, target_sums = np.zeros(features), np.zeros(len(leads))
    for some in chunks(origins):
        seen, base = gather(train, some)
        targets = train.gather_targets(some)[0][:, leads].astype(np.float64)
        if base is not None:
            targets -= base
        square += seen.T @ seen
        cross += seen.T @ targets
        sums += seen.sum(axis=0)
        target_sums += targets.sum(axis=0)
    mean, target_mean = sums / len(origins), target_sums / len(origins)
    square -= np.outer(mean, sums)
    cross -= np.outer(mean, target_sums)
    if basis is not None:
        square, cross = basis.T @ square @ basis, basis.T @ cross
    values, vectors = np.linalg.eigh(square)
    kept = values > _SMALLEST * values.max(initial=0.0)
    projected = vectors[:, kept].T @ cross
    solved = []
    for penalty in penalties:
        slopes = vectors[:, kept] @ (projected / (values[kept] + penalty)[:, None])
        if basis is not None:
            slopes = basis @ slopes
        solved.append(np.vstack([slopes, target_mean - mean @ slopes]))
    return np.stack(solved)
