from __future__ import annotations

import importlib.metadata
import inspect
import runpy
from types import SimpleNamespace

import pytest

from lstmopt import Strategy, hookimpl
from lstmopt.errors import LstmoptError
from lstmopt.plugin import hookspecs
from lstmopt.plugin.options import make
from lstmopt.plugin.registry import load_registry
from support.plugins import write_plugin

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
    assert f"{path}: rename it in one of them" in str(error.value)


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


def test_what_a_file_hands_over_knows_who_brought_it(tmp_path):
    path = write_plugin(tmp_path, SAMPLER)
    assert load_registry((path,)).strategy("sampler", "mine").package == str(path)


SAMPLER = """
@hookimpl
def lstmopt_samplers():
    return [Strategy("mine", dict, "a summary", "")]
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SAMPLER.replace("lstmopt_samplers", "lstmopt_sampler"), "did you mean 'lstmopt_samplers'"),
        (SAMPLER.replace("lstmopt_samplers", "samplers"), "known are|did you mean"),
        (SAMPLER.replace("@hookimpl", "@hookimpl(specname='lstmopt_x')"), "found 'lstmopt_x'"),
        (SAMPLER.replace("@hookimpl", ""), "'lstmopt_samplers' in .* without it: mark it"),
        (SAMPLER + SAMPLER.replace("samplers", "pruner"), "did you mean 'lstmopt_pruners'"),
    ],
)
def test_a_file_whose_hooks_are_misspelt_is_refused(tmp_path, source, words):
    path = write_plugin(tmp_path, source)
    with pytest.raises(LstmoptError, match=words) as error:
        load_registry((path,))
    assert str(path) in str(error.value)


@pytest.mark.parametrize("source", ["", "lstmopt_samplers = 1", "def helper(): ..."])
def test_a_file_without_a_hook_is_a_warning_that_names_the_hooks(tmp_path, source):
    path = write_plugin(tmp_path, source)
    with pytest.warns(UserWarning, match="found none in .*mine.py: hooks are lstmopt_samplers"):
        load_registry((path,))


@pytest.mark.parametrize("source", ["", SAMPLER.replace("samplers", "sampler")])
def test_an_installed_package_without_a_hook_is_a_warning_and_the_rest_works(
    tmp_path, monkeypatch, source
):
    installed(monkeypatch, write_plugin(tmp_path, source))
    with pytest.warns(UserWarning, match="hook.*found .* in my-package"):
        registry = load_registry()
    assert "tpe" in registry.names("sampler")


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("raise KeyError('a bug')", "KeyError"),
        ("return None", "TypeError"),
        ("return ['tpe']", "list of Strategy, found 'tpe'"),
        ("return [Objective('x', 'minimize', 'static', len)]", "list of Strategy"),
    ],
)
def test_a_hook_that_hands_over_nothing_usable_is_a_warning_and_the_rest_works(
    tmp_path, hook, words
):
    path = write_plugin(tmp_path, f"@hookimpl\ndef lstmopt_samplers():\n    {hook}\n")
    with pytest.warns(UserWarning, match=rf"the samplers of .*mine.py were left out: .*{words}"):
        registry = load_registry((path,))
    assert "tpe" in registry.names("sampler")


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("'x', 'minimise', 'static', len", "direction minimize or maximize, found 'minimise'"),
        ("'x', 'minimize', 'Static', len", "kind static or learned or forecast, found 'Static'"),
        ("'x', 'minimize', 'static', len, scale='ln'", "scale linear or log, found 'ln'"),
    ],
)
def test_an_objective_that_says_what_there_is_not_is_left_out(tmp_path, objective, words):
    source = f"@hookimpl\ndef lstmopt_objectives():\n    return [Objective({objective})]\n"
    with pytest.warns(UserWarning, match=words):
        registry = load_registry((write_plugin(tmp_path, source),))
    assert "x" not in registry.names("objective")


def test_a_plug_in_with_a_hook_that_pluggy_refuses_leaves_nothing_behind(tmp_path):
    source = (
        "@hookimpl\ndef lstmopt_objectives():\n    return []\n"
        "@hookimpl\ndef lstmopt_samplers(study):\n    return []\n"
    )
    with pytest.warns(UserWarning, match="mine.py' of .* was left out"):
        registry = load_registry((write_plugin(tmp_path, source),))
    assert "val_loss" in registry.names("objective")


def installed(monkeypatch, path):
    """Let a file be the module of an installed package, beside those that are."""

    class Entry:
        name, dist = "mine", SimpleNamespace(name="my-package")

        def load(self):
            return SimpleNamespace(**runpy.run_path(str(path)))

    known = importlib.metadata.entry_points(group="lstmopt")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [*known, Entry()])


def test_an_observer_is_told_what_it_asks_for(tmp_path):
    source = "seen = []\n@hookimpl\ndef lstmopt_trial_finished(trial):\n    seen.append(trial)\n"
    registry = load_registry((write_plugin(tmp_path, source),))
    registry.tell_finished("a study", "a trial")
    (plugin,) = [p for p in registry.manager.get_plugins() if hasattr(p, "seen")]
    assert plugin.seen == ["a trial"]


def test_an_observer_that_raises_is_named(tmp_path):
    source = "@hookimpl\ndef lstmopt_trial_finished(study, trial):\n    1 / 0\n"
    registry = load_registry((write_plugin(tmp_path, source),))
    with pytest.raises(LstmoptError, match=r"finished of .*mine\.py raised ZeroDivisionError"):
        registry.tell_finished("a study", "a trial")
