"""Begin with a few candidates that together cover the fronts of earlier studies."""

from __future__ import annotations

from collections.abc import Sequence

from lstmopt import Beginning, PastStudy, Space, Strategy, hookimpl
from lstmopt.warm_start.advisers import FEWEST, SourceStudy, WeightedAdviser, too_small
from lstmopt.warm_start.portfolio import average_study, choose_portfolio


class Portfolio:
    """Chooses candidates one by one, each the one that adds most to the fronts of all studies.

    What a candidate gives in a study that has not tried it is predicted from those it has tried.
    Each study counts the same. The sampler is shown how all of them rank on average.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the portfolio, and how its sources rank on average as observations."""
        sources = [SourceStudy(space, study) for study in past if len(study.trials) >= FEWEST]
        if not sources:
            return Beginning(space, notices=too_small(past))
        adviser = WeightedAdviser([SourceStudy(space, average_study(sources))])
        return Beginning(
            space,
            tuple(choose_portfolio(sources, self.size)),
            observations=adviser.observations,
            notices=too_small(past),
            adviser=adviser,
        )


def make(*, size: int = 8) -> Portfolio:
    """Make a warm start with candidates that complement each other.

    Args:
        size: Candidates tried before the sampler proposes its own.

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
    return Portfolio(size)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``portfolio``."""
    return [
        Strategy(
            "portfolio",
            make,
            "tries a few candidates that together cover the fronts of earlier studies",
            "Feurer et al., Auto-sklearn 2.0: hands-free AutoML via meta-learning, JMLR 23, 2022",
        )
    ]
