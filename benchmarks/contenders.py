"""Who competes: a sampler, a pruner and a warm start under one name, and what is always there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from lstmopt.errors import LstmoptError
from lstmopt.training import derive_seed


@dataclass(frozen=True)
class Named:
    """A strategy's name and its options, written ``NAME`` or ``NAME:KEY=VALUE,KEY=VALUE``."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Named:
        name, _, rest = text.partition(":")
        options = {}
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            if not (key and equals):
                raise LstmoptError(
                    f"a strategy's options are KEY=VALUE, found {part!r} in {text!r}: "
                    "write for instance percentile:percentile=40"
                )
            options[key] = value
        return cls(name, options)

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


NONE = Named("none")
RANDOM = Named("random")


@dataclass(frozen=True)
class Contender:
    """What competes under one name.

    ``budget_factor`` multiplies the budget; ``stream`` draws other seeds from the same numbers, so
    that one strategy under two names is repeated and not copied.
    """

    name: str
    sampler: Named
    pruner: Named
    warm_start: Named = NONE
    budget_factor: int = 1
    stream: int = 0

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
    samplers: Iterable[str], pruners: Iterable[str], warm_starts: Iterable[str]
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
    for texts in product(samplers, pruners, warm_starts):
        sampler, pruner, warm_start = map(Named.parse, texts)
        parts = [sampler, pruner] if warm_start == NONE else [sampler, pruner, warm_start]
        name = "+".join(map(str, parts))
        found.setdefault(name, Contender(name, sampler, pruner, warm_start))
    return list(found.values())
