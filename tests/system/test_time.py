"""Time that ends, and people who end it."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from lstmopt import Forecaster, load, run
from lstmopt.networks.weights import read_checkpoint
from lstmopt.objectives import Limits
from lstmopt.report.terminal import print_result
from lstmopt.search.driver import Driver
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from lstmopt.storage.run_folder import RunFolder
from lstmopt.system.signals import StopRequest, handle_signals
from lstmopt.training.trainer import advance
from support.drivers import in_process, make_context, make_driver, make_plan
from support.parts import SMALL, make_workload, wave
from support.processes import started
from support.studies import config_of

CANDIDATE = Candidate(SMALL, 5)


class Clock:
    """Stands in for time in training: every look at it takes a tick."""

    def __init__(self, monkeypatch, tick: float) -> None:
        self.now, self.tick = 0.0, tick
        monkeypatch.setattr("lstmopt.training.trainer.time.monotonic", self)

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def test_training_gives_up_within_one_step(monkeypatch, workload):
    clock = Clock(monkeypatch, 1.0)
    progress = advance(workload, CANDIDATE, None, 5, seconds=3.5)
    assert progress.out_of_time
    assert not progress.finished
    assert progress.epochs == ()
    # a look when it begins, then one a step until the first beyond the end
    assert clock.now == 5.0


@pytest.mark.parametrize("looks", [20, 30, 40, 60])
def test_what_was_trained_before_time_was_up_is_bit_for_bit_what_it_always_is(
    monkeypatch, workload, looks
):
    whole = advance(workload, CANDIDATE, None, 10)
    Clock(monkeypatch, 1.0)
    cut = advance(workload, CANDIDATE, None, 10, seconds=looks)
    assert cut.out_of_time
    losses = [epoch.val_loss for epoch in whole.epochs]
    assert [epoch.val_loss for epoch in cut.epochs] == losses[: len(cut.epochs)]
    rest = advance(workload, CANDIDATE, cut.checkpoint, 10 - len(cut.epochs))
    both = (*cut.epochs, *rest.epochs)
    assert [epoch.val_loss for epoch in both] == losses


def test_time_without_end_changes_nothing(workload):
    whole = advance(workload, CANDIDATE, None, 3)
    timed = advance(workload, CANDIDATE, None, 3, seconds=1e6)
    assert [e.val_loss for e in timed.epochs] == [e.val_loss for e in whole.epochs]
    assert not timed.out_of_time


def test_a_timeout_ends_the_last_trial_properly_in_the_middle_of_an_epoch(tmp_path):
    workload = make_workload(epochs=10_000, patience=10_000)
    plan = dataclasses.replace(make_plan(50, seconds=1.5), segment_seconds=60.0)
    call = in_process(lambda *args: advance(workload, *args))
    begun = time.monotonic()
    records = make_driver(tmp_path, plan, call).search()
    assert time.monotonic() - begun < 30  # a segment alone is asked to take a minute
    assert records[-1].state == "pruned"
    assert "time was up" in records[-1].reason
    assert not records[-1].by_pruner
    assert len(records[-1].curve) == records[-1].epochs_trained


class Notices(Observer):
    def __init__(self) -> None:
        self.heard = []

    def notice(self, text):
        self.heard.append(text)


def timed_study(folder, **changes):
    wave().to_csv(folder / "wave.csv", index=False)
    plain = {"warm_start": {"name": "none"}, "sampler": {"name": "random"}}
    training = {"epochs": 200, "patience": 200}
    return config_of(
        folder / "wave.csv", budget={"trials": 100_000}, training=training, **plain, **changes
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_time_limit_holds_from_the_call_to_the_saved_model(tmp_path, workers):
    begun = time.monotonic()
    document = run(timed_study(tmp_path, workers=workers), tmp_path / "run", time_limit="8s")
    assert time.monotonic() - begun < 16  # half of it for a machine that does other things too
    assert document["chosen"]["trial"] in document["front"]
    assert len(Forecaster.load(tmp_path / "run").predict(tmp_path / "wave.csv")) == 2


def test_without_any_time_the_first_report_of_all_is_deployed(tmp_path):
    observer = Notices()
    document = run(timed_study(tmp_path), tmp_path / "run", observer=observer, time_limit=0.001)
    (trial,) = document["trials"]
    assert (trial["state"], trial["epochs"]) == ("pruned", 1)
    (finalist,) = document["finalists"]
    assert finalist["seeds"] == 0
    assert any("the network of the search is deployed" in text for text in observer.heard)
    assert "the network is the search's own" in printed(tmp_path / "run")
    shown = load(tmp_path / "run")
    network = shown.model.network()
    kept = RunFolder(tmp_path / "run").last_checkpoint(0)
    for name, weights in read_checkpoint(kept)["best_weights"].items():
        assert (network.state_dict()[name] == weights).all()


def printed(folder):
    console = Console(file=io.StringIO(), width=160)
    print_result(load(folder).results, console, str(folder))
    return console.file.getvalue()


def test_a_candidate_has_a_limit_of_its_own(tmp_path):
    workload = make_workload(epochs=10_000, patience=10_000)
    plan = make_plan(3)
    limits = dataclasses.replace(plan, limits=Limits(max_trial_seconds=0.3))
    records = make_driver(tmp_path, limits, in_process(lambda *a: advance(workload, *a))).search()
    assert [record.state for record in records] == ["pruned"] * 3
    assert all("max_trial_seconds is 0.3" in record.reason for record in records)
    assert not any(record.by_pruner for record in records)


def test_the_first_signal_is_a_wish_and_the_second_an_order():
    stop, said, before = StopRequest(), [], signal.getsignal(signal.SIGINT)
    with handle_signals(stop, said.append):
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert said == ["stopping: what runs is finished first; once more stops at once"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_search_that_is_asked_to_stop_records_what_runs_and_goes_on_later(tmp_path):
    class Asks(Observer):
        def advanced(self, number, epochs):
            context.stop.ask()

    context = make_context(tmp_path, make_plan(4), Asks())
    with pytest.raises(KeyboardInterrupt):
        Driver(context, in_process()).search()
    (trial,) = context.stored.study.get_trials()
    assert trial.state.name == "RUNNING"
    whole = make_driver(tmp_path / "whole", make_plan(4)).search()
    rest = make_driver(tmp_path, make_plan(4)).search()
    assert [r.values["val_loss"] for r in rest] == [r.values["val_loss"] for r in whole]


STUDY = (
    'name = "s"\nworkers = {workers}\n[data]\npath = "wave.csv"\ntarget = "load"\n'
    "[task]\nwindow = 12\n[training]\nepochs = 30\n[space]\nhidden_size = [4, 8]\n"
    "learning_rate = {{ low = 0.001, high = 0.1 }}\n[budget]\ntrials = 400\n"
    '[warm_start]\nname = "none"\n'
)


@pytest.mark.parametrize("signals", [["SIGTERM"], ["SIGINT"], ["SIGINT", "SIGINT"]])
@pytest.mark.parametrize("workers", [1, 2])
def test_signals_stop_a_run_with_everything_finished_kept(tmp_path, signals, workers):
    wave().to_csv(tmp_path / "wave.csv", index=False)
    (tmp_path / "s.toml").write_text(STUDY.format(workers=workers))
    command = [sys.executable, "-c", "from lstmopt.cli.main import main; main()", "run", "s.toml"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(command, cwd=tmp_path, **pipes) as process:
        seen = 0
        while seen < 3:
            line = process.stdout.readline()
            assert line, "it ended by itself"
            seen += line.startswith("trial ")
        for name in signals:
            process.send_signal(getattr(signal, name))
            time.sleep(0.01)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "the same command goes on" in errors
    kept = load(tmp_path / "runs" / "s")
    ended = [trial.number for trial in kept.study.get_trials() if trial.state.is_finished()]
    assert [trial["number"] for trial in kept.document["trials"]] == ended
    assert len(ended) >= 3
