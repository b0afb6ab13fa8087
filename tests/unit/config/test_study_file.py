from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lstmopt import LstmoptError, make_config, read_config
from lstmopt.cli.main import cli
from lstmopt.config.study_file import study_name, write_config


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("sales.csv", "sales"),
        ("data/sales.csv.gz", "sales"),
        ("Sales Data (1).csv", "Sales_Data_1"),
        ("2023.01.csv", "2023.01"),
        ("2023.02.csv", "2023.02"),
        ("énergie été.xlsx", "énergie_été"),
        ("noending", "noending"),
        (".csv", "csv"),
        ("???.csv", "study"),
    ],
)
def test_a_study_is_named_after_any_file(table, name):
    assert study_name(table) == name
    make_config({"name": name})


def test_a_study_file_may_be_named_by_text(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text("seed = 3\n")
    assert read_config(str(path)) == read_config(path)


def test_a_table_and_another_table_are_one_too_many(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("time,load\n")
    arguments = ["run", str(tmp_path / "a.csv"), "--data", str(tmp_path / "b.csv")]
    with pytest.raises(LstmoptError, match=r"of one table, found .*a\.csv and --data .*b\.csv"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_a_table_in_place_of_a_study_is_the_data(tmp_path):
    (tmp_path / "a.csv").write_text("time,load\n")
    with pytest.raises(LstmoptError, match="a header and rows, found 1 lines"):
        CliRunner().invoke(
            cli, ["run", str(tmp_path / "a.csv"), "--target", "load"], catch_exceptions=False
        )


NUMPYS = [
    ({"budget": {"trials": np.int64(5)}}, {"budget": {"trials": 5}}),
    ({"seed": np.uint8(3)}, {"seed": 3}),
    ({"limits": {"max_latency_ms": np.float32(0.5)}}, {"limits": {"max_latency_ms": 0.5}}),
    ({"training": {"cuda_graph": np.True_}}, {"training": {"cuda_graph": True}}),
    ({"objectives": np.array(["val_loss"])}, {"objectives": ["val_loss"]}),
    ({"sampler": {"name": np.str_("tpe")}}, {"sampler": {"name": "tpe"}}),
    (
        {"pruner": {"name": "median", "n_warmup_steps": np.int64(3)}},
        {"pruner": {"name": "median", "n_warmup_steps": 3}},
    ),
    ({"space": {"hidden_size": np.arange(8, 10)}}, {"space": {"hidden_size": [8, 9]}}),
    ({"data": {"path": Path("x.csv")}}, {"data": {"path": "x.csv"}}),
    ({"plugins": [Path("mine.py")]}, {"plugins": ["mine.py"]}),
]


@pytest.mark.parametrize(("given", "meant"), NUMPYS, ids=lambda table: str(table))
def test_a_study_from_python_takes_numpys_numbers_and_paths(given, meant):
    name = {"name": "small"}
    assert write_config(make_config(name | given)) == write_config(make_config(name | meant))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"budget": {"trials": np.int64(0)}}, r"budget.trials is at least 1, found 0"),
        ({"budget": {"trials": np.float64(1.5)}}, r"budget.trials .*Expected `int`"),
    ],
)
def test_numpys_numbers_are_bounded_as_all_are(given, words):
    with pytest.raises(LstmoptError, match=words):
        make_config({"name": "small"} | given)
