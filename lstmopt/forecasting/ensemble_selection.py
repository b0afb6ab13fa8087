"""Means of forecasts, chosen greedily on validation; loads no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_MEMBERS = 8
"""Members of a mean, each counted as often as it is in it."""

MOST_ERROR = 1.5
"""A member's own error is at most so many times the lowest in the pool."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Selected:
    """A mean of forecasts.

    Attributes:
        counts: How often each is in it, by its place in the pool, ascending.
        mse: Its mean squared error on validation.
    """

    counts: tuple[tuple[int, int], ...]
    mse: float

    @property
    def members(self) -> int:
        """How many there are, each counted as often as it is in it."""
        return sum(count for _, count in self.counts)


def error_products(
    forecasts: Sequence[NDArray[np.float32]],
    targets: NDArray[np.float32],
    mask: NDArray[np.bool_],
) -> Floats:
    """Return the mean product of the errors of each two forecasts of a pool.

    A mean with weights w has the mean squared error w·P·w of this matrix P.

    Args:
        forecasts: Of each member of the pool [windows, horizon].
        targets: What they should have been [windows, horizon].
        mask: Where that was observed [windows, horizon].

    Returns:
        Mean products [pool, pool].
    """
    truth = targets[mask].astype(np.float64)
    errors = np.stack([each[mask].astype(np.float64) - truth for each in forecasts])
    products: Floats = errors @ errors.T / len(truth)
    return products


def mean_mse(products: Floats, places: Sequence[int]) -> float:
    """Return the mean squared error of the mean of some members of a pool.

    Args:
        products: What `error_products` returned [pool, pool].
        places: Which, each as often as it counts.

    Returns:
        The error.
    """
    return float(products[np.ix_(places, places)].mean())


def greedy_path(products: Floats, most: int = MOST_MEMBERS) -> list[Selected]:
    """Add to a mean, again and again, the member with which its error is lowest.

    A member may be added several times, which gives it more weight. The first one wins a tie. What
    is far worse than the best alone (`MOST_ERROR`) is not added: on few windows it may seem to mend
    the others' errors by chance.

    Args:
        products: What `error_products` returned [pool, pool].
        most: How many are added.

    Returns:
        The best single member, and each longer mean of the path that is better than all before it.

    References:
        Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble selection from libraries of models,
        ICML 2004, https://doi.org/10.1145/1015330.1015432; Caruana, Munson and Niculescu-Mizil,
        Getting the most out of ensemble selection, ICDM 2006,
        https://doi.org/10.1109/ICDM.2006.76 (pruning)
    """
    single = products.diagonal()
    worse = single > MOST_ERROR * single.min(initial=np.inf)
    added: list[int] = []
    to_added, square = np.zeros(len(products)), 0.0  # sums of products with what was added
    path: list[Selected] = []
    for size in range(1, min(most, MOST_MEMBERS) + 1 if len(products) else 0):
        found = np.where(worse, np.inf, (square + 2 * to_added + single) / size**2)
        place = int(found.argmin())
        square += 2 * to_added[place] + single[place]
        to_added = to_added + products[place]
        added.append(place)
        if not path or found[place] < path[-1].mse:
            counts = tuple(sorted(Counter(added).items()))
            path.append(Selected(counts, float(found[place])))
    return path
