from __future__ import annotations

import dataclasses
import gzip
import json

import numpy as np
import pytest
from lstmopt_benchmarks.replay import ReplayTask
from lstmopt_benchmarks.surrogate import TableSurrogate, rank_correlation
from lstmopt_benchmarks.tables import read_tables, table_space, write_table

from lstmopt.errors import LstmoptError
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import CLASSIC, Choice, Space, parse_space
from support.tables import make_families, make_recorded

ADAM = {"optimizer": ["Adam"]}


def test_a_table_is_read_as_it_was_written(tmp_path):
    table = make_recorded(failing=2)
    write_table(table, tmp_path / "t.npz")
    (read,) = read_tables(str(tmp_path / "t.npz"))
    assert read.params == table.params
    assert read.space == table.space
    assert read.rules == table.rules
    assert read.fingerprint == table.fingerprint
    np.testing.assert_allclose(read.losses, table.losses, rtol=1e-6)
    assert np.isnan(read.best_losses).sum() == 2


def test_a_table_of_several_families_is_read_as_it_was_written(tmp_path):
    table = make_families("mine", 24)
    write_table(table, tmp_path / "t.npz")
    (read,) = read_tables(str(tmp_path / "t.npz"))
    assert read.params == table.params
    assert {type(p["skip"]) for p in read.params if "skip" in p} == {bool}
    assert read.space == table.space
    assert read.rules == table.rules
    assert read.target == "mine"
    assert read.lengths.tolist() == table.lengths.tolist() == [1] * 3 + [4] * 37
    assert all(read.space.rejects(params) is None for params in read.params)


def test_a_table_of_one_family_is_written_as_before(tmp_path):
    known = known_hyperparameters(load_registry().networks)
    space = parse_space({"num_layers": [1, 2], "dropout": [0.1, 0.2]}, known)
    assert table_space(space) == Space(space.parameters)
    own = {**space.parameters, "hidden_size": Choice((8, 16))}
    write_table(dataclasses.replace(make_recorded(), space=Space(own)), tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz") as arrays:
        assert {"conditions", "target"}.isdisjoint(json.loads(str(arrays["meta"])))


def test_a_condition_of_the_studys_own_stays_in_a_table(tmp_path):
    space = parse_space(
        {"optimizer": ["Adam", "AdamW"], "batch_size": {"values": [16], "when": ADAM}}
    )
    columns = tuple({"optimizer": name} for name in ("AdamW",) * 80)
    table = dataclasses.replace(make_recorded(), space=table_space(space), params=columns, rules={})
    write_table(table, tmp_path / "t.npz")
    read = read_tables(str(tmp_path / "t.npz"))[0].space
    assert read.names({"optimizer": "AdamW"}) == ["optimizer"]
    assert read.names({"optimizer": "Adam"}) == ["optimizer", "batch_size"]


def test_the_shipped_tables_hold_what_they_promise():
    bike, taxi = (read_tables(name)[0] for name in ("bike_sharing", "nyc_taxi"))
    assert bike.rows >= 400
    assert taxi.rows >= 150
    for table in (bike, taxi):
        assert table.epochs >= 27
        assert set(table.space.parameters) == set(CLASSIC)
        assert set(table.static) == {"latency_ms"}
        assert all(table.space.rejects(params) is None for params in table.params)


def test_latency_in_a_shipped_table_belongs_to_the_architecture():
    (table,) = read_tables("bike_sharing")
    by_architecture = {}
    for params, latency in zip(table.params, table.static["latency_ms"], strict=True):
        key = params["hidden_size"], params["num_layers"]
        assert by_architecture.setdefault(key, latency) == latency


def test_lcbench_is_read_as_a_table_a_task(tmp_path):
    names = [
        "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units",
        "max_dropout",
    ]  # fmt: skip
    configs = np.array([[16, 1e-3, 0.5, 1e-2, 2, 100, 0.1], [32, 1e-2, 0.9, 1e-3, 3, 64, 0.5]])
    losses, seconds = np.array([[2.0, 1.0], [3.0, 2.5]]), np.array([[1.0, 3.0], [2.0, 1.5]])
    arrays = {"ce_1": losses, "time_1": seconds, "ce_2": losses + 1, "time_2": seconds}
    np.savez(tmp_path / "l.npz", configs=configs, names=np.array(names), **arrays)
    first, second = read_tables(str(tmp_path / "l.npz"))
    assert (first.name, second.name) == ("lcbench_1", "lcbench_2")
    assert first.static["size"].tolist() == [200, 192]
    assert first.seconds[0].tolist() == [1, 2]  # cumulative there, an epoch's own here
    assert (first.seconds > 0).all()  # also where the recorded clock ran backwards
    (only,) = read_tables(f"{tmp_path / 'l.npz'}#lcbench_2")
    assert only.losses[0, 0] == 3
    assert ReplayTask(first, rows=False).static(first.params[0]) == {"size": 200}


def test_nas_bench_nlp_is_read_with_its_failures(tmp_path):
    runs = [
        {"val_losses": [3, 2, 1], "wall_times": [1, 1, 1], "num_params": 10},
        {"val_losses": [3, None], "wall_times": [1, 1], "num_params": 20},
    ]
    path = tmp_path / "nlp.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"runs": runs}).encode()))
    (table,) = read_tables(str(path))
    assert table.losses.shape == (2, 3)
    assert np.isnan(table.best_losses).tolist() == [False, True]
    with pytest.raises(LstmoptError, match="replay it with --rows"):
        ReplayTask(table, rows=False)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("bike_shering", "bike_sharing"),
        ("bike_sharing#other", "holds the tables bike_sharing"),
        ("{folder}/text.npz", "a table is an .npz file"),
        ("{folder}/empty.npz", "a table is an .npz file"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path, source, words):
    (tmp_path / "text.npz").write_text("no table")
    np.savez(tmp_path / "empty.npz", losses=np.ones((2, 2)))
    with pytest.raises(LstmoptError, match=words) as error:
        read_tables(source.format(folder=tmp_path))
    assert "\n" not in str(error.value)


def test_a_surrogate_orders_what_it_has_not_seen():
    assert rank_correlation(make_recorded()) > 0.95


def test_a_surrogate_answers_within_what_was_recorded():
    table = make_recorded(40)
    corners = [
        {"hidden_size": size, "learning_rate": rate} for size in (8, 32) for rate in (1e-4, 1e-1)
    ]
    losses, seconds = TableSurrogate(table).predict(corners)
    assert losses.shape == (4, table.epochs)
    assert (losses >= table.losses.min(0) - 1e-9).all()
    assert (losses <= table.losses.max(0) + 1e-9).all()
    np.testing.assert_allclose(seconds, 0.5, rtol=1e-3)


def test_a_space_of_texts_and_missing_values_is_encoded():
    (table,) = read_tables("bike_sharing")
    assert isinstance(table.space.parameters["optimizer"], Choice)
    one_layer = next(p for p in table.params if "dropout" not in p)
    losses, _ = TableSurrogate(table, range(100)).predict([one_layer])
    assert np.isfinite(losses).all()
