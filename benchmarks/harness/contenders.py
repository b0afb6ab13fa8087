"""Who competes: a sampler, a pruner and a warm start under one name, and what is always there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from lstmopt.plugin.strategy import Named, TellStopped
from lstmopt.seeds import derive_seed

NONE = Named("none")
RANDOM = Named("random")


@dataclass(frozen=True)
class Contender:
    """What competes under one name.

    ``budget_factor`` multiplies the budget; ``stream`` draws other seeds from the same numbers, so
    that one strategy under two names is repeated and not copied. ``tell`` is what the sampler is
    told of stopped trials, None for what serves it best.
    """

    name: str
    sampler: Named
    pruner: Named
    warm_start: Named = NONE
    budget_factor: int = 1
    stream: int = 0
    tell: TellStopped | None = None

    @property
    def parts(self) -> tuple[str, str, str]:
        """Sampler, pruner and warm start as they are written."""
        return str(self.sampler), str(self.pruner), str(self.warm_start)

    def study_seed(self, seed: int) -> int:
        return derive_seed(seed, self.stream)


BASELINE = "random+none"
PLAIN = Contender(BASELINE, RANDOM, NONE)
DOUBLE = "random+none, twice the budget"
AGAIN = "random+none, A/A"


def contenders(
    samplers: Iterable[str],
    pruners: Iterable[str],
    warm_starts: Iterable[str],
    tell: Iterable[TellStopped | None] = (None,),
) -> list[Contender]:
    """Combine strategies, and add what every table needs.

    That is random search without pruning, with the budget and with twice the budget (Li et al.,
    Hyperband, JMLR 18, 2018, compare so), and once more under a second name with other seeds: an
    A/A pair, whose difference must not be significant.
    """
    found = {
        BASELINE: PLAIN,
        DOUBLE: Contender(DOUBLE, RANDOM, NONE, budget_factor=2),
        AGAIN: Contender(AGAIN, RANDOM, NONE, stream=1),
    }
    for *texts, told in product(samplers, pruners, warm_starts, tell):
        sampler, pruner, warm_start = map(Named.parse, texts)
        parts = [str(sampler), str(pruner)]
        parts += [str(warm_start)] if warm_start != NONE else []
        parts += [f"told {told}"] if told else []
        name = "+".join(parts)
        found.setdefault(name, Contender(name, sampler, pruner, warm_start, tell=told))
    return list(found.values())
