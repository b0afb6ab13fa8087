"""Begin with the fronts of earlier studies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from lstmopt import Beginning, PastStudy, Space, Strategy, hookimpl
from lstmopt.search_space import Params


class Best:
    """Tries members of each earlier front, the most accurate first, then spread along the front.

    Studies take turns, so that each one's best comes before another's second best.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the first ``most`` members of the fronts, each candidate once."""
        turns = zip_longest(*(study.front for study in past))
        candidates: list[Params] = []
        for trial in (trial for turn in turns for trial in turn if trial):
            if trial.params not in candidates:
                candidates.append(trial.params)
        return Beginning(space, tuple(candidates[: self.most]))


def make(*, most: int = 12) -> Best:
    """Make a warm start that tries earlier fronts.

    Args:
        most: Candidates tried before the sampler proposes its own, over all earlier studies.

    Returns:
        The warm start.

    Raises:
        ValueError: For ``most`` below 1.

    References:
        Zappella, Salinas and Archambeau, A resource-efficient method for repeated HPO and NAS
        problems, https://arxiv.org/abs/2103.16111
    """
    if most < 1:
        raise ValueError(f"most is at least 1, found {most}")
    return Best(most)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``best``."""
    return [
        Strategy(
            "best",
            make,
            "tries the fronts of earlier studies first, spread along each",
            "RUSH: Zappella, Salinas and Archambeau, A resource-efficient method for repeated HPO "
            "and NAS problems, arXiv:2103.16111",
        )
    ]
