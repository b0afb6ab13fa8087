"""Successive halving among those that still have hope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from lstmopt import Decision, Pruner, Strategy, Trials, TrialView, hookimpl
from lstmopt.pruning.pruners import Closing, PrunerWrapper


class PlausibleHalving(PrunerWrapper):
    """Stops what has no hope, lets the others climb `halving`'s rungs, the promising ones alone.

    Halving alone spends on trials that are good among their rung but hardly different from what is
    finished already; extrapolation alone lets each trial run until something finished is out of
    its reach. Here a trial is stopped when it would stay dominated even if its loss fell as far as
    ``hope`` allows (a high quantile of what finished trials still gained), at any report. It is let
    past a rung only if it would not be dominated after a fall that is usual (``promise``, their
    median); else it is paused, since more finished trials may show that losses fall further.

    What falls is learnt from finished trials, and a few that are alike teach the wrong thing: after
    two fast learners every slow one looks hopeless. So no more than ``judged_per_finished`` trials
    are judged so for each that is finished; beyond that halving decides alone until one more is.
    """

    def __init__(
        self, halving: Pruner, hope: Pruner, promise: Pruner, judged_per_finished: float
    ) -> None:
        super().__init__(halving)
        self.hope, self.promise = hope, promise
        self.judged_per_finished = judged_per_finished
        self._unpromising: WeakKeyDictionary[Trials, tuple[int, set[int]]] = WeakKeyDictionary()

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return a stop without hope, a pause without promise, else what halving decides."""
        if not self._may_judge(trials):
            return self.wrapped.decide(trial, trials)
        hope = self.hope.decide(trial, trials)
        if hope.action == "stop":
            return hope
        decision = self.wrapped.decide(trial, trials)
        if decision.action == "go on" and self.next_rung(trial.report - 1) == trial.report:
            promise = self.promise.decide(trial, trials)
            if promise.action == "stop":
                return Decision("pause", promise.reason, promise.seen)
        return Decision(decision.action, decision.reason, {**hope.seen, **decision.seen})

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        """Return the paused trial that halving would let go on, of those with promise."""
        if not self._may_judge(trials):
            return super().promote(paused, trials, closing)
        unpromising = self._known(trials)
        able = [number for number in paused if number not in unpromising]
        while able:
            number = super().promote(able, trials, closing)
            if number is None:
                break
            if self.promise.decide(trials.view(number), trials).action != "stop":
                return number
            unpromising.add(number)
            able.remove(number)
        # with nothing better left to spend a budget on, promise or not
        return super().promote(paused, trials, closing) if closing == "everyone" else None

    def _may_judge(self, trials: Trials) -> bool:
        return len(trials) <= self.judged_per_finished * int(trials.finished.sum())

    def _known(self, trials: Trials) -> set[int]:
        """Return the paused trials found unpromising since a trial last finished."""
        finished = int(trials.finished.sum())
        known = self._unpromising.get(trials)
        if known is None or known[0] != finished:
            known = self._unpromising[trials] = (finished, set())
        return known[1]


def make(
    *,
    make_pruner: Callable[[str | Mapping[str, Any]], Pruner],
    min_epochs: int = 1,
    reduction_factor: int = 3,
    hope: float = 0.9,
    promise: float = 0.5,
    n_startup_trials: int = 2,
    judged_per_finished: float = 12.0,
    stop_only: bool = False,
) -> PlausibleHalving:
    """Make successive halving among those that still have hope.

    Args:
        make_pruner: Makes a pruner of the registry.
        min_epochs: The first rung, in reports (one an epoch unless the study reports more often).
        reduction_factor: One in so many of those that reached a rung goes on; each rung lies so
            many times farther than the one before.
        hope: The quantile (0 to 1) of what finished trials still gained; a trial that would stay
            dominated after such a fall is stopped.
        promise: The same for a trial on a rung, which is paused; with ``stop_only``, ``hope`` holds
            there too.
        n_startup_trials: Finished trials needed before anything is extrapolated.
        judged_per_finished: Trials for each finished one up to which the rule extrapolates; beyond
            it halving decides alone.
        stop_only: Stop for good what halving would pause, but for the front of its rung.

    Returns:
        A pruner that stops, pauses and promotes.

    References:
        Schmucker et al., Multi-objective asynchronous successive halving, 2021,
        https://arxiv.org/abs/2106.12639
        Domhan, Springenberg and Hutter, Speeding up automatic hyperparameter optimization of deep
        neural networks by extrapolation of learning curves, IJCAI 2015,
        https://www.ijcai.org/Proceedings/15/Papers/487.pdf
    """
    rungs = {"min_epochs": min_epochs, "reduction_factor": reduction_factor}
    halving = make_pruner({"name": "halving", "stop_only": stop_only} | rungs)
    startup = {"name": "plausible", "n_startup_trials": n_startup_trials}
    return PlausibleHalving(
        halving,
        make_pruner(startup | {"quantile": hope}),
        make_pruner(startup | {"quantile": hope if stop_only else promise}),
        judged_per_finished,
    )


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``plausible_halving``."""
    return [
        Strategy(
            "plausible_halving",
            make,
            "halving among those whose extrapolated loss is not dominated",
            "Schmucker et al., arXiv:2106.12639; Domhan et al., IJCAI 2015",
        )
    ]
