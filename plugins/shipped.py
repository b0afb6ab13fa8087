"""Begin with a portfolio that comes with the program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.resources import files

from lstmopt import Beginning, PastStudy, PastTrial, Space, Strategy, hookimpl
from lstmopt.search_space import NETWORK, Params
from lstmopt.search_space.ranks import from_ranks
from lstmopt.warm_start.advisers import SourceStudy, WeightedAdviser


class Shipped:
    """Tries candidates that did well on several series, each moved into the study's space.

    They were chosen from recorded studies as ``portfolio`` does; ``shipped.json`` beside this file
    names the tables (``lstmopt bench portfolio`` writes it). The sampler is shown how candidates
    ranked on average, as long as that agrees with what is found.

    A space with families of networks has candidates of its own, in ``shipped_networks.json``, whose
    rows are relative to the series' seasons. On a series from which they were chosen those of the
    others are tried, so that what is measured there holds elsewhere.
    """

    def __init__(self, size: int, target_fingerprint: str) -> None:
        self.size, self.target_fingerprint = size, target_fingerprint

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return what is shipped, moved into the space, and its ranks as observations."""
        if NETWORK in space.parameters:
            return Beginning(space, tuple(self._of_networks(space)[: self.size]))
        content = json.loads((files("lstmopt_plugins") / "shipped.json").read_text("utf-8"))
        candidates = _once(space.nearest(params) for params in content["candidates"])
        if not candidates:
            return Beginning(space)
        ranked = [
            PastTrial(n, moved, (entry["rank"],))
            for n, entry in enumerate(content["observations"])
            if (moved := space.nearest(entry["params"]))
        ]
        average = PastStudy("the average study", tuple(ranked), similarity=1.0)
        adviser = WeightedAdviser([SourceStudy(space, average)])
        return Beginning(
            space,
            tuple(candidates[: self.size]),
            observations=adviser.observations,
            adviser=adviser,
        )

    def _of_networks(self, space: Space) -> list[Params]:
        """Return what was chosen from other series, as far as the space is the default one."""
        path = files("lstmopt_plugins") / "shipped_networks.json"
        if not path.is_file():
            return []
        content = json.loads(path.read_text("utf-8"))
        candidates = content["candidates"]
        for table in content["tables"].values():
            if table["target"] == self.target_fingerprint:
                candidates = table["candidates_of_others"]
        return _once(from_ranks(space, params, content["ranks"]) for params in candidates)


def _once(candidates: Iterable[Params | None]) -> list[Params]:
    """Return candidates that are in a space, each place once."""
    found: list[Params] = []
    for moved in candidates:
        if moved and moved not in found:
            found.append(moved)
    return found


def make(*, size: int = 8, target_fingerprint: str = "") -> Shipped:
    """Make a warm start that needs no earlier study.

    Args:
        size: Candidates tried before the sampler proposes its own, at most as many as are shipped.
        target_fingerprint: That of the series that is forecast.

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
    return Shipped(size, target_fingerprint)


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
