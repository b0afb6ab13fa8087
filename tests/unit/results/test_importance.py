from __future__ import annotations

import numpy as np
import pytest

from lstmopt.results.importance import FEWEST, TRUSTED
from support.runs import make_run, rewritten


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path, ["complete", "pruned", "complete"] * 40)


def by_name(found) -> dict[str, float]:
    return {row.parameter: row.share for row in found.rows}


def test_what_the_loss_depends_on_matters_most(made):
    loss, _ = made.importances
    assert loss.rows[0].parameter == "learning_rate"
    shares = [row.share for row in loss.rows]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)


def test_a_static_objective_is_the_architectures_alone_over_all_trials(made):
    _, latency = made.importances
    assert set(by_name(latency)) == {"hidden_size", "num_layers"}
    assert latency.trials == 120


def test_a_learned_objective_counts_complete_trials(made):
    loss, _ = made.importances
    assert loss.trials == 80
    assert loss.note == "over 80 complete trials"


def test_the_interval_narrows_with_trials(tmp_path):
    def width(count: int) -> float:
        (loss,) = make_run(tmp_path, ["complete"] * count, ["val_loss"]).importances
        return float(np.mean([row.high - row.low for row in loss.rows]))

    assert width(400) < width(20)


@pytest.mark.parametrize("count", [FEWEST - 1, FEWEST, TRUSTED - 1, TRUSTED])
def test_it_says_when_there_are_too_few_trials(tmp_path, count):
    (loss,) = make_run(tmp_path, ["complete"] * count, ["val_loss"]).importances
    assert bool(loss.rows) == (count >= FEWEST)
    assert ("too few to trust" in loss.note) == (FEWEST <= count < TRUSTED)
    assert (f"importance needs {FEWEST}" in loss.note) == (count < FEWEST)


def test_a_maximised_objective_asks_what_makes_it_high(tmp_path):
    run = make_run(tmp_path, ["complete"] * 60, ["val_loss", "val_r2"])
    loss, r2 = run.importances
    assert by_name(r2) == pytest.approx(by_name(loss))


def test_a_hyperparameter_that_never_varied_is_left_out(tmp_path):
    run = make_run(tmp_path, ["complete"] * 20, ["val_loss"])

    def fix(document):
        for entry in document["trials"]:
            entry["params"]["optimizer"] = "Adam"

    assert "optimizer" not in by_name(rewritten(run, fix).importances[0])


def test_trials_from_beyond_the_space_count_too(tmp_path):
    run = make_run(tmp_path, ["complete"] * 20, ["val_loss"])
    beyond = {"learning_rate": 0.5, "hidden_size": 99}
    changed = rewritten(run, lambda d: d["trials"][0]["params"].update(beyond))
    assert by_name(changed.importances[0])["learning_rate"] > 0


def test_the_interval_holds_the_share(made):
    rows = [row for found in made.importances for row in found.rows]
    assert all(row.low <= row.share <= row.high for row in rows)


@pytest.mark.parametrize("values", [[0.0, 1e-4], ["small", "large"], [True, False], [None, 0.1]])
def test_values_that_no_range_holds_are_choices(tmp_path, values):
    run = make_run(tmp_path, ["complete"] * 20, ["val_loss"])

    def alternate(document):
        for n, entry in enumerate(document["trials"]):
            entry["params"]["learning_rate"] = values[n % 2]

    assert rewritten(run, alternate).importances[0].rows


def test_nothing_is_said_beside_the_answer(made, capsys):
    _ = made.importances
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
