"""Families of networks that are solved and not trained: each of their candidates is tried once.

A sampler would propose them again and again, as they cost nothing and are good for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

import numpy as np
from optuna.trial import FrozenTrial

from lstmopt.search_space import NETWORK, Choice, Params, Space, Value
from lstmopt.seeds import derive_seed

_MOST = 64
"""Candidates of solved families, beyond which a sampler chooses among them too."""
_STREAM = 7
"""Sets the seeds of these choices apart from others."""


class SolvedFamilies:
    """Says what is tried before a sampler proposes, and which families are left to it.

    Args:
        space: Where candidates are drawn from.
        solved: The families that are not trained.
        seed: The study's.
        known: The hyperparameters of trials that the study has.
    """

    def __init__(
        self,
        space: Space,
        solved: Collection[str],
        seed: int,
        known: Iterable[Mapping[str, Value]],
    ) -> None:
        self._seed = seed
        self._untried = untried_solved(space, solved, known)
        self._trained: Sequence[Value] = ()
        network = space.parameters.get(NETWORK)
        if isinstance(network, Choice) and _candidates(space, _solved(network, solved)):
            self._trained = [name for name in network.values if name not in solved]

    def next(self, number: int) -> Params | None:
        """Return what the next trial is to be, as far as the sampler is not free.

        Args:
            number: The trial's.

        Returns:
            A candidate of a solved family, or the family alone; None where the sampler is free.
        """
        if self._untried:
            return self._untried.pop(0)
        if not self._trained:
            return None
        rng = np.random.default_rng(derive_seed(self._seed, number, _STREAM))
        return {NETWORK: self._trained[int(rng.integers(len(self._trained)))]}


def untried_solved(
    space: Space, solved: Collection[str], known: Iterable[Mapping[str, Value]]
) -> list[Params]:
    """List the candidates of solved families that a study has not tried.

    Args:
        space: Where candidates are drawn from.
        solved: The families that are not trained.
        known: The hyperparameters of trials that the study has.

    Returns:
        The candidates; none where there are too many, or no other families.
    """
    network = space.parameters.get(NETWORK)
    if not isinstance(network, Choice):
        return []
    names = _solved(network, solved)
    if len(names) == len(network.values):
        return []
    tried = [dict(params) for params in known]
    return [params for params in _candidates(space, names) or [] if params not in tried]


def asked_params(trial: FrozenTrial) -> dict[str, Value]:
    """Return a trial's hyperparameters, of one that still waits those that it was given."""
    return dict(trial.params or trial.system_attrs.get("fixed_params", {}))


def _solved(network: Choice, solved: Collection[str]) -> list[Value]:
    return [name for name in network.values if name in solved]


def _candidates(space: Space, families: Sequence[Value]) -> list[Params] | None:
    """List the candidates of some families; None where they are too many."""
    if not families:
        return []
    only = Space(
        {**space.parameters, NETWORK: Choice(tuple(families))},
        space.conditions,
        space.defaults,
        space.training,
    )
    found = list(islice(only.grid(), _MOST + 1))
    continuous = any(
        only.parameters[name].grid() is None
        for family in families
        for name in only.names({NETWORK: family})
    )
    return None if continuous or len(found) > _MOST else found
