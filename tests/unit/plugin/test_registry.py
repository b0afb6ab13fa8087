from __future__ import annotations

import inspect

import pytest

from lstmopt import Strategy, hookimpl
from lstmopt.errors import LstmoptError
from lstmopt.plugin import hookspecs
from lstmopt.plugin.options import make
from lstmopt.plugin.registry import load_registry

PLUGIN = """
from lstmopt import Strategy, hookimpl

@hookimpl
def lstmopt_samplers():
    return [Strategy("{name}", dict, "a summary", "")]
"""


def test_two_packages_with_one_name_are_an_error_that_names_both(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(name="tpe"))
    with pytest.raises(LstmoptError) as error:
        load_registry((path,))
    assert "lstmopt and" in str(error.value)
    assert str(path) in str(error.value)


def test_a_plug_in_that_fails_to_import_is_a_warning_and_the_rest_works(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import a_module_that_is_not_there")
    with pytest.warns(UserWarning, match="broken.py.*was left out"):
        registry = load_registry((path,))
    assert "tpe" in registry.names("sampler")


def test_a_plug_in_file_adds_its_strategy(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(name="mine"))
    assert load_registry((path,)).strategy("sampler", "mine").summary == "a summary"


def test_every_hook_says_what_it_returns():
    for name, hook in vars(hookspecs).items():
        if name.startswith("lstmopt_"):
            assert inspect.getdoc(hook)


def test_every_built_in_says_what_it_is():
    for entry in load_registry().entries.values():
        assert entry.item.summary
        assert entry.package == "lstmopt"


def strategy(**signature_of):
    def make_it(*, seed: int, steps: int = 1, rate: float = 0.5, fast: bool = False):
        return seed, steps, rate, fast

    return Strategy("it", make_it, "", "")


def test_options_are_read_as_their_annotated_types():
    options = {"steps": "3", "rate": "0.1", "fast": "true"}
    assert make(strategy(), "sampler", options, seed=7, space=None) == (7, 3, 0.1, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step": 1}, "did you mean 'steps'"),
        ({"steps": 1.5}, "a whole number"),
        ({"rate": "fast"}, "a number"),
        ({"fast": "perhaps"}, "true or false"),
        ({"seed": 3}, "its own options only"),
    ],
)
def test_a_wrong_option_is_one_sentence(options, words):
    with pytest.raises(LstmoptError, match=words):
        make(strategy(), "sampler", options, seed=0)


def test_hookimpl_marks_for_this_project():
    assert hookimpl(lambda: None).lstmopt_impl
