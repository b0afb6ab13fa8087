from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lstmopt import load
from support.parts import wave
from support.processes import started
from support.runs import make_run, rewritten

MEDIAN = ("--pruner", "median", "--pruner-option")
FAST = [
    "--target", "load", "--window", "12", "--epochs", "2", "--workers", "1", "--sampler", "random",
]  # fmt: skip


def lstmopt(*args, **options):
    command = [sys.executable, "-c", "from lstmopt.cli.main import main; main()", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    wave().to_csv(path / "wave.csv", index=False)
    (path / "small.toml").write_text(
        'name = "small"\nworkers = 1\n[data]\npath = "wave.csv"\ntarget = "load"\n'
        "[task]\nwindow = 12\n[training]\nepochs = 2\n"
        "[space]\nhidden_size = [4, 8]\nlearning_rate = [0.01, 0.03]\n"
        "[budget]\ntrials = 3\n"
    )
    done = lstmopt("run", "small.toml", "--out", "run", "--no-report", cwd=path)
    assert done.returncode == 0, done.stderr
    return path


def test_run_in_a_pipe_prints_a_line_a_trial_and_the_verdict(folder):
    done = lstmopt("run", "small.toml", "--out", "lines", "--no-report", cwd=folder)
    assert len([line for line in done.stdout.splitlines() if line.startswith("trial ")]) == 3
    assert "test part, opened once" in done.stdout
    assert "ridge" in done.stdout


def test_json_is_one_document_and_nothing_else(folder):
    done = lstmopt("run", "small.toml", "--out", "json", "--json", "--no-report", cwd=folder)
    assert json.loads(done.stdout)["schema"] == 1


def test_one_seed_and_one_worker_give_the_same_trials_and_losses(folder):
    outcomes = []
    for name in ("one", "two"):
        args = (
            "small.toml",
            "--trials",
            "12",
            "--seed",
            "5",
            "--out",
            name,
            "--json",
            "--no-report",
        )
        document = json.loads(lstmopt("run", *args, cwd=folder).stdout)
        outcomes.append([(t["params"], t["state"], t["values"]) for t in document["trials"]])
    assert outcomes[0] == outcomes[1]


def test_pareto_prints_the_front_as_table_json_and_csv(folder):
    found = json.loads(lstmopt("pareto", "run", "--json", cwd=folder).stdout)
    assert list(found) == ["verdict", "front", "averages", "baselines"]
    document = json.loads((folder / "run" / "optimization_results.json").read_text())
    assert document["verdict"]
    assert found["verdict"] == document["verdict"]
    bar = {entry["baseline"]: entry["values"] for entry in found["baselines"]}
    assert set(bar) == {n for n, entry in document["bar"].items() if entry["latency_ms"]}
    assert bar["ridge"]["val_loss"] == document["bar"]["ridge"]["validation_mse"]
    assert bar["ridge"]["latency_ms"] == document["bar"]["ridge"]["latency_ms"]
    front = found["front"]
    assert {"trial", "values", "params", "trained_to_end", "epochs"} == set(front[0])
    states = {trial["number"]: trial["state"] for trial in document["trials"]}
    for row in front:
        assert row["trained_to_end"] == (states[row["trial"]] == "complete")
    table = lstmopt("pareto", "run", "--csv", cwd=folder).stdout
    assert len(table.splitlines()) == 1 + len(front) + len(found["averages"])
    assert "val_loss" in lstmopt("pareto", "run", cwd=folder).stdout


def test_pareto_explains_its_pick(folder):
    made = make_run(folder / "made", ["complete"] * 12)
    assert len(made.front) > 2
    done = lstmopt("pareto", "made", "--pick", "fastest", cwd=folder)
    assert "has the best static objective of the front" in done.stdout


@pytest.mark.parametrize(
    ("size", "words"), [(1, "is the whole front"), (2, "a front of two has no knee")]
)
def test_pareto_sees_no_knee_in_a_front_too_small_for_one(folder, size, words):
    made = make_run(folder / f"front{size}", ["complete"] * 12)
    rewritten(made, lambda document: document.update(front=document["front"][:size]))
    assert words in lstmopt("pareto", f"front{size}", "--pick", "knee", cwd=folder).stdout


def test_pareto_draws_the_front_beside_the_other_trials(folder):
    shown = lstmopt("pareto", "run", "--pick", "best", cwd=folder).stdout
    assert shown.count("●") == 1
    assert "latency_ms" in shown.splitlines()[-2]


def test_run_leaves_a_report_and_says_where(folder):
    done = lstmopt("run", "small.toml", "--out", "drawn", "--json", cwd=folder)
    assert "report: drawn/report.html" in done.stderr
    assert (folder / "drawn" / "report.html").is_file()


def test_run_draws_nothing_where_that_is_not_wanted(folder):
    done = lstmopt("run", "small.toml", "--out", "undrawn", "--no-report", cwd=folder)
    assert done.returncode == 0
    assert not list((folder / "undrawn").glob("*.html"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("command", ["pareto", "importance", "compare", "report"])
def test_what_a_terminal_cannot_say_is_no_reason_to_stop(folder, encoding, command):
    make_run(folder / "plain", ["complete"] * 12)
    environment = os.environ | {
        "PYTHONIOENCODING": encoding,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "BROWSER_PATH": "none",
        "COLUMNS": "50",
    }
    runs = ("plain", "plain") if command == "compare" else ("plain",)
    done = lstmopt(command, *runs, cwd=folder, env=environment, encoding=encoding, errors="replace")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "args", [("report", "blocked"), ("compare", "run", "run", "--out", "/proc/none.html")]
)
def test_what_the_system_refuses_is_one_sentence_and_status_1(folder, args):
    blocked = make_run(folder / "blocked", ["complete"])
    blocked.folder.report.mkdir(exist_ok=True)
    done = lstmopt(*args, cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("lstmopt: the system refused: ")
    assert done.stderr.count("\n") == 1


def test_without_a_browser_there_is_the_report_and_one_sentence(folder):
    environment = {"PATH": "", "HOME": str(folder), "BROWSER_PATH": str(folder / "none")}
    begun = time.monotonic()
    done = lstmopt("report", "run", "--png", cwd=folder, env=environment)
    assert time.monotonic() - begun < 60  # far below any browser's time-out
    assert done.returncode == 0
    assert done.stdout == "report: run/report.html\n"
    assert "apt-get install chromium" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.browser
def test_report_draws_the_sheets_and_every_figure_on_demand(folder):
    done = lstmopt("report", "run", "--png", cwd=folder)
    assert done.returncode == 0, done.stderr
    named = [folder / line for line in done.stdout.splitlines()[1:]]
    assert len(named) > 10
    assert all(path.is_file() for path in named)
    assert (folder / "run" / "optuna_optimization_results.png").is_file()
    assert (folder / "run" / "parameter_correlations.png").is_file()


def test_importance_is_a_table_or_says_what_is_missing(folder):
    done = lstmopt("importance", "run", cwd=folder)
    assert "complete trials: importance needs 10" in done.stdout
    (loss, latency) = json.loads(lstmopt("importance", "run", "--json", cwd=folder).stdout)
    assert (loss["objective"], latency["objective"]) == ("val_loss", "latency_ms")


def test_compare_puts_runs_into_one_table_and_one_figure(folder):
    lstmopt("run", "small.toml", "--seed", "3", "--out", "other", "--no-report", cwd=folder)
    done = lstmopt("compare", "run", "other", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "A small (run)" in done.stdout
    assert "B small (other)" in done.stdout
    assert (folder / "comparison.html").is_file()
    args = ("compare", "run", "other", "--json", "--out", "sub/c.html")
    document = json.loads(lstmopt(*args, cwd=folder).stdout)
    assert len(document["runs"]) == 2
    assert (folder / "sub" / "c.html").is_file()


def test_fit_refits_another_trial_and_saves_it(folder):
    results = json.loads((folder / "run" / "optimization_results.json").read_text())
    complete = [t["number"] for t in results["trials"] if t["state"] == "complete"]
    done = lstmopt("fit", "run", "--trial", complete[-1], "--json", cwd=folder)
    assert json.loads(done.stdout)["chosen"]["trial"] == complete[-1]


def test_predict_prints_dates_and_values(folder):
    done = lstmopt("predict", "run", "wave.csv", cwd=folder)
    header, row = done.stdout.splitlines()
    assert header == "time,load"
    assert row.startswith("2024-01-17 16:00:00,")
    assert json.loads(lstmopt("predict", "run", "wave.csv", "--json", cwd=folder).stdout)


def test_plugins_lists_the_built_ins_with_their_package():
    rows = json.loads(lstmopt("plugins", "--json").stdout)
    assert {"tpe", "median", "best", "val_loss"} <= {row["name"] for row in rows}
    assert {row["package"] for row in rows} == {"lstmopt"}


def test_a_plug_in_file_serves_for_one_run(folder):
    (folder / "mine.py").write_text(
        "from lstmopt import Strategy, hookimpl\n"
        "class Never:\n"
        "    def should_stop(self, curve, peers): return True\n"
        "@hookimpl\n"
        "def lstmopt_pruners():\n"
        "    return [Strategy('mine', lambda: Never(), 'stops everything', '')]\n"
    )
    args = ("small.toml", "--plugin", "mine.py", "--pruner", "mine", "--out", "plug")
    done = lstmopt("run", *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = load(folder / "plug")
    assert set(found.trials["state"]) == {"pruned"}
    # what was stopped is there all the same
    assert {entry.trial for entry in found.results.finalists} <= set(found.results.front)
    assert found.results.chosen
    assert found.results.finished_front == ()
    assert "1 of 2 epochs" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("run", "none.toml"), "found none at none.toml"),
        (("run", "small.toml", "--sampler", "tpa"), "did you mean 'tpe'"),
        (("run", "small.toml", "--pruner", "medain"), "did you mean 'median'"),
        (("run", "small.toml", "--objective", "val_los"), "did you mean 'val_loss'"),
        (("run", "small.toml", "--objective", "latency_ms"), "add val_loss"),
        (("run", "small.toml", *MEDIAN, "n_warmup=3"), "did you mean 'n_warmup_steps'"),
        (("run", "small.toml", *MEDIAN, "n_warmup_steps=x"), "takes a whole number"),
        (("run", "small.toml", "--pruner-option", "oops"), "takes NAME=VALUE"),
        (("run", "small.toml", "--trials", "0"), "budget.trials is at least 1"),
        (("run", "small.toml", "--timeout", "soon"), "write for instance 10m"),
        (("run", "small.toml", "--device", "tpu"), "auto, cpu or cuda"),
        (("run", "small.toml", "--storage", "nonsense://x"), "database URL"),
        (("run", "small.toml", "--plugin", "none.py"), "mend the path"),
        (("run", "--data", "wave.csv"), "give --target"),
        (("run", "--data", "none.csv", "--target", "load"), "mend the path"),
        (("run", "--data", "wave.csv", "--target", "load", "--sampler", "grid"), "points"),
        (
            ("run", "--data", "wave.csv", "--target", "load", "--window", "390"),
            "shorten the window",
        ),
        (("pareto", "nowhere"), "found neither in nowhere"),
        (("pareto", "run", "--pick", "prettiest"), "knee, best, near_best, fastest"),
        (("fit", "run", "--trial", "99"), "choose one of"),
        (("update", "nowhere", "wave.csv"), "a finished run holds"),
        (("update", "run", "wave.csv"), "needs rows after 2024-01-17 15:00:00"),
        (("update", "run", "none.csv"), "mend the path"),
        (("predict", "nowhere", "wave.csv"), "mend the path"),
        (("predict", "run", "none.csv"), "mend the path"),
        (("report", "none"), "found neither in none"),
        (("importance", "none"), "found neither in none"),
        (("compare", "run"), "two runs or more"),
        (("compare", "run", "none"), "found neither in none"),
        (("dashboard", "none"), "found neither in none"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_status_2(folder, args, words):
    out = ("--out", "wrong") if args[0] == "run" else ()
    done = lstmopt(*args, *out, cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("lstmopt: ")]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[budgett]\n", "did you mean 'budget'"),
        ("[budget]\ntrails = 3\n", "did you mean 'trials'"),
        ('[budget]\ntrials = "x"\n', "budget.trials"),
        ("[space]\nhiden_size = [3]\n", "did you mean 'hidden_size'"),
        ("trials = \n", "mend it"),
        ("[split]\ntrain = 0.9\nvalidation = 0.2\n", "so that a test part is left"),
        ("[sampler]\nn_startup_trials = 3\n", "[sampler] needs a name"),
    ],
)
def test_a_wrong_study_file_is_one_sentence(tmp_path, text, words):
    (tmp_path / "s.toml").write_text(text)
    done = lstmopt("run", "s.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_ctrl_c_keeps_everything_finished_and_the_same_command_goes_on(folder):
    text = (folder / "small.toml").read_text()
    wide = text.replace("[0.01, 0.03]", "{ low = 0.001, high = 0.1 }")
    (folder / "wide.toml").write_text(wide)
    args = [
        "run",
        "wide.toml",
        "--trials",
        "400",
        "--epochs",
        "30",
        "--out",
        "ctrl-c",
        "--no-report",
    ]
    command = [sys.executable, "-c", "from lstmopt.cli.main import main; main()", *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(command, cwd=folder, **pipes) as process:
        seen = 0
        while seen < 2:
            line = process.stdout.readline()
            assert line, "it ended by itself"
            seen += line.startswith("trial ")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    kept = json.loads((folder / "ctrl-c" / "optimization_results.json").read_text())
    assert len(kept["trials"]) >= 2
    args[3] = str(len(kept["trials"]) + 1)
    done = lstmopt(*args, "--json", cwd=folder)
    document = json.loads(done.stdout)
    closed = {trial["number"]: trial for trial in document["trials"]}
    assert [closed[trial["number"]] for trial in kept["trials"]] == kept["trials"]
    assert len(closed) == len(document["trials"]) > len(kept["trials"])


def test_import_and_help_load_no_heavy_library():
    check = "import sys; sys.exit(bool({'torch', 'pandas', 'optuna'} & set(sys.modules)))"
    show_help = "from lstmopt.cli.main import cli; cli(['--help'], standalone_mode=False)"
    for statement in ("import lstmopt", show_help):
        done = subprocess.run([sys.executable, "-c", f"{statement}; {check}"], capture_output=True)
        assert done.returncode == 0, statement


@pytest.mark.parametrize(
    "code",
    [
        "from lstmopt.cli.main import cli; cli(['plugins'], standalone_mode=False)",
        "from lstmopt.cli.main import cli; cli(['pareto', 'run'], standalone_mode=False)",
        "from lstmopt.config import study_file as s; s.read_config(s.shipped_study())",
        "from lstmopt.execution.forkserver import start_forkserver",
    ],
)
def test_what_must_be_quick_loads_no_torch_and_no_pandas(folder, code):
    loaded = "import sys; print({'torch', 'pandas'} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {loaded}"], cwd=folder, capture_output=True, text=True
    )
    assert done.stderr.strip() == "set()"


def test_audit_says_how_often_pruning_was_wrong(folder):
    # without latency, which is measured, the same trials are stopped on any machine
    args = ("small.toml", "--sampler", "random", "--trials", "8", "--epochs", "4", "--out", "audit")
    pruning = ("--pruner", "halving", "--pruner-option", "reduction_factor=2")
    cold = ("--warm-start-strategy", "none")
    args += (*pruning, *cold, "--objective", "val_loss", "--no-report")
    done = lstmopt("run", *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = lstmopt("audit", "audit", "--sample", "1", cwd=folder)
    assert "decisions were made again from the record, all the same." in done.stdout
    assert "1 of 2 stopped trials were trained to their end (1 with" in done.stdout
    assert "False-prune rate" in done.stdout
    audit = json.loads(lstmopt("audit", "audit", "--sample", "1", "--json", cwd=folder).stdout)
    assert audit == json.loads((folder / "audit" / "audit.json").read_text())
    unpruned = ("--trials", "2", "--pruner", "none", "--out", "unpruned", "--no-report")
    assert lstmopt("run", "small.toml", *unpruned, cwd=folder).returncode == 0
    done = lstmopt("audit", "unpruned", cwd=folder)
    assert done.returncode == 2
    assert "there is nothing to audit" in done.stderr


def test_limits_are_kept_and_recorded(folder):
    args = ("small.toml", "--max-parameters", "500", "--trials", "4", "--out", "limits", "--json")
    document = json.loads(lstmopt("run", *args, "--no-report", cwd=folder).stdout)
    refused = [t for t in document["trials"] if t["state"] == "infeasible"]
    assert document["budget"]["trials"] == 4
    assert document["budget"]["infeasible"] == len(refused)
    assert {t["params"]["hidden_size"] for t in refused} <= {8}
    assert all(t["epochs"] == 0 and "max_parameters" in t["reason"] for t in refused)
    sizes = {t["number"]: t["params"]["hidden_size"] for t in document["trials"]}
    assert {sizes[entry["trial"]] for entry in document["finalists"]} == {4}
    assert all(entry["parameters"] <= 500 for entry in document["averages"])
    done = lstmopt("run", "small.toml", "--max-parameters", "5", "--out", "none", cwd=folder)
    assert done.returncode == 2
    assert "max_parameters must leave an architecture to train" in done.stderr
