"""Candidates of series with other seasons: rows count by their rank among a space's own choices."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lstmopt.search_space.parameters import Params, Value
from lstmopt.search_space.space import Space


def as_ranks(space: Space, params: Mapping[str, Value], names: Collection[str]) -> Params:
    """Return a candidate with ranks in place of rows.

    Args:
        space: The candidate's.
        params: The candidate.
        names: The hyperparameters that count rows.

    Returns:
        The candidate; 0 is the least that the space has.
    """
    return {
        name: _choices(space, name).index(value) if name in names else value
        for name, value in params.items()
    }


def from_ranks(
    space: Space, params: Mapping[str, Value], ranks: Mapping[str, int]
) -> Params | None:
    """Move a candidate with ranks into a space.

    A rank becomes the choice that lies nearest to where it lies among its own; what else the
    candidate says is moved by `Space.nearest`, and what it leaves open and has one value has that.

    Args:
        space: Where to.
        params: The candidate.
        ranks: How many ranks there are, by hyperparameter.

    Returns:
        The candidate; None where the space leaves out or adds anything that varies.
    """
    rows: Params = {}
    for name in ranks.keys() & params.keys() & space.parameters.keys():
        choices, last = _choices(space, name), ranks[name] - 1
        if last or len(choices) == 1:
            share = float(params[name]) / last if last else 0.0
            rows[name] = choices[round(share * (len(choices) - 1))]
    others = {name: value for name, value in params.items() if name not in ranks}
    moved = space.nearest({**others, **rows})
    for name in space.order:
        values = space.parameters[name].grid() or ()
        if name not in moved and len(values) == 1 and space.applies(name, moved):
            moved[name] = values[0]
    found = {name: moved[name] for name in space.names(moved) if name in moved}
    return found if params.keys() <= found.keys() and not space.rejects(found) else None


def _choices(space: Space, name: str) -> list[Value]:
    return sorted(space.parameters[name].grid() or ())
