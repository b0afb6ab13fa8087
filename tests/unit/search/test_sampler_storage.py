from __future__ import annotations

import dataclasses

import numpy as np
import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lstmopt.errors import MachineError
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.objectives import Limits
from lstmopt.search.imputation import impute
from lstmopt.search.observer import Observer
from lstmopt.search.sampler_storage import open_for_sampler
from lstmopt.search_space import parse_space
from lstmopt.storage.driver_journal import DriverJournal, open_journal
from lstmopt.storage.study_store import StoredStudy
from support.curves import known, studies
from support.drivers import GOALS, Scripted, goals_of, in_process, make_driver, make_plan, open_here

COMPLETE, PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
TWO = goals_of("val_loss", "latency_ms", "parameters")


def open_view(study, storage):
    return open_for_sampler(StoredStudy(study, storage, ()))


@given(studies())
def test_told_nothing_no_trial_has_a_stand_in(drawn):
    views, finished = drawn
    assert impute(known(views, finished), TWO, "nothing") == {}


@given(studies())
def test_told_the_last_loss_an_unfinished_trial_stands_for_its_best_and_its_true_cost(drawn):
    views, finished = drawn
    expected = {
        v.number: (min(v.losses["val_loss"]), v.static["latency_ms"], v.static["parameters"])
        for v in views
        if v.number not in finished
    }
    assert impute(known(views, finished), TWO, "last") == expected


@given(studies(), st.floats(0.1, 10), st.floats(-5, 5))
def test_an_extrapolated_loss_is_no_worse_than_the_last_and_moves_with_its_units(
    drawn, scale, shift
):
    views, finished = drawn
    falls = np.diff(sorted(x for v in views for x in v.losses["val_loss"]))
    assume(all(gap == 0 or gap > 1e-3 for gap in falls))  # rounding decides no slope
    cut = [v if v.number in finished else v.until(2) for v in views]
    moved = [
        type(v)(
            v.number, v.static, {n: [scale * x + shift for x in c] for n, c in v.losses.items()}
        )
        for v in cut
    ]
    last = impute(known(cut, finished), TWO, "last")
    found = impute(known(cut, finished), TWO, "extrapolated")
    other = impute(known(moved, finished), TWO, "extrapolated")
    for number, (loss, *cost) in found.items():
        assert loss <= last[number][0]
        assert cost == list(last[number][1:])
        assert other[number][0] == pytest.approx(scale * loss + shift, abs=1e-6)


def test_an_extrapolation_follows_the_line_through_finished_trials():
    from lstmopt.pruning.trial_curves import TrialView

    views = [TrialView(n, {"latency_ms": 1.0}, {"val_loss": [n, n / 2]}) for n in range(1, 5)]
    views.append(TrialView(9, {"latency_ms": 2.0}, {"val_loss": [3.0]}))
    found = impute(known(views, {1, 2, 3, 4}), GOALS, "extrapolated")
    assert found == {9: (pytest.approx(1.5), 2.0)}


@pytest.mark.parametrize("storage", ["memory", "journal", "sqlite"])
def test_a_view_shows_stand_ins_and_leaves_the_storage_as_it_is(tmp_path, storage):
    place = {
        "memory": optuna.storages.InMemoryStorage,
        "journal": lambda: optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "j.log"))
        ),
        "sqlite": lambda: f"sqlite:///{tmp_path}/s.db",
    }[storage]()
    study = optuna.create_study(storage=place, directions=["minimize"] * 2)
    asked, view = open_view(study, study._storage)
    stopped, paused, failed = asked.ask(), asked.ask(), asked.ask()
    asked.tell(stopped, state=PRUNED)
    asked.tell(failed, state=optuna.trial.TrialState.FAIL)
    view.imputed = {0: (1.0, 2.0), 1: (3.0, 4.0), 2: (5.0, 6.0)}
    shown = asked.get_trials(states=(COMPLETE,))
    assert {t.number: tuple(t.values) for t in shown} == view.imputed
    assert [t.state.name for t in study.get_trials()] == ["PRUNED", "RUNNING", "FAIL"]
    assert [t.values for t in study.get_trials()] == [None] * 3
    view.close(paused.number, COMPLETE, [7.0, 8.0])
    assert study.get_trials()[1].values == asked.get_trials()[1].values == [7.0, 8.0]


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "wait", "note", *"CPF"]), st.integers(0, 9)))


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    return open_journal(tmp_path_factory.mktemp("view") / "journal.log")


