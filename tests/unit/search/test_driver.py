from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import optuna
import pytest

from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.execution import local_engine
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.execution.local_engine import open_local_engine
from lstmopt.execution.process_pool import LocalProcesses
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import Decision
from lstmopt.search import active_trial
from lstmopt.search import driver as driver_module
from lstmopt.search.active_trial import ActiveTrial
from lstmopt.search.driver import Driver
from lstmopt.search.observer import Observer
from lstmopt.search.paused_trials import PausedTrials
from lstmopt.search.search_plan import check_support, training_seed
from lstmopt.search.telling import Teller
from lstmopt.search_space import Candidate, parse_space
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.trial_record import best_of, front_of
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Progress, advance
from support.drivers import (
    GOALS,
    REGISTRY,
    SPACE,
    Scripted,
    goals_of,
    in_process,
    make_context,
    make_driver,
    make_plan,
    open_here,
    outcome,
)
from support.parts import make_workload, stored_parts


@pytest.fixture
def uninterrupted(tmp_path):
    return outcome(make_driver(tmp_path / "whole").search())


def test_a_search_spends_its_trials_and_tells_real_values(tmp_path):
    driver = make_driver(tmp_path)
    records = driver.search()
    assert [r.number for r in records] == list(range(6))
    for trial, record in zip(open_here(tmp_path).study.get_trials(), records, strict=True):
        assert trial.values == [min(e.val_loss for e in record.curve), record.values["latency_ms"]]
        assert record.values["latency_ms"] == record.params["hidden_size"] / 10
    kept = {f"trial_{r.number}" for r in [*front_of(records, GOALS), *best_of(records, GOALS)]}
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == kept


def test_the_front_of_the_record_is_that_of_optuna(tmp_path):
    driver = make_driver(tmp_path)
    front = front_of(driver.search(), GOALS)
    assert {r.number for r in front} == {t.number for t in open_here(tmp_path).study.best_trials}


def test_the_same_seed_gives_the_same_trials(tmp_path, uninterrupted):
    assert outcome(make_driver(tmp_path / "again").search()) == uninterrupted


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
@pytest.mark.parametrize("after", [0, 1, 4, 9])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(
    tmp_path, uninterrupted, after, storage
):
    url = f"sqlite:///{tmp_path}/s.db" if storage == "sqlite" else ""
    calls = iter(range(100))
    workload = make_workload(epochs=3, patience=3)

    def stop_later(candidate, checkpoint, epochs):
        if next(calls) == after:
            raise KeyboardInterrupt
        return advance(workload, candidate, checkpoint, 1)

    with contextlib.suppress(KeyboardInterrupt):
        make_driver(tmp_path / "cut", engine=in_process(stop_later), url=url).search()
    assert outcome(make_driver(tmp_path / "cut", url=url).search()) == uninterrupted


