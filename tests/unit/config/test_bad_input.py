"""Wrong inputs of every kind: exit status 2 and one sentence: the rule, what was found, what to do.

``PYTHONPATH=tests python tests/unit/config/test_bad_input.py`` prints the table of docs/reliability.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner

from lstmopt.cli.main import cli
from lstmopt.errors import LstmoptError
from support.parts import wave
from support.runs import make_run

RUN = ("run", "--data", "wave.csv", "--target", "load", "--workers", "1", "--epochs", "1")
HEAD = 'name = "s"\n[data]\npath = "wave.csv"\ntarget = "load"\n'


def csv(lines: str) -> dict[str, str]:
    return {"x.csv": lines}


def rows(count: int = 60, cell: str = "{n}") -> str:
    days = (
        f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00,{cell.format(n=n % 7)}" for n in range(count)
    )
    return "time,load\n" + "\n".join(days) + "\n"


DATA = ("run", "--data", "x.csv", "--target", "load", "--window", "4", "--epochs", "1")

CASES: list[tuple[str, dict[str, str], tuple[str, ...], str]] = [
    # tables
    ("no such table", {}, ("run", "--data", "none.csv", "--target", "load"), "mend the path"),
    ("empty table", csv(""), DATA, "x.csv"),
    ("header alone", csv("time,load\n"), DATA, "found 1 lines"),
    ("binary in place of a table", {"x.csv": "\x00\x01\x02\x03" * 50}, DATA, "x.csv"),
    ("no target", csv(rows()), ("run", "--data", "x.csv"), "give --target"),
    ("target misspelt", csv(rows()), (*DATA[:4], "laod"), "did you mean 'load'"),
    ("no time column", csv("when,load\n" + "\n".join(f"round {n},{n}" for n in range(50))), DATA, "--time"),
    ("time misspelt", csv(rows()), (*DATA, "--time", "tmie"), "did you mean 'time'"),
    ("a date that is none", csv(rows().replace("2024-01-02 03:00", "soon")), DATA, "'soon'"),
    ("a cell of text", csv(rows().replace(",3\n", ",three\n", 1)), DATA, "'three'"),
    ("an infinite cell", csv(rows().replace(",3\n", ",inf\n", 1)), DATA, "finite numbers"),
    ("text as a feature", csv(rows().replace("\n", ",x\n").replace("load,x", "load,kind")), (*DATA, "--feature", "kind"), "'x'"),
    ("constant target", csv(rows(cell="5")), DATA, "always 5"),
    ("too short", csv(rows(9)), DATA, "at least 20"),
    ("window too long", csv(rows()), (*DATA[:5], "--window", "58"), "shorten the window"),
    ("a column twice", csv(rows().replace("time,load", "load,load")), DATA, "load"),
    ("a time again at the end", csv(rows() + "2024-01-01 00:00,9\n"), DATA, "2024-01-01"),
    ("a mistyped year", csv(rows() + "2099-01-01 00:00,9\n"), DATA, "2099-01-01"),
    ("times off the grid", csv(rows() + "2024-01-03 12:17,9\n"), DATA, "resample"),
    ("times step back", csv(rows().replace("2024-01-02 03:00", "2024-01-01 03:30")), DATA, "resample"),
    ("feature misspelt", csv(rows()), (*DATA, "--feature", "wnd"), "wnd"),
    ("target as feature", csv(rows()), (*DATA, "--feature", "load"), "name it once"),
    ("target dropped", csv(rows()), (*DATA, "--drop", "load"), "name it once"),
    # study files
    ("no such study", {}, ("run", "none.toml"), "found none at none.toml"),
    ("a study that is no TOML", {"s.toml": "name = ["}, ("run", "s.toml"), "s.toml"),
    ("a study of bytes", {"s.toml": "\x00\x01"}, ("run", "s.toml"), "s.toml"),
    ("unknown key", {"s.toml": HEAD + "windwo = 3\n"}, ("run", "s.toml"), "windwo"),
    ("unknown table", {"s.toml": HEAD + "[budjet]\ntrials = 3\n"}, ("run", "s.toml"), "did you mean 'budget'"),
    ("text for a number", {"s.toml": HEAD + '[task]\nwindow = "x"\n'}, ("run", "s.toml"), "window"),
    ("a name that is a path", {"s.toml": 'name = "../x"\n'}, ("run", "s.toml"), "plain folder name"),
    ("unknown hyperparameter", {"s.toml": HEAD + "[space]\nhiden_size = [4]\n"}, ("run", "s.toml"), "did you mean 'hidden_size'"),
    ("an empty choice", {"s.toml": HEAD + "[space]\nhidden_size = []\n"}, ("run", "s.toml"), "found []"),
    ("a negative size", {"s.toml": HEAD + "[space]\nhidden_size = [-4]\n"}, ("run", "s.toml"), "at least 1"),
    ("half a unit", {"s.toml": HEAD + "[space]\nhidden_size = [4.5]\n"}, ("run", "s.toml"), "whole numbers"),
    ("a range the wrong way", {"s.toml": HEAD + "[space]\nlearning_rate = { low = 1.0, high = 0.1 }\n"}, ("run", "s.toml"), "low at most high"),
    ("a logarithm of zero", {"s.toml": HEAD + "[space]\nlearning_rate = { low = 0, high = 0.1, log = true }\n"}, ("run", "s.toml"), "low above 0"),
    ("dropout of one", {"s.toml": HEAD + "[space]\ndropout = [1.0]\n"}, ("run", "s.toml"), "0 to below 1"),
    ("unknown optimiser", {"s.toml": HEAD + '[space]\noptimizer = ["SGD"]\n'}, ("run", "s.toml"), "Adam or AdamW"),
    ("a range of names", {"s.toml": HEAD + "[space]\noptimizer = { low = 1, high = 2 }\n"}, ("run", "s.toml"), "list of names"),
    ("a family that there is not", {"s.toml": HEAD + "[space]\nnetwork = ['lstm', 'gur']\n"}, ("run", "s.toml"), "did you mean 'gru'"),
    ("another family's", {"s.toml": HEAD + "[space]\nsegment = [4]\n"}, ("run", "s.toml"), "needs network to be segment"),
    ("a condition on nothing", {"s.toml": HEAD + "[space]\ndropout = { values = [0.1], when = { layers = [2] } }\n"}, ("run", "s.toml"), "did you mean 'num_layers'"),
    ("a condition in a circle", {"s.toml": HEAD + "[space]\nnum_layers = { values = [1, 2], when = { dropout = [0.1] } }\ndropout = [0.1]\n"}, ("run", "s.toml"), "circle"),
    ("a condition that never holds", {"s.toml": HEAD + "[space]\nnum_layers = [1]\nbatch_size = { values = [8], when = { num_layers = [2] } }\n"}, ("run", "s.toml"), "needs num_layers to be 2"),
    ("a split that leaves no test", {"s.toml": HEAD + "[split]\ntrain = 0.9\nvalidation = 0.1\n"}, ("run", "s.toml"), "a test part is left"),
    ("no epochs", {"s.toml": HEAD + "[training]\nepochs = 0\n"}, ("run", "s.toml"), "at least 1"),
    ("a sampler without a name", {"s.toml": HEAD + "[sampler]\nn_startup_trials = 3\n"}, ("run", "s.toml"), "needs a name"),
    # options
    ("unknown sampler", {}, (*RUN, "--sampler", "tpa"), "did you mean 'tpe'"),
    ("unknown pruner", {}, (*RUN, "--pruner", "medain"), "did you mean 'median'"),
    ("unknown objective", {}, (*RUN, "--objective", "val_los"), "did you mean 'val_loss'"),
    ("an objective twice", {}, (*RUN, "--objective", "val_loss", "--objective", "val_loss"), "name it once"),
    ("nothing learned", {}, (*RUN, "--objective", "latency_ms"), "add val_loss"),
    ("unknown option of a pruner", {}, (*RUN, "--pruner", "median", "--pruner-option", "n_warmup=3"), "did you mean 'n_warmup_steps'"),
    ("an option of the wrong type", {}, (*RUN, "--pruner", "median", "--pruner-option", "n_warmup_steps=x"), "whole number"),
    ("an option without a value", {}, (*RUN, "--sampler-option", "oops"), "NAME=VALUE"),
    ("a grid of a continuous range", {}, (*RUN, "--sampler", "grid"), "points"),
    ("a level above 100", {}, (*RUN, "--level", "120"), "between 0 and 100"),
    ("a level twice", {}, (*RUN, "--level", "80", "--level", "80"), "leave one out"),
    ("an id that is no column", {}, (*RUN, "--id", "shop"), "id names the columns"),
    ("a wide table without a time", {}, (*RUN, "--wide", "--drop", "time"), "name it with --time"),
    ("a test part without a validation", {}, (*RUN, "--test-rows", "9"), "validation_rows too"),
    (
        "parts that begin at no time",
        {},
        (*RUN, "--validation-from", "soon", "--test-from", "later"),
        "write for instance 2024-01-31",
    ),
    (
        "parts in the wrong order",
        {},
        (*RUN, "--validation-from", "2024-01-09", "--test-from", "2024-01-05"),
        "change one",
    ),
    ("files that are not there", {}, ("run", "--data", "none/*.csv"), "mend it"),
    ("a quantile above 1", {}, (*RUN, "--quantiles", "0.1,1.5"), "write for instance 0.9"),
    ("a quantile twice", {}, (*RUN, "--quantiles", "0.1,0.5,0.5"), "order them"),
    ("quantiles out of order", {}, (*RUN, "--quantiles", "0.9,0.1"), "order them"),
    ("quantiles in words", {}, (*RUN, "--quantiles", "most"), "intervals.quantiles"),
    ("a level for which there are too few rows", {}, (*RUN, "--level", "99.9"), "give more rows"),
    ("all of validation for intervals", {}, (*RUN, "--calibration", "1"), "calibration"),
    ("an interval scaled by nothing known", {}, (*RUN, "--scale", "mood"), "mood"),
    ("a bound that the data break", {}, (*RUN, "--lower", "7"), "keeps its bounds"),
    ("bounds the wrong way", {}, (*RUN, "--lower", "7", "--upper", "5"), "stays below"),
    ("Box-Cox of a negative", csv(rows(cell="-{n}")), (*DATA, "--transform", "box_cox"), "lies above 0"),
    ("no trials", {}, (*RUN, "--trials", "0"), "at least 1"),
    ("time that is none", {}, (*RUN, "--timeout", "soon"), "write for instance 10m"),
    ("a negative timeout", {}, (*RUN, "--timeout", "0s"), "above 0"),
    ("memory that is none", {}, (*RUN, "--max-memory", "lots"), "write for instance 2GB"),
    ("no memory", {}, (*RUN, "--max-memory", "0"), "above 0"),
    ("limits that leave nothing", {}, (*RUN, "--max-parameters", "5"), "raise it or widen"),
    ("unknown device", {}, (*RUN, "--device", "tpu"), "auto, cpu or cuda"),
    ("a negative seed", {}, (*RUN, "--seed", "-1"), "at least 0"),
    ("no fold", {}, (*RUN, "--folds", "0"), "at least 1"),
    ("a negative gap", {}, (*RUN, "--gap", "-1"), "at least 0"),
    ("more folds than there are rows", {}, (*RUN, "--folds", "9"), "take fewer folds"),
    ("reports within an epoch of folds", {}, (*RUN, "--folds", "3", "--report-every", "20"), "leave one out"),
    ("a budget that holds no fold", {"s.toml": HEAD + "[split]\nfolds = 3\n[budget]\nepochs = 9\n"}, ("run", "s.toml"), "holds a fold"),
    ("a history that is none", {"s.toml": HEAD + '[split]\nhistory = "all"\n'}, ("run", "s.toml"), "split.history"),
    ("a negative window", {}, (*RUN, "--window", "-3"), "at least 1"),
    ("a word for a number", {}, (*RUN, "--trials", "many"), "integer"),
    ("unknown flag", {}, (*RUN, "--smapler", "tpe"), "--sampler"),
    ("unknown command", {}, ("rnu",), "run"),
    # storages, plug-ins, earlier runs
    ("a storage of no kind", {}, (*RUN, "--storage", "nonsense://x"), "database URL"),
    ("a storage that is a file of text", {"x.db": "no database\n" * 90}, (*RUN, "--storage", "sqlite:///x.db"), "database URL"),
    ("a storage of another program's driver", {}, (*RUN, "--storage", "postgresql+pg8000://me:x@127.0.0.1:1/s"), "lstmopt[postgres]"),
    ("an engine that is no address", {}, (*RUN, "--engine", "ada"), "a Dask scheduler's"),
    ("an engine without a port", {}, (*RUN, "--engine", "tcp://127.0.0.1"), "a Dask scheduler's"),
    ("an engine that nobody runs", {}, (*RUN, "--engine", "tcp://127.0.0.1:1"), "found tcp://127.0.0.1:1 silent"),
    ("a GPU by number on a cluster", {}, (*RUN, "--engine", "tcp://127.0.0.1:1", "--device", "cuda:1"), "each worker sees one GPU"),
    ("latency on a worker of no cluster", {}, (*RUN, "--latency-on", "w0"), "needs a cluster"),
    ("a share of a GPU above one", {"s.toml": HEAD + "[engine]\ngpus = 2.0\n"}, ("run", "s.toml"), "at most 1"),
    ("a copy of nothing", {}, ("copy-study", "nowhere", "there"), "found none at nowhere"),
    ("a copy from no database", {}, ("copy-study", "sqlite:///none.db", "there"), "found none at"),
    ("a plug-in that is not there", {}, (*RUN, "--plugin", "none.py"), "mend the path"),
    ("a plug-in that is no Python", {"mine.txt": "x"}, (*RUN, "--plugin", "mine.txt"), "ending in .py"),
    ("a warm start from nothing", {}, (*RUN, "--warm-start", "nowhere"), "nowhere"),
    ("a warm start from rubbish", {"old.json": "{}"}, (*RUN, "--warm-start", "old.json"), "old.json"),
    ("unknown warm start", {}, (*RUN, "--warm-start-strategy", "bset"), "did you mean 'best'"),
    # runs, results, models
    ("a folder without a run", {}, ("report", "nowhere"), "found neither in nowhere"),
    ("a pick that is none", {}, ("pareto", "made", "--pick", "prettiest"), "knee, best, near_best, fastest"),
    ("damaged results", {"bad/optimization_results.json": "{"}, ("pareto", "bad"), "bad"),
    ("results of another kind", {"bad/optimization_results.json": "[1]"}, ("importance", "bad"), "found 'list'"),
    ("results of another time", {"bad/optimization_results.json": '{"schema": 99}'}, ("report", "bad"), "found 99"),
    ("one run to compare", {}, ("compare", "made"), "two runs or more"),
    ("no model", {}, ("predict", "nowhere", "wave.csv"), "mend the path"),
    ("a model of rubbish", {"m/best_optimized_lstm_model.pth": "no weights", "m/best_optimized_lstm_model.json": "{}"}, ("predict", "m", "wave.csv"), "it was not read"),
    ("unknown plug-in to check", {}, ("plugins", "check", "tpa"), "tpa"),
    ("a package name that is none", {}, ("plugins", "new", "../x", "--kind", "pruner"), "../x"),
    ("no such table to bench", {}, ("bench", "--replay", "none"), "none"),
]  # fmt: skip


def answer(folder: Path, files: dict[str, str], args: tuple[str, ...]) -> tuple[int, str]:
    """Run a command in a folder with these files; return its status and what it said."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1"))
    with chdir(folder):
        done = CliRunner().invoke(cli, list(args))
    error = done.exception
    if isinstance(error, LstmoptError):
        return error.exit_status, str(error)
    if isinstance(error, SystemExit):
        return int(error.code or 0), done.output.strip().splitlines()[-1]
    if error is not None:
        raise error
    return 0, done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    wave().to_csv(folder / "wave.csv", index=False)
    make_run(folder / "made", ["complete"] * 3)
    return folder


@pytest.mark.parametrize(
    ("files", "args", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_a_wrong_input_is_one_sentence_and_status_2(folder, files, args, words):
    before = {path: path.read_bytes() for path in folder.glob("made/*")}
    status, said = answer(folder, files, args)
    assert (status, words in said) == (2, True), said
    assert "\n" not in said
    assert not list(folder.glob("runs/*/journal.log"))
    assert before == {path: path.read_bytes() for path in folder.glob("made/*")}


def test_there_are_at_least_sixty_of_them():
    assert len(CASES) >= 60
    assert len({case[0] for case in CASES}) == len(CASES)


def table() -> Iterator[str]:
    """Yield the lines of the table of docs/reliability.md."""
    yield "| input | answer |"
    yield "|---|---|"
    with tempfile.TemporaryDirectory() as temporary:
        wave().to_csv(Path(temporary, "wave.csv"), index=False)
        make_run(Path(temporary, "made"), ["complete"] * 3)
        for name, files, args, _ in CASES:
            _, said = answer(Path(temporary), files, args)
            yield f"| {name} | {said.replace('|', '/').replace(temporary, '.')} |"


if __name__ == "__main__":
    print("\n".join(table()))
