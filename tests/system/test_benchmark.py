from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from lstmopt_benchmarks.benchmark import BenchmarkFolder, StudyBudget, run_benchmark
from lstmopt_benchmarks.contenders import AGAIN, BASELINE, DOUBLE, contenders
from lstmopt_benchmarks.events import read_studies
from lstmopt_benchmarks.replay import ReplayTask
from lstmopt_benchmarks.report import gather, summarise, write_report
from lstmopt_benchmarks.tables import read_tables, write_table

from lstmopt.cli.main import main
from lstmopt.errors import LstmoptError
from support.parts import wave
from support.processes import started
from support.real_cluster import wait_until
from support.tables import make_recorded

EXTREMES = '''
import optuna
from lstmopt import Strategy, hookimpl
from lstmopt.pruning.pruners import Decision
from lstmopt_benchmarks.replay import ReplayTask
from lstmopt_benchmarks.tables import read_tables

TASK = ReplayTask(read_tables({table!r})[0], rows=True)
FRONT = set(TASK.freeze(1, None).front)
BEST = [row for row in range(TASK.table.rows) if TASK.full_values({{"row": row}}) in FRONT]


class Cheat(optuna.samplers.BaseSampler):
    """Knows the final losses and proposes the front, which no honest sampler can."""

    def infer_relative_search_space(self, study, trial):
        return {{"row": optuna.distributions.IntDistribution(0, TASK.table.rows - 1)}}

    def sample_relative(self, study, trial, space):
        return {{"row": BEST[trial.number % len(BEST)]}}

    def sample_independent(self, study, trial, name, distribution):
        raise AssertionError


class StopAll:
    def decide(self, trial, others):
        return Decision("stop", "everything is")


@hookimpl
def lstmopt_samplers():
    return [Strategy("cheat", lambda: Cheat(), "reads final losses", "none")]


@hookimpl
def lstmopt_pruners():
    return [Strategy("stop_all", lambda: StopAll(), "stops everything", "none")]
'''


@pytest.fixture
def table_file(tmp_path):
    path = tmp_path / "table.npz"
    write_table(make_recorded(), path)
    return str(path)


def strip(study):
    """Return what a study's events say, but for times and memory."""
    event = study.event
    return (study.key, event.epochs, event.seconds, study.trials)


def test_a_cheat_ranks_first_who_stops_everything_last_and_the_a_a_pair_ties(tmp_path, table_file):
    plugin = tmp_path / "extremes.py"
    plugin.write_text(EXTREMES.format(table=table_file))
    tasks = [ReplayTask(read_tables(table_file)[0], rows=True)]
    field = contenders(["random", "cheat"], ["none", "stop_all"], ["none"])
    run_benchmark(tasks, field, 12, StudyBudget(8), tmp_path / "b", plugins=(plugin,))
    summary = write_report(tmp_path / "b")
    rows = sorted(summary["strategies"], key=lambda row: row["finished"]["mean_rank"])
    order = [row["strategy"] for row in rows]
    assert order[0] == "cheat+none"
    assert set(order[-2:]) == {"random+stop_all", "cheat+stop_all"}
    assert summary["a_a_holds"]
    found = summary["comparisons"]["finished"]["regret"]
    verdicts = {(c["strategy"], c["other"]): c["verdict"] for c in found}
    assert verdicts["cheat+none", BASELINE] == verdicts["cheat+none", DOUBLE] == "better"
    assert verdicts["random+stop_all", BASELINE] == "worse"
    assert verdicts[AGAIN, BASELINE] == "no difference"
    table = pd.read_csv(tmp_path / "b" / "studies.csv").set_index("strategy")
    assert (table.finished_regret[["random+stop_all", "cheat+stop_all"]] == 1).all()
    assert (table.trained_regret <= table.finished_regret).all()
    # a network counts from its first good report on, and not when it is done
    assert (table.trained_area["cheat+none"] < table.finished_area["cheat+none"]).all()


def run_small(tmp_path, table_file, seeds=3, samplers=("tpe",), budget=4, workers=1):
    tasks = [ReplayTask(read_tables(table_file)[0], rows=True)]
    field = contenders(samplers, ["none", "median"], ["none"])
    return run_benchmark(tasks, field, seeds, StudyBudget(budget), tmp_path, workers=workers)


