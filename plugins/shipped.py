"""Begin with a portfolio that comes with the program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from lstmopt import Beginning, PastStudy, PastTrial, Space, Strategy, hookimpl
from lstmopt.search_space import NETWORK, Params
from lstmopt.warm_start.advisers import SourceStudy, WeightedAdviser


class Shipped:
    """Tries candidates that did well on several series, each moved into the study's space.

    They were chosen from recorded studies as ``portfolio`` does; ``shipped.json`` beside this file
    names the tables (``lstmopt bench portfolio`` writes it). The sampler is shown how candidates
    ranked on average, as long as that agrees with what is found.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return what is shipped, moved into the space, and its ranks as observations."""
        content = json.loads((files("lstmopt_plugins") / "shipped.json").read_text("utf-8"))
        candidates = _moved(space, content["candidates"])
        if not candidates:
            return Beginning(space)
        ranked = [
            PastTrial(n, moved, (entry["rank"],))
            for n, entry in enumerate(content["observations"])
            if (moved := _in_space(space, entry["params"]))
        ]
        average = PastStudy("the average study", tuple(ranked), similarity=1.0)
        adviser = WeightedAdviser([SourceStudy(space, average)])
        return Beginning(
            space,
            tuple(candidates[: self.size]),
            observations=adviser.observations,
            adviser=adviser,
        )


def _moved(space: Space, candidates: Sequence[Params]) -> list[Params]:
    """Return candidates moved into the space, each place once."""
    found: list[Params] = []
    for params in candidates:
        moved = _in_space(space, params)
        if moved and moved not in found:
            found.append(moved)
    return found


def _in_space(space: Space, params: Params) -> Params:
    """Return the nearest candidate of a space, nothing where its family is not there."""
    moved = space.nearest(params)
    return {} if NETWORK in space.parameters and NETWORK not in moved else moved


def make(*, size: int = 8) -> Shipped:
    """Make a warm start that needs no earlier study.

    Args:
        size: Candidates tried before the sampler proposes its own, at most as many as are shipped.

    Returns:
        The warm start.

    Raises:
        ValueError: For a size below 1.

    References:
        Feurer et al., Auto-sklearn 2.0: hands-free AutoML via meta-learning, JMLR 23, 2022,
        https://arxiv.org/abs/2007.04074
    """
    if size < 1:
        raise ValueError(f"size is at least 1, found {size}")
    return Shipped(size)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``shipped``."""
    return [
        Strategy(
            "shipped",
            make,
            "tries a few candidates that did well on several series",
            "Feurer et al., Auto-sklearn 2.0: hands-free AutoML via meta-learning, JMLR 23, 2022",
        )
    ]
