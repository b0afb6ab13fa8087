from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.cli.main import cli
from lstmopt.errors import LstmoptError
from lstmopt.results.comparison import compare_fronts, coverage
from support.runs import make_run, rewritten, with_averages

fronts = st.lists(st.tuples(*[st.integers(0, 4)] * 2), max_size=6)


@given(fronts, fronts)
def test_coverage_is_the_share_that_some_point_equals_or_beats(front, other):
    def covered(q) -> bool:
        return any(all(a <= b for a, b in zip(p, q, strict=True)) for p in front)

    found = coverage(_array(front), _array(other))
    if not other:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sum(map(covered, other)) / len(other))


def _array(points) -> np.ndarray:
    return np.array(points, float).reshape(-1, 2)


def test_a_run_beside_itself_is_the_same(tmp_path):
    run = make_run(tmp_path, ["complete"] * 6)
    compared = compare_fronts([run, run])
    assert compared.hypervolumes == pytest.approx((1, 1))
    assert compared.coverage.tolist() == [[1, 1], [1, 1]]
    assert len(compared.as_json()["runs"][0]["covers"]) == 2


def test_a_run_with_more_trials_of_the_same_covers_the_shorter(tmp_path):
    short = make_run(tmp_path / "a", ["complete"] * 3)
    long = make_run(tmp_path / "b", ["complete"] * 30)
    compared = compare_fronts([short, long])
    assert compared.coverage[1][0] == 1
    assert compared.hypervolumes[0] <= compared.hypervolumes[1] == pytest.approx(1)


def test_a_run_without_a_front_has_no_hypervolume(tmp_path):
    runs = [make_run(tmp_path / "a", ["failed"]), make_run(tmp_path / "b", ["complete"])]
    compared = compare_fronts(runs)
    assert compared.hypervolumes == pytest.approx((0, 1))
    assert compare_fronts([runs[0]] * 2).hypervolumes == (0, 0)
    assert compared.as_json()["runs"][1]["covers"]["made (" + str(runs[0].path) + ")"] is None


def test_other_data_and_machines_are_said(tmp_path):
    runs = [make_run(tmp_path / name, ["complete"] * 3, name=name) for name in "ab"]
    elsewhere = {"data": "other", "machine": "another"}
    runs[1] = rewritten(runs[1], lambda d: d["study"].update(elsewhere))
    compared = compare_fronts(runs)
    assert compared.names == ("a", "b")
    assert any("different data" in notice for notice in compared.notices)
    assert any("different machines" in notice for notice in compared.notices)


def test_other_objectives_are_refused(tmp_path):
    runs = [
        make_run(tmp_path / "a", ["complete"], ["val_loss"]),
        make_run(tmp_path / "b", ["complete"], ["val_loss", "latency_ms"]),
    ]
    with pytest.raises(LstmoptError, match="compared over the same objectives"):
        compare_fronts(runs)
    with pytest.raises(LstmoptError, match="two runs or more, found 1"):
        compare_fronts(runs[:1])


def test_what_each_run_deployed_is_said_with_its_error(tmp_path):
    runs = [make_run(tmp_path / name, ["complete"] * 6, name=name) for name in "abc"]
    averaged = with_averages(runs[0], (0.01, 0.5), chosen=1)
    named = with_averages(runs[1], (0.01, 0.5), chosen=1)
    alone = {"trial": 2, "average": None, "members": []}
    rewritten(named, lambda document: document["chosen"].update(alone))
    out = tmp_path / "figure.html"
    command = ["compare", *(str(run.path) for run in runs), "--out", str(out)]
    lines = CliRunner().invoke(cli, command).stdout.splitlines()
    words = averaged.results.averages[0].words
    assert f"A deploys average 1 ({words}): test error 0.05, 0.5 ms a forecast" in lines
    assert "B deploys trial 2: test error 0.05, 0.5 ms a forecast" in lines
    assert not any(line.startswith("C deploys") for line in lines)
    found = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)
    first, second, third = (run["deployed"] for run in found["runs"])
    assert (first["label"], first["trial"], first["average"]) == ("average 1", None, 1)
    assert (first["test_mse"], first["latency_ms"]) == (0.05, 0.5)
    assert len(first["members"]) == 3
    assert (second["label"], second["trial"], second["members"]) == ("trial 2", 2, [])
    assert third is None
