"""What a study may take from earlier ones before its first trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lstmopt.space import Params, Space


@dataclass(frozen=True)
class PastTrial:
    """A finished trial of an earlier study; ``values`` in its goals' order, lower is better."""

    number: int
    params: Params
    values: tuple[float, ...]


@dataclass(frozen=True)
class PastStudy:
    """An earlier study: where it was read and its finished trials."""

    name: str
    objectives: tuple[str, ...]
    trials: tuple[PastTrial, ...]


@dataclass(frozen=True)
class Beginning:
    """What a study begins with: candidates to try first, its space, and what to tell the user."""

    candidates: tuple[Params, ...]
    space: Space
    notices: tuple[str, ...] = ()


class WarmStart(Protocol):
    """Learns from earlier studies."""

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the beginning of a study over ``space``; candidates outside it are dropped."""
