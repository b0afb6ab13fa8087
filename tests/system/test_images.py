from __future__ import annotations

import pytest

from lstmopt.errors import MachineError
from lstmopt.report import png
from support.runs import make_run, rewritten
from support.tuner import answering, make


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path / "made", ["complete"] * 3)


def test_without_a_browser_the_error_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(png, "find_browser", lambda: None)
    with pytest.raises(MachineError, match="apt-get install chromium"):
        png.write_png({tmp_path / "a.png": None})


def false_browser(tmp_path, monkeypatch, script: str) -> None:
    path = tmp_path / "chromium"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(path))


def test_a_browser_that_does_not_start_is_an_error_in_one_line(tmp_path, monkeypatch, made):
    false_browser(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(MachineError, match="a browser that draws, found") as caught:
        png.write_png({tmp_path / "a.png": made.figures.history()})
    assert "\n" not in str(caught.value)


def test_a_browser_that_never_answers_is_given_up(tmp_path, monkeypatch, made):
    false_browser(tmp_path, monkeypatch, "exec sleep 5")
    monkeypatch.setattr(png, "_SECONDS", 0.5)
    monkeypatch.setattr(png, "_SECONDS_EACH", 0.0)
    with pytest.raises(MachineError, match="no answer in"):
        png.write_png({tmp_path / "a.png": made.figures.history()})


def is_png(path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.browser
def test_the_sheets_become_png_files(made):
    assert png.write_sheets(made) is None
    assert is_png(made.folder.results_png)
    assert is_png(made.folder.correlations_png)


@pytest.mark.browser
def test_every_figure_becomes_a_png_file_whatever_its_name(made):
    def name_unusually(document):
        for number, entry in enumerate(document["trials"]):
            entry["params"]["../a <b>"] = 1.5 * number

    made = rewritten(made, name_unusually)
    paths = png.write_every_figure(made)
    assert len(paths) == len(made.figures.all())
    assert all(path.parent == made.path / "figures" and is_png(path) for path in paths)
    assert made.path / "figures" / "parameter__a_b_.png" in paths


def test_without_a_browser_the_sheets_are_one_sentence(made, monkeypatch):
    monkeypatch.setattr(png, "find_browser", lambda: None)
    assert png.write_sheets(made) == png.NO_BROWSER


@pytest.mark.browser
def test_the_best_models_folder_holds_both_pictures(tmp_path):
    tuner = make(tmp_path, answering("x"))
    tuner.optimize()
    tuner.train_best_model(epochs=1)
    names = {path.name for path in tmp_path.glob("*.png")}
    assert names == {"optuna_optimization_results.png", "parameter_correlations.png"}
