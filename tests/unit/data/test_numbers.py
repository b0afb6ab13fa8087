"""Numbers at the edge: right or refused, never silently wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lstmopt import Forecaster, LstmoptError, load, run
from support.parts import wave
from support.studies import config_of

EDGES = {
    "one unit": {"hidden_size": [1]},
    "batches of one": {"batch_size": [1]},
    "a batch larger than the part": {"batch_size": [100_000]},
    "no dropout": {"dropout": [0.0], "num_layers": [2]},
    "nearly all dropped": {"dropout": [0.99], "num_layers": [2]},
    "no weight decay": {"weight_decay": [0.0]},
}


@pytest.mark.parametrize("space", EDGES.values(), ids=EDGES.keys())
def test_a_candidate_at_the_edge_is_trained_and_forecasts(tmp_path, csv, space):
    document = run(
        config_of(csv, space=space, budget={"trials": 2}, finalists={"seeds": 1}), tmp_path / "r"
    )
    assert math.isfinite(document["chosen"]["test"]["own"]["mae"]["mean"])
    assert np.isfinite(load(tmp_path / "r").model.predict(wave())["load"]).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_the_units_of_a_series_change_no_loss(tmp_path, scale):
    losses = []
    for name, factor in (("one", 1.0), ("scaled", scale)):
        table = wave().assign(load=lambda t, f=factor: t["load"] * f)
        config = config_of(
            "", data={"target": "load"}, pruner={"name": "none"}, finalists={"seeds": 1}
        )
        document = run(config, tmp_path / name, source=table)
        losses.append([trial["values"]["val_loss"] for trial in document["trials"]])
        own = document["chosen"]["test"]["own"]["mae"]["mean"] / factor
        losses[-1].append(own)
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_a_learning_rate_that_explodes_is_a_failed_candidate_with_its_reason(tmp_path, csv):
    space = {"learning_rate": [0.01, 1e30], "hidden_size": [4], "batch_size": [16]}
    config = config_of(csv, space=space, sampler={"name": "grid"}, budget={"trials": 2})
    document = run(config, tmp_path / "r")
    states = {t["params"]["learning_rate"]: t for t in document["trials"]}
    assert states[0.01]["state"] == "complete"
    wild = states[1e30]
    if wild["state"] == "failed":
        assert "no longer finite" in wild["reason"]
    else:  # it stayed finite, so it must be a number that says how bad it is
        assert wild["values"]["val_loss"] > states[0.01]["values"]["val_loss"]
    assert document["front"] == [states[0.01]["number"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(load=5.0), "always 5"),
        (lambda t: t.assign(load=np.where(t.index < 300, 5.0, t["load"])), "must vary"),
        (lambda t: t.assign(load=np.where(t.index == 7, np.inf, t["load"])), "finite numbers"),
        (lambda t: t.assign(load=np.nan), "0 in 'load'"),
    ],
    ids=["constant", "constant in training", "infinite", "nothing"],
)
def test_a_series_that_cannot_be_learned_is_refused(tmp_path, change, words):
    config = config_of("", data={"target": "load"})
    with pytest.raises(LstmoptError, match=words):
        run(config, tmp_path / "r", source=change(wave()))


def test_a_single_outlier_of_1e30_is_learned_or_said(tmp_path):
    table = wave()
    table.loc[50, "load"] = 1e30
    config = config_of("", data={"target": "load"}, budget={"trials": 2})
    document = run(config, tmp_path / "r", source=table)
    assert all(
        trial["values"]["val_loss"] is None or math.isfinite(trial["values"]["val_loss"])
        for trial in document["trials"]
    )


@pytest.mark.system
def test_the_same_candidates_give_the_same_losses_whatever_the_workers(tmp_path, csv):
    space = {"hidden_size": [4, 8], "learning_rate": [0.003, 0.01, 0.03]}
    found = []
    for workers in (1, 2, 3):
        chosen = {"sampler": {"name": "grid"}, "pruner": {"name": "none"}}
        config = config_of(csv, space=space, workers=workers, **chosen)
        document = run(config, tmp_path / str(workers))
        found.append(
            {str(t["params"]): [e["val_loss"] for e in t["curve"]] for t in document["trials"]}
        )
    assert found[0] == found[1] == found[2]


def test_a_forecast_does_not_depend_on_the_batch_that_it_is_in(tmp_path, csv):
    run(config_of(csv, budget={"trials": 1}), tmp_path / "r")
    model = Forecaster.load(tmp_path / "r")
    inputs = np.random.default_rng(0).standard_normal((64, 12, model.features)).astype(np.float32)
    alone = np.concatenate([model.forecast(row[None]) for row in inputs])
    assert model.forecast(inputs) == pytest.approx(alone, rel=1e-5, abs=1e-5)
