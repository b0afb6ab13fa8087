"""What became of the deployed weights after the test is said in the terminal and on the page."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from lstmopt.forecasting.model_history import ModelUpdate
from lstmopt.report.deployed import deployed_lines
from lstmopt.report.narrative import words_of
from lstmopt.report.terminal import print_result
from support.runs import make_run, rewritten

ALL_ROWS = {"rows": 1400, "epochs": 12, "seconds": 3.2}
UPDATE = ModelUpdate(
    table="<b>march.csv",
    data="abc",
    rows=744,
    first="2024-03-01T00:00:00",
    last="2024-03-31T23:00:00",
    held_back=186,
    epochs=4,
    before=0.2,
    after=0.15,
    adopted=True,
    seconds=1.0,
    at="2024-04-01T08:00:00",
)
IN_VAIN = msgspec.structs.replace(UPDATE, table="", epochs=0, after=None, adopted=False)
SCORES = {name: {"mean": 0.1, "std": 0} for name in ("mse", "mae")}
CHOSEN = {
    "trial": 1,
    "params": {"hidden_size": 8, "num_layers": 1},
    "validation": {},
    "test": {"scaled": SCORES, "own": SCORES, "r2": {"mean": 0.9, "std": 0}},
    "latency_ms": 1.0,
}


@pytest.fixture
def changed(tmp_path):
    made = make_run(tmp_path, ["complete"] * 3)
    return lambda **fields: rewritten(
        made, lambda d: d.update(chosen=CHOSEN, **msgspec.to_builtins(fields))
    )


def test_a_network_that_is_as_it_was_tested_needs_no_words(changed):
    assert deployed_lines(changed().results) == []


def test_all_rows_and_updates_are_said_in_their_order(changed):
    lines = deployed_lines(changed(all_rows=ALL_ROWS, updates=[UPDATE, IN_VAIN]).results)
    assert lines == [
        "After the test the deployed network was trained anew on all 1,400 rows, for the 12 epochs "
        "that validation found (3 s).",
        "Updated with <b>march.csv (744 rows from 2024-03-01 to 2024-03-31 23:00:00) in 4 epochs: "
        "squared error on the newest 186 of them, held back, 0.15 instead of 0.2.",
        "Not updated with a table from Python (744 rows from 2024-03-01 to 2024-03-31 23:00:00): "
        "squared error on the newest 186 of them would be no number instead of 0.2, so the weights "
        "stay as they were.",
        "The test errors are of the network before that.",
    ]


def test_an_update_in_vain_leaves_the_network_that_was_tested(changed):
    assert len(deployed_lines(changed(updates=[IN_VAIN]).results)) == 1


def test_they_stand_below_the_test_table_and_on_the_page(changed):
    run = changed(all_rows=ALL_ROWS, updates=[UPDATE])
    console = Console(file=io.StringIO(), width=200)
    print_result(run.results, console, "run")
    shown = console.file.getvalue()
    assert shown.index("test part, opened once") < shown.index("all 1,400 rows")
    assert "Updated with <b>march.csv" in shown
    assert words_of(run)["deployed"] == deployed_lines(run.results)
