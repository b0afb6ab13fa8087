"""What a study may take from earlier ones before its first trial, and while it runs.

Everything here has been put into the space and the objectives of the study that begins: see
`past_studies`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.pareto import front_mask, spread
from lstmopt.plugin.failures import PluginErrors, wrong_answer
from lstmopt.plugin.options import make
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named, Strategy, described
from lstmopt.search_space import Params, Space


@dataclass(frozen=True)
class PastTrial:
    """A finished trial of an earlier study, in the space and objectives of the study that begins.

    Attributes:
        number: The trial's, in its own study.
        params: Its candidate; what varies here and did not in its own study may be missing.
        losses: The learned objectives as they were recorded, lower is better, in the goals' order
            [learned objectives].
        static: The static objectives as they are on this machine, likewise [static objectives].
        exact: Whether the same candidate, trained here, is the one that was trained there.
        curve: What its training showed, report by report.
    """

    number: int
    params: Params
    losses: tuple[float, ...]
    static: tuple[float, ...] = ()
    exact: bool = True
    curve: tuple[Epoch, ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """All objectives, the learned ones first; lower is better."""
        return self.losses + self.static


@dataclass(frozen=True)
class PastStudy:
    """An earlier study's finished trials.

    Attributes:
        name: What it is called in notices.
        trials: The trials that could be put into this study's space.
        same_work: Whether a loss there is a loss here: the same data, windows, split and training.
        similarity: Of the two series, from 0 to 1; None where one of them is not known.
    """

    name: str
    trials: tuple[PastTrial, ...]
    same_work: bool = False
    similarity: float | None = None

    @property
    def front(self) -> list[PastTrial]:
        """The trials that none dominates, ordered so that the first few stand for all of them.

        The most accurate comes first (see `pareto.spread`); equals count once.
        """
        mask = front_mask([trial.values for trial in self.trials])
        unique = {t.values: t for t, kept in zip(self.trials, mask, strict=True) if kept}
        front = list(unique.values())
        return [front[n] for n in spread([trial.values for trial in front])]


@dataclass(frozen=True)
class Observation:
    """What a sampler is shown of a candidate that this study has not trained.

    Attributes:
        params: The candidate; a sampler draws what is left open.
        ranks: The learned objectives as shares of its own study's trials that were better, from 0
            for the best to 1: raw losses of other data mean nothing here. One rank stands for all
            of them.
        static: The static objectives, lower is better; measured on this machine where none are
            given.
    """

    params: Params
    ranks: tuple[float, ...]
    static: tuple[float, ...] = ()


class Adviser(Protocol):
    """Decides, before each proposal, which observations are worth showing."""

    def shown(self, own: Sequence[PastTrial]) -> Sequence[int]:
        """Choose the observations to show, from what is finished alone.

        The same trials must give the same answer, so that an interrupted study goes on as it would
        have.

        Args:
            own: The study's own finished trials.

        Returns:
            Indices of the beginning's observations, each once.
        """


@dataclass(frozen=True)
class Beginning:
    """What a study begins with.

    Attributes:
        space: The study's, or a narrower one.
        candidates: Tried first, in this order; a sampler draws what they leave open.
        finished: Trials taken over as they are, which only exact ones of the same work can be.
        observations: Shown to the sampler; they count for nothing else.
        adviser: Chooses among the observations before each proposal; None shows all of them.
        notices: Lines told to the user.
    """

    space: Space
    candidates: tuple[Params, ...] = ()
    finished: tuple[PastTrial, ...] = ()
    observations: tuple[Observation, ...] = ()
    adviser: Adviser | None = None
    notices: tuple[str, ...] = ()


class WarmStart(Protocol):
    """Learns from earlier studies."""

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Learn what a study begins with.

        The same arguments must give the same beginning: a study that goes on asks again. What lies
        outside the space is dropped, with a notice.

        Args:
            space: The space of the study that begins.
            past: Earlier studies, in its space and objectives; there may be none.

        Returns:
            The beginning.
        """


def make_warm_start(
    registry: Registry, choice: str | Mapping[str, object], target_fingerprint: str = ""
) -> WarmStart:
    """Make a warm start of the registry.

    Args:
        registry: Where its name is looked up.
        choice: ``NAME``, ``NAME:KEY=VALUE,…`` or a table with its name and options.
        target_fingerprint: That of the series that is forecast, "" where it is not known.

    Returns:
        The warm start.
    """
    named = Named.parse(choice) if isinstance(choice, str) else Named.of(choice)
    strategy = registry.strategy("warm-start", named.name)
    return make_strategy(registry, strategy, named.options, target_fingerprint)


