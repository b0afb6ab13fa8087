"""Who a trial may be compared with, and what the votes mean.

A trial is compared only with peers: finished trials that are no worse on every static objective.
With several learned objectives it is stopped only if the rule says stop for every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError
from lstmopt.plugin.failures import PluginErrors, wrong_answer
from lstmopt.plugin.options import make
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named, described
from lstmopt.pruning.trial_curves import Floats, Trials, TrialView

Action = Literal["go on", "pause", "stop"]

Closing = Literal["open", "front", "everyone"]
"""Whether other trials will still begin (``open``), and who may go on when none will.

``front``: who is better than all its peers, for whoever is not promoted now is stopped.
``everyone``: a budget in epochs has room left, so whoever comes next best.
"""


@dataclass(frozen=True)
class Decision:
    """What happens to a trial, why in words, and what was seen in figures.

    Attributes:
        action: ``go on``, ``pause`` or ``stop``.
        reason: One line; needed for a stop and a pause.
        seen: Plain values that JSON can say, such as the number of peers and the threshold.
    """

    action: Action
    reason: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)


GO_ON = Decision("go on")


@runtime_checkable
class Pruner(Protocol):
    """Sees a trial and every trial of the study.

    One that pauses trials is a `Promoter` too.
    """

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Decide about a trial as it stands at its last report.

        The same trials must give the same decision, in whatever order they came, unless the
        strategy says ``resume=False``.

        Args:
            trial: The trial; lower is better in all of it.
            trials: Every trial that has trained, this one among them.

        Returns:
            What happens to the trial.
        """


@runtime_checkable
class Rule(Protocol):
    """Sees one curve and those of its peers, and knows nothing of objectives."""

    def should_stop(self, curve: Floats, peers: Floats) -> bool:
        """Say whether a trial is hopeless among its peers.

        Args:
            curve: The best value so far at each report [reports], lower is better.
            peers: The same of each peer [peers, reports].

        Returns:
            Whether it is stopped.
        """


@runtime_checkable
class Threshold(Protocol):
    """A rule that compares the curve's end with one number, which is recorded."""

    def threshold(self, curve: Floats, peers: Floats) -> float | None:
        """Return the highest end of a curve that may go on.

        Args:
            curve: The best value so far at each report [reports], lower is better.
            peers: The same of each peer [peers, reports].

        Returns:
            The value, None where nothing is stopped.
        """


def peers_of(trial: TrialView, trials: Trials) -> NDArray[np.int_]:
    """List the peers of a trial: finished trials that are no worse on every static objective.

    The trial itself is none of them.

    Args:
        trial: The trial that is compared.
        trials: Every trial that has trained.

    Returns:
        Rows of ``trials``, ascending [peers].
    """
    limits = [trial.static[name] for name in trials.static_names]
    fit = trials.finished & (trials.numbers != trial.number)
    return np.flatnonzero(fit & (trials.static <= limits).all(1))


@dataclass(frozen=True)
class PeersPruner:
    """Applies a rule among peers, objective by objective; every vote must say stop.

    Attributes:
        rule: What votes.
        name: What its decisions are called by.
    """

    rule: Rule
    name: str

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return a stop where the rule says so for each learned objective."""
        rows = peers_of(trial, trials)
        seen: dict[str, Any] = {"peers": len(rows)}
        stop = True
        for objective in trial.losses:
            curve = trial.curve(objective)
            peers = trials.best(objective)[rows, : len(curve)]
            stop &= self.rule.should_stop(curve, peers)
            seen[objective] = float(curve[-1])
            if isinstance(self.rule, Threshold):
                seen[f"{objective} threshold"] = self.rule.threshold(curve, peers)
        if not stop:
            return Decision("go on", seen=seen)
        values = ", ".join(f"{name} {seen[name]:.4g}" for name in trial.losses)
        words = f"{values} among {len(rows)} peers no worse before training"
        return Decision("stop", f"{self.name} at report {trial.report}: {words}", seen)


@runtime_checkable
class Promoter(Protocol):
    """A pruner that pauses trials at rungs and lets some of them go on later."""

    def next_rung(self, report: int) -> int | None:
        """Return the first rung after a report, past which no trial is trained unasked.

        Args:
            report: The number of a trial's reports.

        Returns:
            The rung in reports, None where there is none.
        """

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        """Return the paused trial that goes on next.

        Args:
            paused: The numbers of the paused trials.
            trials: Every trial that has trained.
            closing: Whether other trials will still begin.

        Returns:
            The trial's number, None when none should go on.
        """


class PrunerWrapper:
    """Begins a pruner that wraps another: rungs and promotions, if any, are the other's.

    Args:
        wrapped: The other pruner.
    """

    def __init__(self, wrapped: Pruner) -> None:
        self.wrapped = wrapped

    def next_rung(self, report: int) -> int | None:
        """Return the wrapped pruner's next rung, None where it has no rungs."""
        return self.wrapped.next_rung(report) if isinstance(self.wrapped, Promoter) else None

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        """Return the trial that the wrapped pruner promotes, None where it promotes none."""
        if not isinstance(self.wrapped, Promoter):
            return None
        return self.wrapped.promote(paused, trials, closing)