@given(STEPS)
def test_a_view_knows_what_its_storage_holds_but_curves(journal, steps):
    study = optuna.create_study(storage=journal, directions=["minimize"] * 2)
    study.add_trial(optuna.trial.create_trial(values=[0.0, 1.0]))
    asked, view = open_view(study, journal)
    ends = {"C": COMPLETE, "P": PRUNED, "F": optuna.trial.TrialState.FAIL}
    for step, number in steps:
        open_trials = [t for t in asked.get_trials() if t.state == optuna.trial.TrialState.RUNNING]
        if step == "ask":
            with view.asking({}, sees=3, always={t.number for t in open_trials}):
                trial = asked.ask()
                trial.suggest_float("x", 0, 1)
                trial.suggest_categorical("y", ["a", "b"])
            trial.set_user_attr("number", number)
            trial.set_constraint("c", number)
            view.keep_drawn()
        elif step == "wait":
            asked.enqueue_trial({"x": number / 10})
        elif open_trials:
            trial = open_trials[number % len(open_trials)]
            if step == "note":
                journal.set_trial_user_attr(trial._trial_id, "segment_00000", {"at": 1})
                view.set_trial_user_attr(trial._trial_id, "noted", number)
            else:
                values = [1.0, 2.0] if step == "C" else None
                view.close(trial.number, ends[step], values)
    told = ("number", "_trial_id", "state", "params", "distributions", "values", "system_attrs")
    known, held = asked.get_trials(), journal.get_all_trials(study._study_id)
    assert [[getattr(t, n) for n in told] for t in known] == [
        [getattr(t, n) for n in told] for t in held
    ]
    for mine, there in zip(known, held, strict=True):
        assert mine.user_attrs == {n: v for n, v in there.user_attrs.items() if "segment" not in n}


def losses(candidate):
    return [abs(np.log10(candidate["learning_rate"]) + 2) + 1 / n for n in range(1, 10)]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_samplers_that_learn_propose_otherwise_when_told_of_paused_trials(tmp_path, sampler):
    drawn = {}
    for tell in ("nothing", "last"):
        plan = make_plan(40, sampler, pruner="halving", tell_stopped=tell)
        driver = make_driver(tmp_path / tell, plan, in_process(Scripted(losses)))
        drawn[tell] = [r.params["learning_rate"] for r in driver.search()]
    assert drawn["nothing"] != drawn["last"]


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_what_breaks_a_limit_is_never_trained_and_takes_no_trial(tmp_path, sampler):
    trained = []

    def call(candidate, *rest):
        trained.append(candidate["hidden_size"])
        return Scripted(losses)(candidate, *rest)

    limits = Limits(max_latency_ms=0.5)
    driver = make_driver(tmp_path, make_plan(12, sampler, limits=limits), in_process(call))
    records = driver.search()
    infeasible = [r for r in records if r.state == "infeasible"]
    assert set(trained) == {4}
    assert len(records) - len(infeasible) == 12
    assert infeasible
    for record in infeasible:
        assert record.params["hidden_size"] == 8
        assert record.reason == "not trained: it exceeds max_latency_ms by 60%"
        assert record.values == {"val_loss": None, "latency_ms": 0.8}
    constraints = [t.constraints["max_latency_ms"] for t in open_here(tmp_path).study.get_trials()]
    assert [c > 0 for c in constraints] == [r.state == "infeasible" for r in records]


def test_samplers_learn_where_the_limit_lies(tmp_path):
    def share(limits):
        plan = make_plan(40, "tpe", limits=limits)
        folder = tmp_path / str(limits.max_latency_ms)
        records = make_driver(folder, plan, in_process(Scripted(losses))).search()
        late = [r for r in records if r.number >= 15]
        return np.mean([r.params["hidden_size"] == 8 for r in late])

    assert share(Limits(max_latency_ms=0.5)) < share(Limits(max_latency_ms=5.0))


def test_a_search_gives_up_when_every_candidate_breaks_a_limit(tmp_path):
    notices = []

    class Listener(Observer):
        def notice(self, text):
            notices.append(text)

    plan = make_plan(5, limits=Limits(max_parameters=1))
    driver = make_driver(tmp_path / "a", plan, observer=Listener())
    assert {r.state for r in driver.search()} == {"infeasible"}
    assert "in a row broke a limit" in notices[0]


