"""Show a sampler what was learnt on other data, as long as it agrees with what is seen here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from lstmopt import Beginning, PastStudy, Space, Strategy, hookimpl
from lstmopt.search_space import Params
from lstmopt.warm_start.advisers import FEWEST, SourceStudy, WeightedAdviser, too_small


class Transfer:
    """Shows earlier trials as observations, and first tries what was or may be the best of them.

    Studies on the most similar series come first, and take turns.
    """

    def __init__(self, most: int, fade: int, candidates: int) -> None:
        self.most, self.fade, self.candidates = most, fade, candidates

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return what may be best of earlier studies, and their trials as observations."""
        alike = sorted(past, key=lambda study: -(study.similarity or 0.0))
        sources = [SourceStudy(space, study) for study in alike if len(study.trials) >= FEWEST]
        turns = zip_longest(*(source.candidates() for source in sources))
        candidates: list[Params] = [params for turn in turns for params in turn if params]
        adviser = WeightedAdviser(sources, self.most, self.fade)
        return Beginning(
            space,
            tuple(candidates[: self.candidates]),
            observations=adviser.observations,
            notices=too_small(past),
            adviser=adviser,
        )


def make(*, most: int = 40, fade: int = 10, candidates: int = 4) -> Transfer:
    """Make a warm start that believes other data as long as it agrees.

    Args:
        most: Observations shown to the sampler in the beginning, of all earlier studies together.
        fade: Finished trials after which half as many are shown.
        candidates: Candidates tried before the sampler proposes its own.

    Returns:
        The warm start.

    Raises:
        ValueError: For ``most`` or ``candidates`` below 0, or ``fade`` below 1.

    References:
        Wistuba, Schilling and Schmidt-Thieme, Scalable Gaussian process-based transfer surrogates
        for hyperparameter optimization, Machine Learning 107, 2018,
        https://doi.org/10.1007/s10994-017-5684-y
        Salinas, Shen and Perrone, A quantile-based approach for hyperparameter transfer learning,
        ICML 2020, https://proceedings.mlr.press/v119/salinas20a.html
    """
    if most < 0 or fade < 1 or candidates < 0:
        raise ValueError(
            f"most and candidates are at least 0 and fade at least 1, found {most}, {candidates} "
            f"and {fade}"
        )
    return Transfer(most, fade, candidates)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``transfer``."""
    return [
        Strategy(
            "transfer",
            make,
            "shows the sampler trials on other data, weighted by how far they agree",
            "Wistuba et al., Machine Learning 107, 2018; Salinas et al., ICML 2020",
        )
    ]