def test_a_lock_that_a_killed_process_left_keeps_nobody_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = RunFolder(Path("run")).journal
    code = (
        "import os; from pathlib import Path\n"
        "from lstmopt.storage import driver_journal as journal\n"
        "Path('run').mkdir(); Path('run/journal.log').touch()\n"
        "lock = journal._Lock(Path('run/journal.log')); lock.acquire()\n"
        "os.symlink('run/journal.log', 'run/journal.log.lock')  # as Optuna's own would be left\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert not journal.read_bytes()
    assert len(make_driver(Path("run")).search()) == 6


@pytest.mark.system
def test_processes_that_write_one_journal_lose_nothing(tmp_path):
    open_here(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from lstmopt.storage.driver_journal import open_journal\n"
        "storage = open_journal(Path(sys.argv[1]))\n"
        "for n in range(100): storage.set_study_user_attr(0, f'{sys.argv[2]}-{n}', 'x' * 5000)"
    )
    command = [sys.executable, "-c", code, str(RunFolder(tmp_path).journal)]
    writers = [subprocess.Popen([*command, str(n)]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(open_here(tmp_path).study.user_attrs) == 301


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
@pytest.mark.parametrize("drawn", [(), ("hidden_size",), ("hidden_size", "learning_rate")])
def test_a_trial_that_was_being_drawn_is_drawn_to_its_end_and_counts_once(tmp_path, sampler, drawn):
    begun = open_here(tmp_path).study.ask()
    for name in drawn:
        begun._suggest(name, SPACE.parameters[name].distribution())
    records = make_driver(tmp_path, make_plan(4, sampler)).search()
    assert [(r.number, r.state) for r in records] == [(n, "complete") for n in range(4)]
    assert records[0].params.items() >= begun.params.items()
    assert len({tuple(r.params.items()) for r in records}) == 4


@pytest.mark.parametrize("interrupted", range(1, 6))
def test_a_candidate_that_was_tried_is_not_trained_again_after_an_interruption(
    tmp_path, interrupted
):
    trained = []

    def call(candidate, *rest):
        trained.append(candidate["learning_rate"])
        return Scripted(lambda c: [c["learning_rate"]])(candidate, *rest)

    class Interrupt(Observer):
        def started(self, number, params, static):
            if number == interrupted:
                raise KeyboardInterrupt

    stored = open_here(tmp_path)
    for n in range(6):
        stored.study.enqueue_trial({"hidden_size": 4, "learning_rate": [0.01, 0.02][n % 2]})
    with contextlib.suppress(KeyboardInterrupt):
        make_driver(tmp_path, engine=in_process(call), observer=Interrupt()).search()
    records = make_driver(tmp_path, engine=in_process(call)).search()
    assert sorted(trained) == [0.01, 0.02]
    assert [r.values["val_loss"] for r in records] == [0.01, 0.02] * 3


def test_a_paused_trial_without_a_checkpoint_is_trained_again_to_the_same_end(
    tmp_path, monkeypatch
):
    plan = make_plan(9, pruner="halving:reduction_factor=2")
    kept = make_driver(tmp_path / "kept", plan).search()
    monkeypatch.setattr(driver_module, "PausedTrials", partial(PausedTrials, most=0))
    assert outcome(make_driver(tmp_path / "dropped", plan).search()) == outcome(kept)
    assert any(r.state == "complete" for r in kept)
    assert any("paused" in r.reason for r in kept)
    kept_files = {path.parent.name for path in (tmp_path / "dropped" / "checkpoints").rglob("*.pt")}
    ended = [r for r in best_of(kept, GOALS) if r.state == "complete"]
    wanted = [*front_of(kept, GOALS), *ended]
    assert kept_files == {f"trial_{record.number}" for record in wanted}


def test_a_trial_that_had_been_trained_to_its_end_is_complete_whenever_the_driver_died(
    tmp_path, monkeypatch
):
    class Pauses:
        def decide(self, trial, trials):
            return Decision("pause", "it always does")

        def next_rung(self, report):
            return None

        def promote(self, paused, trials, closing):
            return None

    def die(*_):
        raise KeyboardInterrupt

    plan = dataclasses.replace(make_plan(3), pruner=Pauses())
    call = in_process(Scripted(lambda c: [c["learning_rate"]]))
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(Teller, "complete", die)
        make_driver(tmp_path, plan, call).search()
    assert [r.state for r in make_driver(tmp_path, plan, call).search()] == ["complete"] * 3


def test_a_torn_last_line_of_the_journal_is_cut_off(tmp_path, uninterrupted):
    make_driver(tmp_path / "torn", make_plan(trials=3)).search()
    with (tmp_path / "torn" / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 4, "worker_id": "x", "stu')
    driver = make_driver(tmp_path / "torn")
    assert outcome(driver.search()) == uninterrupted


@pytest.mark.system
def test_a_fixed_list_of_candidates_gives_the_same_losses_with_1_and_2_workers(tmp_path):
    candidates = [{"hidden_size": h, "learning_rate": lr} for h in (4, 8) for lr in (0.01, 0.03)]
    outcomes = []
    for workers in (1, 2):
        stored = open_here(tmp_path / str(workers))
        for params in candidates:
            stored.study.enqueue_trial(params)
        options = TrainingOptions(epochs=3)
        with open_local_engine(stored_parts(tmp_path), options, "cpu", workers) as engine:
            driver = make_driver(tmp_path / str(workers), make_plan(trials=4), engine)
            outcomes.append(outcome(driver.search()))
    assert outcomes[0] == outcomes[1]


def train_but_be_killed_once(folder, *task):
    """Train as a worker does; the first that goes on from a checkpoint is killed in the middle."""
    killed = Path(folder) / "killed"
    if task[1] is not None and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return local_engine._advance_loaded(*task)


@pytest.mark.system
def test_a_killed_worker_is_replaced_and_its_candidate_goes_on(tmp_path):
    notices = []

    class Listener(Observer):
        def notice(self, text):
            notices.append(text)

    options = TrainingOptions(epochs=60, patience=60)
    with open_local_engine(stored_parts(tmp_path), options, "cpu", 2) as engine:
        engine._call = partial(train_but_be_killed_once, str(tmp_path))
        records = make_driver(tmp_path, make_plan(trials=3), engine, Listener()).search()
    assert [r.state for r in records] == ["complete"] * 3
    assert [[e.number for e in r.curve] for r in records] == [list(range(1, 61))] * 3
    (died,) = [notice for notice in notices if "its worker died; it goes on from report" in notice]
    assert "from report 0 " not in died


def dies_when_large(candidate, checkpoint, epochs):
    if candidate["hidden_size"] == 8:
        os._exit(1)
    return Progress(b"x", (Epoch(1, 0.5, 0.5, 0.5, 0.5, 0.1),), True)


def no_preparation():
    pass


@pytest.mark.system
def test_a_candidate_that_kills_its_worker_twice_fails_and_blocks_nobody(tmp_path):
    pool = LocalProcesses(2, no_preparation, ())
    try:
        records = make_driver(tmp_path, make_plan(8), Engine(pool, 2, dies_when_large)).search()
    finally:
        pool.shutdown(cancel_futures=True)
    assert len(records) == 8
    assert {r.params["hidden_size"] for r in records} == {4, 8}
    for record in records:
        large = record.params["hidden_size"] == 8
        assert record.state == ("failed" if large else "complete")
        assert record.reason == ("its worker died 2 times" if large else "")


def test_the_median_pruner_stops_trials_in_a_two_objective_study(tmp_path):
    call = Scripted(lambda c: [c["learning_rate"] * 10] * 8)
    driver = make_driver(tmp_path, make_plan(40, pruner="median"), in_process(call))
    records = driver.search()
    pruned = [r for r in records if r.state == "pruned"]
    assert pruned
    states = [t.state for t in open_here(tmp_path).study.get_trials()]
    assert states.count(optuna.trial.TrialState.PRUNED) == len(pruned)
    for record in pruned:
        assert "median at report" in record.reason
        assert record.by_pruner
        assert len(record.curve) < 8
        better = [
            r
            for r in records
            if r.state == "complete"
            and r.params["hidden_size"] <= record.params["hidden_size"]
            and r.params["learning_rate"] < record.params["learning_rate"]
        ]
        assert better


def test_pruning_does_not_depend_on_how_epochs_fall_into_segments(tmp_path):
    def losses(candidate):
        return [candidate["learning_rate"] * 10 / (n + 1) for n in range(8)]

    single = Scripted(losses)

    def one_by_one(candidate, checkpoint, epochs):
        return single(candidate, checkpoint, 1)

    plan = make_plan(30, pruner="median")
    whole = make_driver(tmp_path / "a", plan, in_process(lambda c, k, n: single(c, k, 8))).search()
    cut = make_driver(tmp_path / "b", plan, in_process(one_by_one)).search()
    assert outcome(whole) == outcome(cut)
    assert any(r.state == "pruned" for r in whole)


def test_a_failed_candidate_has_its_reason_and_no_value(tmp_path):
    def call(candidate, checkpoint, epochs):
        if candidate["hidden_size"] == 8:
            raise RuntimeError("out of\nmemory")
        return Progress(b"", (), True, "the loss was no longer finite in epoch 1")

    records = make_driver(tmp_path, engine=in_process(call)).search()
    assert {r.state for r in records} == {"failed"}
    assert {r.reason for r in records} == {
        "RuntimeError: out of memory",
        "the loss was no longer finite in epoch 1",
    }
    assert all(r.values["val_loss"] is None for r in records)


def test_an_infinite_objective_is_a_failure_not_a_value(tmp_path):
    call = Scripted(lambda c: [float("inf")])
    records = make_driver(tmp_path, engine=in_process(call)).search()
    assert {r.state for r in records} == {"failed"}


FINITE = parse_space({"hidden_size": [4, 8], "batch_size": [8, 16, 32]})


def test_a_grid_tries_every_candidate_once_and_ends(tmp_path):
    call = Scripted(lambda c: [c["batch_size"] / 100])
    plan = make_plan(50, "grid", FINITE)
    records = make_driver(tmp_path, plan, in_process(call)).search()
    tried = [tuple(r.params.items()) for r in records]
    assert len(tried) == len(set(tried)) == 6


def test_an_interrupted_grid_goes_on_without_repeats(tmp_path):
    call = Scripted(lambda c: [c["batch_size"] / 100])
    make_driver(tmp_path, make_plan(4, "grid", FINITE), in_process(call)).search()
    records = make_driver(tmp_path, make_plan(50, "grid", FINITE), in_process(call)).search()
    assert len({tuple(r.params.items()) for r in records}) == len(records) == 6


def test_a_candidate_trained_before_is_reused(tmp_path):
    trained = []

    def call(candidate, checkpoint, epochs):
        trained.append(tuple(candidate.params.items()))
        return Scripted(lambda c: [c["hidden_size"] / 100])(candidate, checkpoint, epochs)

    space = parse_space({"hidden_size": [4, 8]})
    records = make_driver(tmp_path, make_plan(10, space=space), in_process(call)).search()
    assert len(records) == 10
    assert len(trained) == len(set(trained)) == 2
    reused = [r for r in records if "not trained again" in r.reason]
    assert len(reused) == 8
    assert all(r.epochs_trained == 0 and r.values["val_loss"] is not None for r in reused)


OWN = [name for name in REGISTRY.names("sampler") if ":" not in name]
THEIRS = [name for name in REGISTRY.names("sampler") if name.startswith("optuna:")]


@pytest.mark.parametrize("name", THEIRS)
def test_a_sampler_of_optunas_is_made_of_the_class_that_it_is_named_after(name):
    objectives = (
        GOALS if REGISTRY.strategy("sampler", name).multi_objective else goals_of("val_loss")
    )
    made = make_plan(sampler=name, goals=objectives).make_sampler(0)
    assert name.partition(":")[2] in [kind.__name__ for kind in type(made).__mro__]


@pytest.mark.parametrize("sampler", OWN)
def test_each_sampler_name_reaches_its_own_sampler(sampler):
    kinds = {
        "tpe": optuna.samplers.TPESampler,
        "random": optuna.samplers.RandomSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
    }
    made = make_plan(sampler=sampler, space=FINITE).make_sampler(0)
    if sampler in kinds:
        assert type(made) is kinds[sampler]
    else:
        assert type(made).__name__ == "GridSampler"


def test_samplers_propose_differently(tmp_path):
    proposals = {}
    for sampler in ("tpe", "random", "nsga2"):
        call = Scripted(lambda c: [abs(c["learning_rate"] - 0.01)])
        driver = make_driver(tmp_path / sampler, make_plan(40, sampler), in_process(call))
        proposals[sampler] = [r.params["learning_rate"] for r in driver.search()]
    assert proposals["tpe"] != proposals["random"] != proposals["nsga2"] != proposals["tpe"]


def test_time_that_is_up_closes_the_running_trial(tmp_path, monkeypatch):
    call = Scripted(lambda c: [0.5] * 10)
    records = make_driver(tmp_path, make_plan(5, seconds=1e-9), in_process(call)).search()
    assert [(r.state, len(r.curve)) for r in records] == [("pruned", 1)]  # there is an answer
    stored = open_here(tmp_path / "b")
    stored.study.enqueue_trial({"hidden_size": 4, "learning_rate": 0.01})

    class Clock(Observer):
        now = 0.0

        def monotonic(self):
            return self.now

        def advanced(self, number, epochs):
            self.now += 61

    clock = Clock()
    monkeypatch.setattr("lstmopt.system.deadline.time", clock)
    (record,) = make_driver(
        tmp_path / "b", make_plan(5, seconds=60), in_process(call), clock
    ).search()
    assert record.state == "pruned"
    assert "time was up" in record.reason
    assert not record.by_pruner


@pytest.mark.parametrize(
    ("sampler", "space", "words"),
    [("grid", SPACE, "cannot search learning_rate")],
)
def test_what_a_sampler_cannot_do_is_refused_before_the_first_trial(sampler, space, words):
    with pytest.raises(LstmoptError, match=words):
        check_support(REGISTRY.strategy("sampler", sampler), space, GOALS)


def test_a_run_with_other_objectives_is_refused(tmp_path):
    open_here(tmp_path)
    with pytest.raises(LstmoptError, match="another objectives"):
        open_here(tmp_path, goals_of("val_loss", "parameters"))
    with pytest.raises(LstmoptError, match="another objectives"):
        open_here(tmp_path, goals_of("val_loss"))


def test_a_second_driver_is_refused_and_the_first_is_named(tmp_path):
    folder = RunFolder(tmp_path)
    with (
        folder.lock(),
        pytest.raises(LstmoptError, match=f"process {os.getpid()} on"),
        RunFolder(tmp_path).lock(),
    ):
        pass


def test_every_trial_is_observed_by_plug_ins(tmp_path):
    seen = []

    class Watcher:
        @staticmethod
        def lstmopt_trial_finished(study, trial):
            seen.append((trial.number, trial.state.name))

    registry = load_registry()
    watcher = Watcher()
    driver = make_driver(tmp_path, make_plan(3), registry=registry)
    from lstmopt import hookimpl

    Watcher.lstmopt_trial_finished = staticmethod(hookimpl(Watcher.lstmopt_trial_finished))
    registry.manager.register(watcher)
    driver.search()
    assert seen == [(n, "COMPLETE") for n in range(3)]


def budget_of(plan, epochs):
    return dataclasses.replace(plan, epochs=epochs, segment_seconds=0.0)


def test_an_epoch_budget_is_spent_exactly_and_the_last_trial_is_cut_off(tmp_path):
    plan = budget_of(make_plan(trials=99), 7)  # candidates of three epochs each
    records = make_driver(tmp_path, plan).search()
    assert [r.epochs_trained for r in records] == [3, 3, 1]
    assert [r.state for r in records] == ["complete", "complete", "pruned"]
    assert not records[-1].by_pruner
    assert "epochs were spent at report 1" in records[-1].reason


def test_a_resumed_epoch_budget_counts_what_was_trained_before(tmp_path):
    make_driver(tmp_path, budget_of(make_plan(trials=99), 4)).search()
    records = make_driver(tmp_path, budget_of(make_plan(trials=99), 9)).search()
    assert sum(r.epochs_trained for r in records) == 9


@pytest.mark.system
def test_workers_together_never_spend_more_than_the_epoch_budget(tmp_path):
    options = TrainingOptions(epochs=3, patience=3)
    plan = budget_of(make_plan(trials=99), 8)
    with open_local_engine(stored_parts(tmp_path), options, "cpu", 2) as engine:
        records = make_driver(tmp_path, plan, engine).search()
    assert sum(r.epochs_trained for r in records) <= 8


def test_the_driver_knows_what_the_strategy_itself_took(tmp_path):
    context = make_context(tmp_path, make_plan(trials=2))
    Driver(context, in_process()).search()
    assert min(context.overhead.ask, context.overhead.prune, context.overhead.tell) > 0


def halving_plan(trials=9):
    plan = make_plan(trials=trials)
    pruner = REGISTRY.strategy("pruner", "halving").make()
    return dataclasses.replace(plan, pruner=pruner, segment_seconds=0.0)


def test_a_halving_search_that_is_interrupted_goes_on_to_the_same_losses(tmp_path):
    whole = make_driver(tmp_path / "whole", halving_plan()).search()

    class Stop(Observer):
        def __init__(self):
            self.left = 7

        def advanced(self, number, epochs):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_driver(tmp_path / "cut", halving_plan(), observer=Stop()).search()
    cut = make_driver(tmp_path / "cut", halving_plan()).search()
    assert [r.params for r in cut] == [r.params for r in whole]
    for mine, other in zip(cut, whole, strict=True):
        shared = min(len(mine.curve), len(other.curve))
        assert [e.val_loss for e in mine.curve[:shared]] == [
            e.val_loss for e in other.curve[:shared]
        ]
    assert {r.state for r in cut} == {"complete", "pruned"}
    assert all(len(r.curve) in (1, 3) for r in cut)


class Paced:
    """Stands in for training of 9 epochs; writes down who trained how many."""

    def __init__(self, seconds):
        self.seconds, self.log = seconds, []

    def __call__(self, candidate, checkpoint, epochs, seconds=math.inf):
        begun = int(checkpoint or b"0")
        end = min(9, begun + epochs)
        self.log.append((candidate.seed, begun, end))
        pace = self.seconds(candidate)
        rows = tuple(Epoch(n + 1, 1.0, 1.0, 1.0, 0.0, pace) for n in range(begun, end))
        return Progress(str(end).encode(), rows, end == 9)


def test_at_the_end_workers_take_the_trial_that_has_most_left(tmp_path):
    paced = Paced(lambda candidate: candidate["hidden_size"] / 10)
    plan = make_plan(8, segment_seconds=0.1, trial_reports=9.0)
    driver = make_driver(tmp_path, plan, Engine(InProcess(), 2, paced))
    pace = {r.number: r.params["hidden_size"] / 10 for r in driver.search()}
    number = {training_seed(plan.seed, n): n for n in pace}
    log = [(number[seed], begun, end) for seed, begun, end in paced.log]
    assert {pace[n] for n in pace} == {0.4, 0.8}
    started = [n for n, begun, _ in log if begun == 0]
    assert started == list(range(8))
    last_begun = max(i for i, (_, begun, _) in enumerate(log) if begun == 0)
    left = {n: pace[n] * 9 for n in pace}
    for i, (n, _, end) in enumerate(log):
        if i > last_begun + 1:
            running = {log[i - 1][0]}  # the other worker's
            assert left[n] >= max(v for m, v in left.items() if m not in running or m == n) - 1e-9
        left[n] = pace[n] * (9 - end)
    assert not any(left.values())


def test_one_worker_trains_a_trial_to_its_end_before_the_next(tmp_path):
    paced = Paced(lambda candidate: 1.0)
    make_driver(tmp_path, make_plan(3), Engine(InProcess(), 1, paced)).search()
    seeds = [seed for seed, _, _ in paced.log]
    assert seeds == sorted(seeds, key=seeds.index)


@pytest.mark.parametrize(
    ("handling", "epochs"), [(math.inf, 10), (0.001, 10), (0.05, 50), (-3.0, 10)]
)
def test_segments_grow_until_handling_them_costs_one_in_a_hundred(monkeypatch, handling, epochs):
    trained = [Epoch(n, 1.0, 1.0, 1.0, 0.0, 0.1) for n in (1, 2, 3)]
    trial = ActiveTrial(0, Candidate({}, 0), {}, epochs=trained)
    if math.isfinite(handling):  # else nothing was handled yet
        clock = iter([5.0, 5.3 + handling])
        monkeypatch.setattr(active_trial.time, "perf_counter", lambda: next(clock))
        trial.submit(3)
        trial.record(Progress(b"", tuple(trained), False))
        monkeypatch.undo()
    assert trial.next_epochs(1.0) == epochs
