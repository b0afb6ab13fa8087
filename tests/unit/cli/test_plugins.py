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


FAMILY = """
from lstmopt import Choice, Hyperparameter, Network, Range, hookimpl

@hookimpl
def lstmopt_networks():
    own = {
        "units": Hyperparameter(4, Choice((2, 4)), costs=True, least=1),
        "rate": Hyperparameter(0.1, Range(0.01, 1, log=True), when={"units": (4,)}),
        "gated": Hyperparameter(False, Choice((True, False)), when={"units": range(2, 5)}),
    }
    return [Network("mine", None, own, "a summary", "a paper")]
"""


def test_a_family_of_networks_is_shown_with_its_hyperparameters(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FAMILY)
    text = shown("mine", "--plugin", str(path))
    assert f"mine (network, {path}): a summary\nreference: a paper\n" in text
    assert "  units: whole numbers of at least 1 = 4\n" in text
    assert "Decides what a forecast costs. Varies over 2, 4 by default.\n" in text
    assert "  rate: numbers of at least 0 = 0.1\n" in text
    words = (
        "Of training alone. Varies over 0.01 to 1 by logarithm by default. Applies where units is"
    )
    assert f"{words} 4." in " ".join(text.split())
    assert "  gated: true or false = false\n" in text
    assert "Varies over true, false by default. Applies where units is 2 to 4." in " ".join(
        text.split()
    )
    listed = CliRunner().invoke(cli, ["plugins", "--json", "--plugin", str(path)])
    (row,) = (row for row in json.loads(listed.output) if row["name"] == "mine")
    assert (row["kind"], row["supports"]) == ("network", "units, rate, gated")


def test_what_a_standard_hyperparameter_varies_over_is_not_said():
    (about,) = json.loads(shown("segment", "--json"))
    assert about["hyperparameters"]["segment"]["domain"] == ""
    assert about["hyperparameters"]["dropout"]["when"] == {"num_layers": "2 to 999"}


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
