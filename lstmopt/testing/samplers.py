"""The contract of samplers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from lstmopt.objectives import Limits
from lstmopt.plugin.options import make
from lstmopt.plugin.strategy import Strategy
from lstmopt.search.search_plan import FiniteSampler
from lstmopt.search_space import Architecture, Candidate
from lstmopt.testing.contract import Contract
from lstmopt.testing.stage import FINITE_STAGE, Stage, forecast_cost, stage_for, train
from lstmopt.training.trainer import Progress

_TRIALS = 24


class SamplerContract(Contract):
    """What a sampler must hold to; subclass it with one.

    Attributes:
        strategy: What is checked.
        options: What its ``make`` cannot do without, by keyword.
    """

    strategy: ClassVar[Strategy]
    options: ClassVar[Mapping[str, Any]] = {}

    def _stage(self, **more: Any) -> Stage:
        return Stage(self.strategy, self.options, **more)

    def test_it_says_what_it_is(self) -> None:
        """It has a name and a summary."""
        assert self.strategy.name, "a strategy has a name"
        assert self.strategy.summary, "a strategy says in one line what it does"

    def test_it_makes_a_sampler_of_optuna(self) -> None:
        """``make`` accepts the options and gives a ``BaseSampler``."""
        self._stage().search(1)  # the plan refuses anything else

    def test_it_proposes_inside_the_space(self) -> None:
        """Every candidate lies in the space, with the hyperparameters that apply to it."""
        space = stage_for(self.strategy)
        for record in self._stage().search(_TRIALS):
            reason = space.rejects(record.params)
            assert reason is None, f"trial {record.number} lies outside: {reason}"

    def test_it_does_not_propose_one_candidate_all_the_time(self) -> None:
        """More than half of the proposals differ."""
        tried = {str(record.params) for record in self._stage().search(_TRIALS)}
        assert len(tried) > _TRIALS / 2, f"of {_TRIALS} proposals only {len(tried)} differ"

    def test_the_same_seed_proposes_the_same(self) -> None:
        """Two studies with one seed are the same."""
        first, second = ([r.params for r in self._stage().search(_TRIALS)] for _ in range(2))
        assert first == second, "two studies of one seed differ"

    def test_it_goes_on_where_a_study_stopped(self) -> None:
        """Of a strategy with ``resume``, a study in two calls is the same as in one."""
        if not self.strategy.resume:
            return
        stage = self._stage()
        half = stage.search(_TRIALS // 2)
        whole = stage.search(_TRIALS)
        assert [r.params for r in whole[: len(half)]] == [r.params for r in half]
        once = [r.params for r in self._stage().search(_TRIALS)]
        assert [r.params for r in whole] == once, (
            "a study that went on differs from one that did not stop: the state must be in the "
            "study, or the strategy must say resume=False"
        )

    def test_it_lives_with_trials_that_are_stopped_or_paused(self) -> None:
        """A study with a pruner closes every trial and completes one."""
        for pruner in ("median:n_startup_trials=1,n_warmup_steps=0", "halving"):
            records = self._stage(pruner=pruner).search(_TRIALS)
            assert len(records) == _TRIALS
            assert any(r.state == "complete" for r in records), "no trial came to its end"

    def test_it_lives_with_trials_that_fail(self) -> None:
        """A study goes on after trials without values."""

        def fail_often(candidate: Candidate, checkpoint: bytes | None, epochs: int) -> Progress:
            progress = train(candidate, checkpoint, epochs)
            failed = candidate.seed % 3 == 0
            return dataclasses.replace(progress, failure="diverged") if failed else progress

        records = self._stage().search(_TRIALS, fail_often)
        assert {r.state for r in records} == {"complete", "failed"}

    def test_it_lives_with_candidates_that_break_a_limit(self) -> None:
        """What is too slow is infeasible and nothing else is."""
        records = self._stage(limits=Limits(max_latency_ms=1.0)).search(6)
        for record in records:
            slow = forecast_cost(Architecture.of(record.params)).latency_ms > 1.0
            assert (record.state == "infeasible") == slow, "the limit was not kept"

    def test_it_lives_with_an_interruption_at_any_trial(self) -> None:
        """Of a strategy with ``resume``, a study interrupted in a trial comes to its end."""
        if not self.strategy.resume:
            return
        stage, calls = self._stage(), iter(range(1000))

        def stop_once(candidate: Candidate, checkpoint: bytes | None, epochs: int) -> Progress:
            if next(calls) == 5:
                raise KeyboardInterrupt
            return train(candidate, checkpoint, epochs)

        with contextlib.suppress(KeyboardInterrupt):
            stage.search(8, stop_once)
        assert len(stage.search(8)) == 8

    def test_a_finite_one_ends_with_its_last_proposal(self) -> None:
        """One that counts its proposals makes each of them and no more."""
        sampler = make(self.strategy, "sampler", self.options, **_context())
        if not isinstance(sampler, FiniteSampler):
            return
        size = sampler.size()
        assert size == len(list(FINITE_STAGE.grid())), f"the grid of 36 is counted as {size}"
        stage = self._stage()
        assert len(stage.search(size + 5)) == size
        assert sampler.remaining(stage.stored.study) == 0


def _context() -> dict[str, Any]:
    return {"seed": 0, "study_seed": 0, "space": FINITE_STAGE}


def optuna_cases(strategy: Strategy, **options: Any) -> type:
    """Return Optuna's own test cases of samplers, for pytest (``optuna.testing``).

    Name the class ``Test…`` in a module of tests. They ask the sampler for distributions of their
    own, so they suit any that does not depend on a study's space.

    Args:
        strategy: What is tested.
        **options: What its ``make`` is given.

    Returns:
        A class of tests; with those of several objectives where the strategy serves them.
    """
    import pytest
    from optuna.testing.pytest_samplers import (
        BasicSamplerTestCase,
        MultiObjectiveSamplerTestCase,
    )

    def make_one() -> Any:
        return make(strategy, "sampler", options, seed=0, study_seed=0)

    class OptunaCases(BasicSamplerTestCase):
        @pytest.fixture
        def sampler(self) -> Any:
            return make_one

    class OptunaCasesOfSeveralObjectives(OptunaCases, MultiObjectiveSamplerTestCase):
        pass

    return OptunaCasesOfSeveralObjectives if strategy.multi_objective else OptunaCases
