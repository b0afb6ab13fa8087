from __future__ import annotations

import json

import pytest
from lstmopt_benchmarks.network_portfolio import write_network_portfolio
from lstmopt_benchmarks.tables import read_tables, write_table

from lstmopt.errors import LstmoptError
from support import ROOT
from support.tables import make_families, make_recorded

SHIPPED = ROOT / "plugins" / "shipped_networks.json"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    tables = {
        "one": make_families("one", 24, best=1e-3),
        "two": make_families("two", 52, best=1e-2, calendar=["no_annual"]),
        "again": make_families("two", 52, best=1e-3),
    }
    for name, table in tables.items():
        write_table(table, folder / f"{name}.npz")
    return {name: str(folder / f"{name}.npz") for name in tables}


@pytest.fixture(scope="module")
def content(sources, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "p.json"
    content = write_network_portfolio([sources["one"], sources["two"]], 4, path)
    assert json.loads(path.read_text()) == content
    return content


def rates(candidates):
    return [params["learning_rate"] for params in candidates]


def test_candidates_of_series_of_other_seasons_are_chosen_together(content):
    assert content["ranks"] == {"segment": 2, "window": 3, "recent": 1}
    assert 2 <= len(content["candidates"]) <= 4
    for params in content["candidates"]:
        assert (params["segment"] in (0, 1), params["window"] in (0, 1, 2)) == (True, True)
        assert "calendar" not in params
    # no single learning rate serves both
    assert min(rates(content["candidates"])) < 3e-3 < max(rates(content["candidates"]))


def test_what_is_solved_is_left_to_the_study(content):
    lists = [content["candidates"]]
    lists += [table["candidates_of_others"] for table in content["tables"].values()]
    assert {params["network"] for chosen in lists for params in chosen} == {"segment"}


def test_a_tables_own_series_says_nothing_of_what_others_give(content, sources, tmp_path):
    one, two = (content["tables"][name] for name in ("one", "two"))
    assert (one["target"], two["target"]) == ("one", "two")
    assert rates(one["candidates_of_others"])[0] > 3e-3  # that of the other
    assert rates(two["candidates_of_others"])[0] < 3e-3
    both = [sources["two"], sources["again"]]
    alone = write_network_portfolio(both, 2, tmp_path / "p.json")
    assert alone["tables"]["two"]["candidates_of_others"] == []  # both are of one series


def test_tables_that_share_no_space_are_refused(sources, tmp_path):
    write_table(make_recorded(), tmp_path / "classic.npz")
    write_table(make_families("few", 24, window=[24, 48]), tmp_path / "few.npz")
    write_table(make_families("short", 24, rows=7), tmp_path / "short.npz")
    write_table(make_families("own", 24, calendar=["all", "none"]), tmp_path / "own.npz")
    for name, words in (
        ("classic", "found synthetic: record a study"),
        ("few", "found one and few"),
        ("short", "found 4 in short: record more"),
        ("own", "found one and own"),
    ):
        both = [sources["one"], str(tmp_path / f"{name}.npz")]
        with pytest.raises(LstmoptError, match=words):
            write_network_portfolio(both, 2, tmp_path / "p.json")


@pytest.mark.skipif(not SHIPPED.is_file(), reason="no default study is recorded")
def test_what_is_shipped_was_chosen_from_the_shipped_tables():
    for name, about in json.loads(SHIPPED.read_text())["tables"].items():
        (table,) = read_tables(name)
        assert (table.fingerprint, table.target) == (about["fingerprint"], about["target"])
