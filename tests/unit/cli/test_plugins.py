from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lstmopt.cli.main import COMMANDS, cli
from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import load_registry


def shown(*arguments):
    answer = CliRunner().invoke(cli, ["plugins", "show", *arguments], catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.output


def test_an_option_is_shown_with_its_type_its_default_and_its_meaning():
    (about,) = json.loads(shown("halving", "--json"))
    assert about["kind"] == "pruner"
    assert "arXiv" in about["reference"]
    options = {option["name"]: option for option in about["options"]}
    assert options["reduction_factor"] == {
        "name": "reduction_factor",
        "type": "int",
        "default": "3",
        "meaning": options["reduction_factor"]["meaning"],
    }
    text = shown("halving")
    assert about["summary"] in text
    assert "reduction_factor: int = 3" in text


@pytest.mark.parametrize("name", sorted({e.item.name for e in load_registry().entries.values()}))
def test_every_option_of_every_strategy_has_a_meaning(name):
    for about in json.loads(shown(name, "--json")):
        assert about["summary"]
        assert [o["name"] for o in about["options"] if not o["meaning"]] == []


def test_a_name_that_is_not_there_is_one_sentence():
    with pytest.raises(LstmoptError, match="halving"):
        shown("halvng")


def test_flags_are_shown_where_they_mean_something():
    supports = {(row["kind"], row["name"]): row["supports"] for row in load_registry().table()}
    assert supports["sampler", "grid"] == "multi-objective, conditional, parallel, resume"
    assert supports["pruner", "median"] == "resume"
    assert supports["objective", "val_r2"] == "learned, maximize"
    assert {words for (kind, _), words in supports.items() if kind == "warm-start"} == {""}


def test_every_command_is_where_the_group_says():
    assert {name: command.name for name, command in COMMANDS.items()} == {n: n for n in COMMANDS}
