"""Begin with a portfolio that comes with the program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from lstmopt import Strategy, hookimpl
from lstmopt.space import Params, Space
from lstmopt.warm_start import Beginning, PastStudy, PastTrial


class Shipped:
    """Tries candidates that did well on several series, each moved into the study's space.

    They were chosen from recorded studies as ``portfolio`` does; ``shipped.json`` beside this file
    names the tables (``lstmopt bench portfolio`` writes it). The sampler is shown how candidates
    ranked on average, as long as that agrees with what is found.
    """

    def __init__(self, size: int, most: int, fade: int) -> None:
        self.size, self.most, self.fade = size, most, fade

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        # it brings models that take a second to load: none is needed to list the plug-ins
        from lstmopt.advice import Source, Weighing

        content = json.loads((files("lstmopt_plugins") / "shipped.json").read_text())
        candidates = _moved(space, content["candidates"])
        if not candidates:
            return Beginning(space)
        ranked = [
            PastTrial(n, moved, (entry["rank"],))
            for n, entry in enumerate(content["observations"])
            if (moved := space.nearest(entry["params"]))
        ]
        average = PastStudy("the average study", tuple(ranked), similarity=1.0)
        adviser = Weighing([Source(space, average)], self.most, self.fade)
        return Beginning(
            space,
            tuple(candidates[: self.size]),
            observations=adviser.observations,
            adviser=adviser,
        )


def _moved(space: Space, candidates: Sequence[Params]) -> list[Params]:
    """Move candidates into the space, each place once."""
    found: list[Params] = []
    for params in candidates:
        moved = space.nearest(params)
        if moved and moved not in found:
            found.append(moved)
    return found


def make(*, size: int = 8, most: int = 40, fade: int = 10) -> Shipped:
    if size < 1 or most < 0 or fade < 1:
        raise ValueError(
            f"size and fade are at least 1 and most at least 0, found {size}, {fade} and {most}"
        )
    return Shipped(size, most, fade)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    return [
        Strategy(
            "shipped",
            make,
            "tries a few candidates that did well on several series",
            "Feurer et al., Auto-sklearn 2.0: hands-free AutoML via meta-learning, JMLR 23, 2022",
        )
    ]