def test_an_interrupted_benchmark_goes_on_to_the_same_events(tmp_path, table_file):
    run_small(tmp_path / "whole", table_file)
    run_small(tmp_path / "cut", table_file)
    events = BenchmarkFolder(tmp_path / "cut").events
    content = events.read_bytes()
    events.write_bytes(content[: len(content) * 2 // 3 - 7])  # in the middle of a line
    run_small(tmp_path / "cut", table_file)
    whole, cut = (
        {s.key: strip(s) for s in read_studies(BenchmarkFolder(tmp_path / name).events)}
        for name in ("whole", "cut")
    )
    assert len(whole) == 5 * 3
    assert cut == whole


def test_workers_give_the_same_events_as_one_process(tmp_path, table_file):
    run_small(tmp_path / "one", table_file, seeds=2)
    run_small(tmp_path / "two", table_file, seeds=2, workers=2)
    one, two = (
        {s.key: strip(s) for s in read_studies(BenchmarkFolder(tmp_path / name).events)}
        for name in ("one", "two")
    )
    assert one == two


def test_seeds_and_strategies_may_be_added_to_a_benchmark(tmp_path, table_file):
    run_small(tmp_path, table_file, seeds=2)
    record = run_small(tmp_path, table_file, seeds=3, samplers=("nsga2",))
    assert record.seeds == 3
    assert {"tpe+none", "nsga2+median"} <= set(record.parts)
    keys = [study.key for study in read_studies(BenchmarkFolder(tmp_path).events)]
    assert len(keys) == len(set(keys)) == 2 * 5 + 3 * 5 - 2 * 3


def test_another_budget_or_table_is_refused(tmp_path, table_file):
    run_small(tmp_path / "b", table_file, seeds=1)
    with pytest.raises(LstmoptError, match="a benchmark keeps its budget"):
        run_small(tmp_path / "b", table_file, seeds=1, budget=5)
    write_table(make_recorded(seed=5), tmp_path / "table.npz")
    with pytest.raises(
        LstmoptError, match=r"found another 'synthetic \(rows\)' than was begun with"
    ):
        run_small(tmp_path / "b", table_file, seeds=1)


def test_nothing_runs_when_one_contender_cannot(tmp_path, table_file):
    tasks = [ReplayTask(read_tables(table_file)[0], rows=True)]
    field = contenders(["tpe"], ["median", "medain"], ["none"])
    with pytest.raises(LstmoptError, match="median"):
        run_benchmark(tasks, field, 1, StudyBudget(3), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_every_event_says_when_and_where_it_was_made(tmp_path, table_file):
    run_small(tmp_path, table_file, seeds=1)
    text = BenchmarkFolder(tmp_path).events.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    trial = next(line for line in lines if line["event"] == "trial")
    assert {"task", "strategy", "seed", "losses", "seconds", "at_epochs", "params"} <= set(trial)
    study = next(line for line in lines if line["event"] == "study")
    assert {"torch", "optuna", "lstmopt"} <= set(study["versions"])
    assert study["machine"]
    assert study["ask_seconds"] > 0
    assert study["peak_mib"] > 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4}", study["ended"])


def test_the_report_is_drawn_from_the_events_alone(tmp_path, table_file):
    run_small(tmp_path / "b", table_file)
    os.remove(table_file)
    summary = write_report(tmp_path / "b")
    assert summary == json.loads((tmp_path / "b" / "report.json").read_text())
    page = (tmp_path / "b" / "report.html").read_text()
    for front in ("trained", "finished"):
        assert summary["claims"][front]
        for sentence in summary["claims"][front]:
            assert sentence in page
    assert "tpe+median" in page
    for sentence in summary["a_a"]:
        assert sentence in page
    assert "src=" not in page.split("</script>")[-1]  # nothing is loaded from outside
    assert summarise(gather(tmp_path / "b")) == summary


def cli(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["lstmopt", *map(str, arguments)])
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    return 0


def test_the_command_runs_a_benchmark_and_reports_it(tmp_path, table_file, monkeypatch, capsys):
    out = tmp_path / "b"
    options = ("--sampler", "tpe", "--pruner", "median", "--seeds", 3, "--budget", 4, "--out", out)
    assert cli(monkeypatch, "bench", "--replay", table_file, "--workers", 1, *options) == 0
    shown = capsys.readouterr()
    assert shown.out.count("tpe+median") == 2
    assert shown.out.index("by everything trained") < shown.out.index("by finished trials")
    assert "12 studies to do" in shown.err
    assert cli(monkeypatch, "bench", "report", out, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["studies"] == 12
    assert {row["strategy"] for row in document["strategies"]} == {
        BASELINE, DOUBLE, AGAIN, "tpe+median",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --replay TABLE"),
        (("--replay", "nowhere.npz"), "--replay takes a table's file or a shipped table"),
        (("--replay", "bike_sharing", "--sampler", "tpee"), "'tpee'"),
        (("--replay", "table.npz", "--warm-start", "replay"), "needs earlier studies"),
        (("--replay", "bike_sharing", "--past", "all", "--past", "series"), "tables have one past"),
        (("portfolio", "bike_sharing", "nowhere.npz"), "a table's file or a shipped table"),
        (("report", "nowhere"), "a report needs a benchmark with finished studies"),
        (("record", "nowhere.toml"), "a study is a TOML file"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(table_file, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(Path(table_file).parent)
    assert cli(monkeypatch, "bench", *arguments) == 2
    assert words in (error := capsys.readouterr().err)
    assert error.count("\n") == 1


STUDY = """
[data]
path = "wave.csv"
target = "load"

[task]
window = 6

[training]
epochs = 2

[space]
hidden_size = [4, 8]
learning_rate = {{ low = 1e-3, high = 1e-1, log = true }}

[budget]
trials = {trials}
"""


@pytest.fixture
def study_file(tmp_path):
    wave(200).to_csv(tmp_path / "wave.csv", index=False)
    path = tmp_path / "recorded_wave.toml"
    path.write_text(STUDY.format(trials=12))
    return path


def test_a_recorded_study_becomes_a_table_that_can_be_replayed(
    tmp_path, study_file, monkeypatch, capsys
):
    folder, runs = tmp_path / "tables", tmp_path / "runs"
    arguments = ("bench", "record", study_file, "--out", folder, "--runs", runs)
    assert cli(monkeypatch, *arguments) == 0
    (table,) = read_tables(str(folder / "wave.npz"))
    assert (table.name, table.rows, table.epochs) == ("wave", 12, 2)
    assert {params["hidden_size"] for params in table.params} == {4, 8}
    before = table.fingerprint
    assert cli(monkeypatch, *arguments) == 0  # goes on, and finds all of it done
    assert read_tables(str(folder / "wave.npz"))[0].fingerprint == before
    task = ReplayTask(table, rows=True)
    assert task.full_values({"row": 0})[0] == table.losses[0].min()


def test_a_study_without_a_space_is_recorded_with_all_its_families(
    tmp_path, study_file, monkeypatch
):
    text = STUDY.format(trials=6)
    study_file.write_text(text[: text.index("[space]")] + text[text.index("[budget]") :])
    arguments = ("bench", "record", study_file, "--out", tmp_path, "--runs", tmp_path / "runs")
    assert cli(monkeypatch, *arguments) == 0
    (table,) = read_tables(str(tmp_path / "wave.npz"))
    assert [params["network"] for params in table.params] == ["linear"] + ["segment"] * 5
    assert table.lengths.tolist() == [1] + [2] * 5
    assert (table.losses > 0).all()
    assert "learning_rate" not in table.rules["latency_ms"].names
    task = ReplayTask(table)
    known = [task.static(params)["latency_ms"] for params in table.params]
    assert known == table.static["latency_ms"].tolist()
    assert table.target


def test_real_work_is_timed_and_a_device_that_is_absent_is_skipped(
    tmp_path, study_file, monkeypatch, capsys
):
    import torch

    devices = ("--device", "cpu", "--device", "cuda")
    options = ("--seeds", 2, "--budget", 2, "--pruner", "median", "--out", tmp_path / "b")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli(monkeypatch, "bench", "--real", study_file, *devices, *options, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert [task["name"] for task in summary["tasks"]] == ["recorded_wave (cpu)"]
    (skipped,) = summary["skipped"]
    assert skipped.startswith("recorded_wave on cuda: device cuda needs a GPU")
    assert skipped in (tmp_path / "b" / "report.html").read_text()
    for study in read_studies(tmp_path / "b" / "events.jsonl"):
        factor = 2 if study.event.strategy == DOUBLE else 1
        assert study.event.epochs <= 4 * factor
        assert study.event.seconds > 0
        assert study.event.device == "cpu"
        assert all(trial.full_values is None for trial in study.trials)


def test_ctrl_c_keeps_what_is_done_and_leaves_no_process(tmp_path, table_file):
    out = tmp_path / "b"
    command = [
        sys.executable, "-c", "from lstmopt.cli.main import main; main()",
        "bench", "--replay", table_file, "--rows", "--sampler", "random",
        "--seeds", "400", "--budget", "9", "--workers", "2", "--out", str(out),
    ]  # fmt: skip
    events = BenchmarkFolder(out).events
    with started(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: len(list(read_studies(events))) >= 3, 120)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert len(list(read_studies(events))) >= 3
        wait_until(lambda: not is_alive(process.pid))


def is_alive(group):
    """Say whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
