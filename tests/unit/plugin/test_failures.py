"""What a plug-in raises or answers wrongly is one sentence that names it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lstmopt import LstmoptError
from lstmopt.epoch import Epoch
from lstmopt.plugin.failures import PluginErrors
from lstmopt.plugin.options import make
from support.plugins import COST, EPOCH, fail, objective_of, strategy_of


def test_what_a_plug_in_raises_names_the_plug_in_and_is_raised_from_the_original():
    with (
        pytest.raises(LstmoptError, match=r"sampler 'mine' of mine.py raised KeyError") as error,
        PluginErrors("sampler 'mine' of mine.py"),
    ):
        fail()
    assert isinstance(error.value.__cause__, KeyError)


def test_it_says_where_the_plug_in_raised():
    with pytest.raises(LstmoptError, match=r"'a bug' \(plugins\.py:\d+\)"), PluginErrors("it"):
        fail()


def test_it_is_one_line_whatever_was_raised():
    with pytest.raises(LstmoptError) as error, PluginErrors("it"):
        raise ValueError("one\ntwo\r\nthree")
    assert "ValueError: one two three" in str(error.value)


def test_a_sentence_of_lstmopts_is_not_said_twice():
    with pytest.raises(LstmoptError, match=r"^said already$"), PluginErrors("it"):
        raise LstmoptError("said already")


def test_an_interrupt_is_no_error_of_a_plug_in():
    with pytest.raises(KeyboardInterrupt), PluginErrors("it"):
        raise KeyboardInterrupt


def test_what_only_came_through_a_plug_in_stays_what_it_is():
    errors = PluginErrors("it", passes=lambda error: isinstance(error, OSError))
    with pytest.raises(OSError, match="disk full"), errors:
        raise OSError("disk full")


NO_NUMBERS = [None, "0.5", b"1", [1.0], {}, object(), 1j]


@pytest.mark.parametrize("kind", ["static", "learned"])
@pytest.mark.parametrize("found", NO_NUMBERS, ids=lambda found: type(found).__name__)
def test_an_objective_that_gives_no_number_is_named(kind, found):
    objective = objective_of(lambda _: found, kind)
    with pytest.raises(LstmoptError, match=r"a .*number, found .* from objective 'mine' of mine.p"):
        objective.value(EPOCH)


@pytest.mark.parametrize("found", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_static_objective_that_is_not_finite_is_named_with_what_it_measured(found):
    with pytest.raises(LstmoptError, match=r"a finite number, found .*'hidden_size', 8"):
        objective_of(lambda _: found).value(COST)


@pytest.mark.parametrize("kind", ["static", "learned"])
def test_an_objective_that_raises_is_named(kind):
    with pytest.raises(
        LstmoptError, match=r"objective .mine. of mine\.py raised KeyError"
    ) as error:
        objective_of(fail, kind).value(COST)
    assert isinstance(error.value.__cause__, KeyError)


def test_a_report_says_what_a_forecast_objective_measured():
    objective = objective_of(fail, "forecast")
    assert objective.at(Epoch(1, 0.5, 0.4, 0.3, 0.6, 1.0, {"mine": 2.0})) == 2.0
    assert math.isnan(objective.at(EPOCH))  # it was not measured then, and is not now


def test_a_learned_objective_may_be_no_finite_number_in_an_epoch():
    assert math.isnan(objective_of(lambda _: math.nan, "learned").value(EPOCH))


@pytest.mark.parametrize("found", [1, True, np.float32(0.5), np.int64(3), np.array(2.0)])
def test_an_objectives_number_of_any_kind_is_a_float(found):
    assert type(objective_of(lambda _: found).value(COST)) is float


@pytest.mark.parametrize("error", [KeyError("x"), ZeroDivisionError(), OSError("no file")])
@pytest.mark.parametrize("kind", ["sampler", "pruner", "warm-start"])
def test_a_strategy_that_raises_where_it_is_made_is_named(kind, error):
    def make_it():
        raise error

    word = kind.replace("-", " ")
    with pytest.raises(LstmoptError, match=f"{word} 'mine' of mine.py raised") as raised:
        make(strategy_of(make_it), kind, {})
    assert raised.value.__cause__ is error


def test_a_strategy_still_refuses_its_options_by_a_value_error():
    def make_it(*, steps: int = 1):
        raise ValueError("steps is above 3")

    with pytest.raises(LstmoptError, match="refused its options: steps is above 3"):
        make(strategy_of(make_it), "sampler", {})


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ModuleNotFoundError("No module named 'a.b'", name="a.b"), "pip install a$"),
        (ImportError("cannot import name 'x' from 'torch'", name="torch"), "install what it names"),
        (ImportError("this needs cmaes"), "install what it names"),
    ],
)
def test_a_strategy_whose_package_is_missing_says_what_to_install(error, remedy):
    def make_it():
        raise error

    with pytest.raises(LstmoptError, match=f"a package that is not installed.*: {remedy}"):
        make(strategy_of(make_it), "sampler", {})
