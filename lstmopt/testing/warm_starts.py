"""The contract of warm starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lstmopt.plugin.registry import load_registry
from lstmopt.plugin.strategy import Strategy
from lstmopt.search_space import Architecture, Params, Space, draw
from lstmopt.testing.contract import Contract
from lstmopt.testing.stage import (
    CLASSIC_STAGE,
    FAMILIES_STAGE,
    FINITE_STAGE,
    Stage,
    forecast_cost,
    losses,
)
from lstmopt.warm_start.protocols import (
    Beginning,
    PastStudy,
    PastTrial,
    ask_for_beginning,
    make_strategy,
)


class WarmStartContract(Contract):
    """What a warm start must hold to; subclass it with one.

    What a warm start is given never holds anything of a test part.

    Attributes:
        strategy: What is checked.
        options: What its ``make`` cannot do without, by keyword.
    """

    strategy: ClassVar[Strategy]
    options: ClassVar[Mapping[str, Any]] = {}

    def _begin(self, space: Space, *past: PastStudy, target_fingerprint: str = "") -> Beginning:
        made = make_strategy(load_registry(), self.strategy, self.options, target_fingerprint)
        return ask_for_beginning(made, self.strategy.name, space, past)

    def test_it_says_what_it_is(self) -> None:
        """It has a name and a summary."""
        assert self.strategy.name, "a strategy has a name"
        assert self.strategy.summary, "a strategy says in one line what it does"

    def test_it_lives_with_no_study_and_with_a_study_of_one_trial(self) -> None:
        """Too little to learn from is no error."""
        self._begin(CLASSIC_STAGE)
        self._begin(CLASSIC_STAGE, _study("one", 1))
        self._begin(CLASSIC_STAGE, _study("none", 0), _study("two", 30))

    def test_it_lives_with_any_series(self) -> None:
        """Most series are none that it knows."""
        self._begin(CLASSIC_STAGE, _study("one", 30), target_fingerprint="0" * 16)

    def test_it_proposes_candidates_inside_the_space_only(self) -> None:
        """Nothing has to be dropped: of ranges, of a finite space, of several families."""
        for space in (CLASSIC_STAGE, FINITE_STAGE, FAMILIES_STAGE):
            past = [_study(str(n), 30, space, n) for n in range(3)]
            beginning = self._begin(space, *past)
            dropped = [notice for notice in beginning.notices if "outside the space" in notice]
            assert not dropped, dropped[0]

    def test_it_begins_the_same_every_time(self) -> None:
        """The same studies give the same beginning, so that a study can go on."""
        past = [_study("one", 30), _study("two", 30, seed=1, same_work=True)]
        first, second = self._begin(CLASSIC_STAGE, *past), self._begin(CLASSIC_STAGE, *past)
        plain = [dataclasses.replace(b, adviser=None) for b in (first, second)]
        assert plain[0] == plain[1], "two beginnings from the same studies differ"

    def test_it_takes_over_trials_of_the_same_work_alone(self) -> None:
        """``finished`` holds no trial of other data or training."""
        past = _study("same", 30, same_work=True), _study("other", 30, seed=1)
        for trial in self._begin(
            CLASSIC_STAGE, *past
        ).finished:  # `ask_for_beginning` refuses others
            assert trial in past[0].trials

    def test_it_lives_with_trials_that_leave_something_open(self) -> None:
        """A hyperparameter that did not vary there may be missing."""
        study = _study("partly", 30)
        trials = tuple(
            dataclasses.replace(trial, params=_without(trial.params), exact=False)
            for trial in study.trials
        )
        self._begin(CLASSIC_STAGE, dataclasses.replace(study, trials=trials))

    def test_it_lives_with_several_learned_objectives_and_with_no_static_one(self) -> None:
        """It counts on no number of objectives."""
        study = _study("several", 30)
        trials = tuple(
            dataclasses.replace(trial, losses=(trial.losses[0], -trial.losses[0]), static=())
            for trial in study.trials
        )
        self._begin(CLASSIC_STAGE, dataclasses.replace(study, trials=trials))

    def test_it_lives_with_trials_that_are_all_alike(self) -> None:
        """Ten times one trial is no error."""
        trial = _study("one", 1).trials[0]
        self._begin(CLASSIC_STAGE, PastStudy("alike", (trial,) * 10))

    def test_its_adviser_names_observations_that_are_there(self) -> None:
        """Its indices are valid, each once, and follow from the finished trials alone."""
        beginning = self._begin(CLASSIC_STAGE, _study("one", 30), _study("two", 30, seed=1))
        if beginning.adviser is None:
            return
        own = _study("own", 20, seed=2).trials
        for count in (0, 1, 5, 20):
            shown = list(beginning.adviser.shown(own[:count]))
            known = set(range(len(beginning.observations)))
            assert set(shown) <= known, f"observations {set(shown) - known} are not there"
            assert len(set(shown)) == len(shown), "an observation is shown twice"
            again = list(beginning.adviser.shown(own[:count]))
            assert again == shown, "an adviser's answer depends on when it is asked"

    def test_a_study_that_begins_so_comes_to_an_end(self) -> None:
        """Samplers of three kinds search to the end with what it gives."""
        past = [_study("one", 30), _study("two", 30, seed=1)]
        registry = load_registry()
        for name in ("tpe", "nsga2", "random"):
            sampler = registry.strategy("sampler", name)
            beginning = self._begin(CLASSIC_STAGE, *past)
            records = Stage(sampler, {}, beginning=beginning).search(24)
            assert sum(not record.taken_over for record in records) == 24


def _study(
    name: str, count: int, space: Space = CLASSIC_STAGE, seed: int = 0, same_work: bool = False
) -> PastStudy:
    drawn = draw(space, count, np.random.default_rng(seed))
    trials = tuple(
        PastTrial(
            n, params, (losses(params)[-1],), (forecast_cost(Architecture.of(params)).latency_ms,)
        )
        for n, params in enumerate(drawn)
    )
    return PastStudy(name, trials, same_work, similarity=0.5)


def _without(params: Params) -> Params:
    return {name: value for name, value in params.items() if name != "learning_rate"}