def make_strategy(
    registry: Registry,
    strategy: Strategy,
    options: Mapping[str, object],
    target_fingerprint: str = "",
) -> WarmStart:
    """Make what a strategy stands for; it may wrap others of the registry.

    Args:
        registry: Where others are looked up.
        strategy: A warm start's.
        options: Its options, by keyword.
        target_fingerprint: That of the series that is forecast, "" where it is not known.

    Returns:
        The warm start; what it raises or answers wrongly is a LstmoptError that names it.

    Raises:
        LstmoptError: For what the strategy cannot take, and where it makes no warm start.
    """
    wrap: Callable[..., WarmStart] = partial(
        make_warm_start, registry, target_fingerprint=target_fingerprint
    )
    context = {"make_warm_start": wrap, "target_fingerprint": target_fingerprint}
    made = make(strategy, "warm-start", options, **context)
    who = described("warm-start", strategy)
    if not callable(getattr(made, "begin", None)):
        rule = "a warm start strategy makes what has begin"
        raise LstmoptError(wrong_answer(rule, type(made).__name__, who))
    return _NamedWarmStart(made, who)


class _NamedWarmStart:
    """Asks a plug-in's warm start, and names the plug-in where it raises or gives no beginning."""

    def __init__(self, wrapped: WarmStart, who: str) -> None:
        self._wrapped, self.who = wrapped, who

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        with PluginErrors(self.who):
            beginning = self._wrapped.begin(space, past)
        if not isinstance(beginning, Beginning):
            rule = "a warm start gives a Beginning"
            raise LstmoptError(wrong_answer(rule, repr(beginning), self.who))
        if beginning.adviser is None:
            return beginning
        count = len(beginning.observations)
        return replace(beginning, adviser=_NamedAdviser(beginning.adviser, self.who, count))


class _NamedAdviser:
    """Asks an adviser, and names the plug-in where it raises or names what is not there."""

    def __init__(self, wrapped: Adviser, who: str, observations: int) -> None:
        self._wrapped, self._who, self._observations = wrapped, who, observations

    def shown(self, own: Sequence[PastTrial]) -> Sequence[int]:
        with PluginErrors(self._who):
            shown = list(self._wrapped.shown(own))
        known = range(self._observations)
        if wrong := [n for n in shown if n not in known]:
            rule = f"an adviser names observations by their places from 0 to {len(known) - 1}"
            raise LstmoptError(wrong_answer(rule, repr(wrong[0]), self._who))
        return shown


def ask_for_beginning(
    warm_start: WarmStart, name: str, space: Space, past: Sequence[PastStudy]
) -> Beginning:
    """Ask a warm start for a beginning and hold it to what it may give.

    Args:
        warm_start: What is asked.
        name: What it is called in notices.
        space: The space of the study that begins.
        past: Earlier studies, in its space and objectives.

    Returns:
        The beginning, without what lies outside its space; its notices say so.

    Raises:
        LstmoptError: For a space that is not narrower, for trials that cannot be taken over, for
            an adviser's observations outside the space, and for parts that are none of these.
    """
    who = warm_start.who if isinstance(warm_start, _NamedWarmStart) else f"warm start {name!r}"
    with PluginErrors(who):  # what it gave may be of any kind
        return _held(warm_start.begin(space, past), name, who, space, past)


def _held(
    beginning: Beginning, name: str, who: str, space: Space, past: Sequence[PastStudy]
) -> Beginning:
    if reason := space.excludes(beginning.space):
        raise LstmoptError(
            f"a warm start may narrow a space and no more, found that {who} gave one in which "
            f"{reason}: mend the plug-in"
        )
    same_work = {id(trial) for study in past if study.same_work for trial in study.trials}
    if not all(id(trial) in same_work and trial.exact for trial in beginning.finished):
        raise LstmoptError(
            f"only trials of the same data and training can be taken over, found that {who} gave "
            "others: mend the plug-in"
        )
    finished = [t for t in beginning.finished if not beginning.space.rejects(t.params)]
    kept: list[Params] = []
    dropped = len(beginning.finished) - len(finished)
    for params in beginning.candidates:
        if beginning.space.rejects(params, partly=True):
            dropped += 1
        elif params not in kept:
            kept.append(params)
    notices = beginning.notices
    if dropped:
        notices += (f"warm start {name}: {dropped} candidates outside the space were dropped",)
    inside = tuple(
        o for o in beginning.observations if not beginning.space.rejects(o.params, partly=True)
    )
    if len(inside) < len(beginning.observations) and beginning.adviser:
        raise LstmoptError(
            f"an adviser's observations lie inside the space, found that {who} gave others: mend "
            "the plug-in"
        )
    return replace(
        beginning,
        candidates=tuple(kept),
        finished=tuple(finished),
        observations=inside,
        notices=notices,
    )
