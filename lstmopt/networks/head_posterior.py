"""How sure a linear head is of its weights: Bayesian linear regression on what it sees."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]

_MOST_STEPS, _STILL = 200, 1e-6
_LEAST_NOISE = 1e-12
"""Of the variance of what is forecast: what is met exactly has no noise to be estimated."""


@dataclass(frozen=True)
class HeadPosterior:
    """The posterior of the weights of a linear map with a constant, for each lead by itself.

    The prior of every weight is normal with mean 0; the noise is normal and the same everywhere.

    Attributes:
        basis: Eigenvectors of the sum of products of what is seen, a column each
            [features + 1, features + 1].
        eigenvalues: Those of each [features + 1].
        prior: The precision of the prior, by lead [horizon].
        noise: The variance of the noise, by lead [horizon].

    References:
        MacKay, Bayesian interpolation, Neural Computation 4, 1992,
        https://doi.org/10.1162/neco.1992.4.3.415; Bishop, Pattern Recognition and Machine Learning,
        Springer 2006, 3.3 and 3.5; Snoek et al., Scalable Bayesian optimization using deep neural
        networks, ICML 2015, https://arxiv.org/abs/1502.05700 (the last layer of a network)
    """

    basis: Floats
    eigenvalues: Floats
    prior: Floats
    noise: Floats

    def arrays(self) -> dict[str, Floats]:
        """Return it as arrays, which `HeadPosterior` takes by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def spread(self, seen: Floats) -> Floats:
        """Return the standard deviation of what will be observed [windows, horizon]."""
        return np.sqrt(self.variance(seen))

    def variance(self, seen: Floats) -> Floats:
        """Return the variance of what will be observed.

        Args:
            seen: What the map sees [windows, features].

        Returns:
            That of the noise and of the map together [windows, horizon].
        """
        turned = _with_constant(seen) @ self.basis
        precision = self.prior + self.eigenvalues[:, None] / self.noise
        variance: Floats = self.noise + turned**2 @ (1 / precision)
        return variance


def fit_posterior(seen: Floats, wanted: Floats) -> HeadPosterior:
    """Return the posterior after training windows; prior and noise are those of most evidence.

    Args:
        seen: What the map sees [windows, features].
        wanted: What it should give [windows, horizon].

    Returns:
        The posterior.
    """
    with threadpool_limits(1):  # or the numbers would depend on the machine's cores
        rows = _with_constant(seen)
        eigenvalues, basis = np.linalg.eigh(rows.T @ rows)
        eigenvalues = np.maximum(eigenvalues, 0.0)
        turned = basis.T @ (rows.T @ wanted)  # [features + 1, horizon]
        squares = (wanted**2).sum(axis=0)
        found = [
            _most_evidence(eigenvalues, *column, len(rows))
            for column in zip(turned.T, squares, strict=True)
        ]
    prior, noise = np.array(found).reshape(-1, 2).T
    return HeadPosterior(basis, eigenvalues, prior, noise)


def _with_constant(seen: Floats) -> Floats:
    return np.column_stack([seen, np.ones(len(seen))])


def _most_evidence(
    eigenvalues: Floats, turned: Floats, squares: float, count: int
) -> tuple[float, float]:
    """Return the prior's precision and the noise's variance at a fixed point of the evidence."""
    least = _LEAST_NOISE * squares / count + 1e-30
    prior, noise = 1.0, max(squares / count, least)
    for _ in range(_MOST_STEPS):
        weights = turned / noise / (prior + eigenvalues / noise)
        well_known = float((eigenvalues / noise / (prior + eigenvalues / noise)).sum())
        residual = squares - 2 * weights @ turned + eigenvalues @ weights**2
        size = float(weights @ weights)
        before = prior, noise
        prior = well_known / size if size > 0 else prior
        noise = max(float(residual) / max(count - well_known, 1.0), least)
        if abs(prior - before[0]) <= _STILL * prior and abs(noise - before[1]) <= _STILL * noise:
            break
    return prior, noise