def test_a_trial_that_fails_after_it_was_shown_as_paused_does_not_break_nsga2(tmp_path):
    def call(candidate, checkpoint, epochs):
        progress = Scripted(losses)(candidate, checkpoint, epochs)
        if len(losses(candidate)) > int(progress.checkpoint) >= 3 and candidate["hidden_size"] == 8:
            return dataclasses.replace(progress, failure="the loss was no longer finite")
        return progress

    plan = dataclasses.replace(make_plan(90, "nsga2", pruner="halving"), segment_seconds=0.0)
    records = make_driver(tmp_path, plan, in_process(call)).search()
    assert len(records) == 90  # four generations
    assert {r.state for r in records} >= {"complete", "failed"}


def test_a_sampler_of_a_long_study_is_shown_the_latest_and_those_that_always_count():
    study = optuna.create_study(directions=["minimize"] * 2)
    other = optuna.create_study(storage=study._storage, directions=["minimize"])
    asked, view = open_view(study, study._storage)
    for number in range(10):
        if number in (0, 1, 3, 4, 6):
            asked.tell(asked.ask(), [number, -number])
        else:
            asked.tell(asked.ask(), state=PRUNED)
    with view.asking({}, sees=3, always={2, 8}):
        assert [t.number for t in asked.get_trials()] == [2, 3, 4, 6, 7, 8, 9]
        assert asked.ask().number == 10
        assert [t.number for t in asked.get_trials()] == [2, 3, 4, 6, 7, 8, 9, 10]
        assert len(study.get_trials()) == 10  # it is not there before it is drawn to its end
    view.keep_drawn()
    assert len(asked.get_trials()) == 11
    with view.asking({}, sees=None, always={2}):
        assert len(asked.get_trials()) == 11
    assert not other.trials


def test_many_workers_breed_from_parents_that_are_long_stopped(tmp_path):
    plan = make_plan(400, "nsga2", pruner="plausible_halving")
    plan = dataclasses.replace(plan, sampler=dataclasses.replace(plan.sampler, sees=20))
    engine = Engine(InProcess(), 64, Scripted(losses))
    assert len(make_driver(tmp_path, plan, engine).search()) == 400
    assert len(make_driver(tmp_path, dataclasses.replace(plan, trials=500), engine).search()) == 500


def test_a_view_knows_no_trial_of_an_id_that_is_not_there():
    study = optuna.create_study()
    study.tell(study.ask(), 1.0)
    _, view = open_view(study, study._storage)
    assert view.get_trial(0).number == 0
    for unknown in (-1, 1):
        with pytest.raises(KeyError):
            view.get_trial(unknown)


def test_a_trial_that_another_program_begins_meanwhile_is_noticed():
    study = optuna.create_study()
    asked, view = open_view(study, study._storage)
    with view.asking({}):
        asked.ask().suggest_float("x", 0, 1)
    study.ask()
    with pytest.raises(MachineError, match="found one that another program began"):
        view.keep_drawn()


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_sampler_that_sees_few_trials_still_learns(tmp_path, sampler):
    plan = make_plan(60, sampler)
    plan = dataclasses.replace(plan, sampler=dataclasses.replace(plan.sampler, sees=20))
    records = make_driver(tmp_path, plan, in_process(Scripted(losses))).search()
    assert len(records) == 60
    miss = [abs(np.log10(record.params["learning_rate"]) + 2) for record in records]
    assert np.median(miss[40:]) < np.median(miss[:20])


def test_no_more_stopped_trials_are_shown_than_finished_ones_allow():
    study = optuna.create_study(directions=["minimize"] * 2)
    for number in range(12):
        trial = study.ask()
        if number in (3, 7):
            study.tell(trial, [1.0, 2.0])
        else:
            study.tell(trial, state=PRUNED)
    asked, view = open_view(study, study._storage)
    with view.asking({}, stopped_per_finished=2):
        assert [t.number for t in asked.get_trials()] == [3, 7, 8, 9, 10, 11]
    with view.asking({}):
        assert len(asked.get_trials()) == 12


def test_what_a_finite_sampler_has_left_is_known_without_a_look_into_the_storage(
    tmp_path, monkeypatch
):
    read, get_trial = [], DriverJournal.get_trial
    monkeypatch.setattr(
        DriverJournal, "get_trial", lambda self, n: read.append(n) or get_trial(self, n)
    )
    space = parse_space({"hidden_size": [4, 8], "learning_rate": [n / 1000 for n in range(1, 21)]})
    plan = make_plan(40, "grid", space)
    plan = dataclasses.replace(plan, sampler=dataclasses.replace(plan.sampler, sees=2))
    records = make_driver(tmp_path, plan, in_process(Scripted(losses))).search()
    assert len({str(record.params) for record in records}) == 40
    assert len(read) <= 2 * len(records)
