"""The contract of pruners."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from lstmopt.epoch import Epoch
from lstmopt.plugin.options import make
from lstmopt.plugin.registry import load_registry
from lstmopt.plugin.strategy import Strategy
from lstmopt.pruning.pruners import Decision, Pruner, as_pruner, decisions, make_pruner
from lstmopt.pruning.trial_curves import Trials, TrialView
from lstmopt.search_space import draw
from lstmopt.testing.contract import Contract
from lstmopt.testing.stage import EPOCHS, Stage, goals_for, losses, stage_for, static_of

_STUDIES = 20
_TRIALS = 12


class PrunerContract(Contract):
    """What a pruner must hold to; subclass it with one.

    Attributes:
        strategy: What is checked.
        options: What its ``make`` cannot do without, by keyword.
        needs_peers: False for one that compares a trial with a fixed bound, which may stop it
            whoever else there is, and however good it is beside others.
    """

    strategy: ClassVar[Strategy]
    options: ClassVar[Mapping[str, Any]] = {}
    needs_peers: ClassVar[bool] = True

    def _make(self) -> Pruner:
        registry = load_registry()
        made = make(
            self.strategy,
            "pruner",
            self.options,
            naive=_naive,
            make_pruner=partial(make_pruner, registry, naive=_naive),
        )
        return as_pruner(made, self.strategy.name)

    def test_it_says_what_it_is(self) -> None:
        """It has a name and a summary."""
        assert self.strategy.name, "a strategy has a name"
        assert self.strategy.summary, "a strategy says in one line what it does"

    def test_it_makes_a_pruner_or_a_rule(self) -> None:
        """``make`` accepts the options and gives what has ``decide`` or ``should_stop``."""
        self._make()

    def test_it_looks_at_nothing_ahead(self) -> None:
        """What a trial does after a report changes no decision up to it."""
        for rng, trial, others in _studies():
            cut = int(rng.integers(1, EPOCHS))
            other_end = rng.uniform(0, 9, EPOCHS - cut).tolist()
            changed = TrialView(
                trial.number,
                trial.static,
                {n: [*curve[:cut], *other_end] for n, curve in trial.losses.items()},
            )
            first, second = (_actions(self._make(), t, others)[:cut] for t in (trial, changed))
            assert first == second, "what came later in a trial changed a decision about it"

    def test_the_order_in_which_trials_came_changes_nothing(self) -> None:
        """Of a strategy with ``resume``, a permutation of the trials gives the same decisions."""
        if not self.strategy.resume:
            return
        for rng, trial, others in _studies():
            mixed = [others[n] for n in rng.permutation(len(others))]
            first, second = (_actions(self._make(), trial, found) for found in (others, mixed))
            assert first == second, "the same trials in another order gave another decision"

    def test_with_nobody_finished_it_stops_nothing(self) -> None:
        """Without peers a trial is not stopped."""
        if not self.needs_peers:
            return
        for _, trial, _ in _studies():
            found = _actions(self._make(), trial, [])
            assert "stop" not in found, "a trial was stopped that could be compared with none"

    def test_a_trial_better_than_all_others_at_every_report_is_never_stopped(self) -> None:
        """What dominates everything goes on."""
        if not self.needs_peers:
            return
        for _, trial, others in _studies():
            least = min(min(curve) for other, _ in others for curve in other.losses.values())
            cheap = dict.fromkeys(trial.static, 0.0)
            best = {n: [least - 1 - r for r in range(EPOCHS)] for n in trial.losses}
            found = _actions(self._make(), TrialView(trial.number, cheap, best), others)
            assert "stop" not in found, "the best trial of a study was stopped"

    def test_what_it_saw_can_be_recorded(self) -> None:
        """``seen`` can be written as JSON, and a stop or a pause has a reason."""
        for _, trial, others in _studies():
            for decision in _decisions(self._make(), trial, others):
                assert decision.action in ("go on", "pause", "stop"), decision.action
                json.dumps(dict(decision.seen))  # raises for what is no plain value
                assert decision.action == "go on" or decision.reason, "a stop has a reason"

    def test_a_pruner_made_anew_decides_the_same(self) -> None:
        """Of a strategy with ``resume``, all state follows from the trials."""
        if not self.strategy.resume:
            return
        pruner = self._make()
        for _, trial, others in _studies():
            kept, anew = (_actions(p, trial, others) for p in (pruner, self._make()))
            assert kept == anew, "a decision depends on which studies it was asked about before"

    def test_a_study_with_it_comes_to_an_end(self) -> None:
        """A study of the real driver closes every trial and completes one."""
        sampler = load_registry().strategy("sampler", "random")
        records = Stage(sampler, {}, pruner=self._make()).search(24)
        assert len(records) == 24
        assert any(r.state == "complete" for r in records), "no trial came to its end"


def _naive() -> dict[str, float]:
    """Return what the naive forecast scores here: worse than anything."""
    return {"val_loss": math.inf}


Other = tuple[TrialView, bool]
"""A trial and whether it is finished."""


def _studies() -> Iterator[tuple[np.random.Generator, TrialView, list[Other]]]:
    """Yield a trial to decide about and others of its study, some of them finished."""
    goals, space = goals_for(_ANY), stage_for(_ANY)
    for seed in range(_STUDIES):
        rng = np.random.default_rng(seed)
        views = []
        for number, params in enumerate(draw(space, _TRIALS, rng)):
            noise = rng.uniform(0.8, 1.2, EPOCHS)
            curve = [float(x) for x in np.array(losses(params)) * noise]
            epochs = [Epoch(n, v, v, v, 1 - v, 1.0) for n, v in enumerate(curve, 1)]
            views.append(goals.trial_view(number, static_of(params, goals), epochs))
        trial, *others = views
        finished = rng.random(len(others)) < 0.7
        reports = rng.integers(1, EPOCHS, len(others))
        yield (
            rng,
            trial,
            [
                (other if done else other.until(int(report)), bool(done))
                for other, done, report in zip(others, finished, reports, strict=True)
            ],
        )


_ANY = Strategy("any", dict, "stands for a strategy that can do everything", "")


def _decisions(pruner: Pruner, trial: TrialView, others: Sequence[Other]) -> list[Decision]:
    """Return what is decided about a trial report by report, up to the first end of it."""
    trials = Trials(list(trial.static), list(trial.losses))
    for other, finished in others:
        trials.put(other, finished)
    return [decision for _, decision in decisions(pruner, trial, trials, 1)]


def _actions(pruner: Pruner, trial: TrialView, others: Sequence[Other]) -> list[str]:
    return [decision.action for decision in _decisions(pruner, trial, others)]