class NeverStop:
    """Lets every trial run to its end."""

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return "go on"."""
        return GO_ON


class NamedPruner:
    """Asks a plug-in's pruner, and names the plug-in where it raises or answers what it may not.

    Args:
        wrapped: The pruner.
        who: The plug-in, see `plugin.strategy.described`.
    """

    def __init__(self, wrapped: Pruner, who: str) -> None:
        self.wrapped, self._who, self._errors = wrapped, who, PluginErrors(who)

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return what the wrapped pruner decides.

        Raises:
            LstmoptError: Where it raises, and where that is no decision.
        """
        with self._errors:
            made = self.wrapped.decide(trial, trials)
        if not isinstance(made, Decision) or made.action not in get_args(Action):
            rule = f"a pruner decides with a Decision of {', '.join(get_args(Action))}"
            raise LstmoptError(wrong_answer(rule, repr(made), self._who))
        if not _is_recordable(made.seen):
            rule = "what a pruner has seen is plain values by name, which are recorded"
            raise LstmoptError(wrong_answer(rule, f"seen = {made.seen!r}", self._who))
        return made


def _is_recordable(seen: object) -> bool:
    try:
        msgspec.to_builtins(seen, enc_hook=np.generic.item)  # which takes numpy's scalars alone
    except TypeError:
        return False
    return isinstance(seen, Mapping)


class NamedPromoter(NamedPruner):
    """Does so with a pruner that pauses trials.

    Args:
        wrapped: The pruner, which is a promoter too.
        who: The plug-in, see `plugin.strategy.described`.
    """

    def __init__(self, wrapped: Any, who: str) -> None:
        super().__init__(wrapped, who)
        self._promoter: Promoter = wrapped

    def next_rung(self, report: int) -> int | None:
        """Return the wrapped pruner's next rung.

        Raises:
            LstmoptError: Where it raises, and where that is no later report.
        """
        with self._errors:
            rung = self._promoter.next_rung(report)
        if rung is None:
            return None
        if not isinstance(rung, int | np.integer) or rung <= report:
            rule = f"the next rung after report {report} is a later report or None"
            raise LstmoptError(wrong_answer(rule, repr(rung), self._who))
        return int(rung)

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        """Return what the wrapped pruner promotes.

        Raises:
            LstmoptError: Where it raises, and where that is no paused trial.
        """
        with self._errors:
            number = self._promoter.promote(paused, trials, closing)
        if number is not None and number not in paused:
            rule = f"a pruner promotes one of the paused trials {list(paused)} or None"
            raise LstmoptError(wrong_answer(rule, repr(number), self._who))
        return number


def as_pruner(made: Pruner | Rule, name: str) -> Pruner:
    """Turn what a pruner strategy made into a pruner.

    Args:
        made: A pruner, or a rule that is to be asked among peers.
        name: What a rule's decisions are called by.

    Returns:
        The pruner.

    Raises:
        TypeError: Where it is neither.
    """
    if isinstance(made, Pruner):
        return made
    if isinstance(made, Rule):
        return PeersPruner(made, name)
    raise TypeError(f"pruner {name!r} made {type(made).__name__}, without decide or should_stop")


def make_pruner(
    registry: Registry,
    choice: str | Mapping[str, Any],
    naive: Callable[[], Mapping[str, float]] | None = None,
) -> Pruner:
    """Make a pruner of the registry.

    Args:
        registry: Where its name is looked up.
        choice: ``NAME``, ``NAME:KEY=VALUE,…`` or a table with its name and options.
        naive: Gives what the naive forecast scores, by learned objective, lower is better; None
            where the work knows no such forecast.

    Returns:
        The pruner; what it raises or answers wrongly is a LstmoptError that names it.

    Raises:
        LstmoptError: For what its strategy cannot take, and where that makes no pruner.
    """
    named = Named.parse(choice) if isinstance(choice, str) else Named.of(choice)
    strategy = registry.strategy("pruner", named.name)
    wrap = partial(make_pruner, registry, naive=naive)
    made = make(strategy, "pruner", named.options, naive=naive, make_pruner=wrap)
    if isinstance(made, NamedPruner):
        return made
    who = described("pruner", strategy)
    try:
        pruner = as_pruner(made, named.name)
    except TypeError:
        rule = "a pruner strategy makes what has decide or should_stop"
        raise LstmoptError(wrong_answer(rule, type(made).__name__, who)) from None
    return (NamedPromoter if isinstance(pruner, Promoter) else NamedPruner)(pruner, who)


def decisions(
    pruner: Pruner, trial: TrialView, trials: Trials, from_report: int
) -> list[tuple[int, Decision]]:
    """Ask a pruner at each report of a trial, up to the first decision that is not to go on.

    Reports come one by one, so that a decision does not depend on how many of them a segment of
    training happened to hold.

    Args:
        pruner: What is asked.
        trial: The trial, with all its reports.
        trials: Every trial that has trained; the reports are put there.
        from_report: The first report that is asked about.

    Returns:
        Each report's number with the decision there.
    """
    made = []
    for report in range(from_report, trial.report + 1):
        seen = trial.until(report)
        trials.put(seen)
        decision = pruner.decide(seen, trials)
        made.append((report, decision))
        if decision.action != "go on":
            break
    return made
