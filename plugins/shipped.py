"""Begin with a portfolio that comes with the program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from lstmopt import Strategy, hookimpl
from lstmopt.space import Params, Space
from lstmopt.warm_start import Beginning, PastStudy


class Shipped:
    """Tries candidates that did well on several series, each moved into the study's space.

    They were chosen from recorded studies by ``portfolio``; ``shipped.json`` beside this file names
    the series and the command.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        content = json.loads((files("lstmopt_plugins") / "shipped.json").read_text())
        candidates: list[Params] = []
        for params in content["candidates"]:
            moved = space.nearest(params)
            if moved and moved not in candidates:
                candidates.append(moved)
        return Beginning(space, tuple(candidates[: self.most]))


def make(*, most: int = 12) -> Shipped:
    return Shipped(most)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    return [
        Strategy(
            "shipped",
            make,
            "tries a dozen candidates that did well on several series",
            "Feurer et al., Auto-sklearn 2.0: hands-free AutoML via meta-learning, JMLR 23, 2022",
        )
    ]
