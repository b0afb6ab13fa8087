from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import optuna
import pandas as pd
import pytest
from test_compat import answering, make

from lstmopt.errors import MachineError
from lstmopt.report import images
from lstmopt.report.figures import correlations_figure, rank_correlations, results_figure

needs_browser = pytest.mark.skipif(
    images.find_browser() is None, reason="no Chrome or Chromium on this machine"
)


def study_of(trials: int, objectives: int = 2) -> optuna.Study:
    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        hidden = trial.suggest_categorical("hidden_size", [32, 64])
        layers = trial.suggest_int("num_layers", 1, 2)
        kind = trial.suggest_categorical("optimizer", ["Adam", "AdamW"])
        trial.suggest_categorical("shape", ["a", "b", "c"])
        if layers > 1:
            trial.suggest_float("dropout", 0.1, 0.5)
        loss = rate + (kind == "AdamW")
        return (loss, hidden * layers)[:objectives]

    study = optuna.create_study(
        directions=["minimize"] * objectives, sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.set_metric_names(["val_loss", "latency_ms"][:objectives])
    study.optimize(objective, n_trials=trials)
    return study


def titles(figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_the_results_hold_histories_front_importance_and_a_picture_a_numeric_parameter():
    figure = results_figure(study_of(12))
    assert set(titles(figure)) == {
        "val_loss over trials",
        "latency_ms over trials",
        "Pareto front",
        "parameter importance (PED-ANOVA)",
        "val_loss by learning_rate",
        "val_loss by hidden_size",
        "val_loss by num_layers",
        "val_loss by dropout",
    }
    (bars,) = (trace for trace in figure.data if trace.type == "bar")
    assert sum(bars.x) == pytest.approx(1)


def test_the_front_is_drawn_in_red():
    study = study_of(12)
    figure = results_figure(study)
    (front,) = (t for t in figure.data if t.type == "scatter" and t.mode == "lines+markers")
    drawn = list(zip(front.x, front.y, strict=True))
    assert drawn == sorted(tuple(t.values) for t in study.best_trials)


def test_one_objective_shows_the_best_so_far():
    study = study_of(5, objectives=1)
    figure = results_figure(study)
    assert "best so far" in titles(figure)
    (best,) = (t for t in figure.data if t.type == "scatter" and t.mode == "lines+markers")
    assert list(best.y) == list(np.minimum.accumulate([t.value for t in study.trials]))


def test_importance_of_fewer_than_ten_trials_is_not_drawn():
    figure = results_figure(study_of(9))
    assert "too few complete trials: 9 of 10" in titles(figure)
    assert not [trace for trace in figure.data if trace.type == "bar"]


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_a_study_with_hardly_a_trial_is_drawn(trials):
    study = study_of(trials)
    assert results_figure(study).layout.annotations
    assert f"{trials} complete trials" in titles(correlations_figure(study))[0]


def test_correlations_are_of_ranks_and_leave_out_what_has_no_order():
    study = study_of(12)
    (matrix,) = correlations_figure(study).data
    assert list(matrix.x) == [
        "learning_rate",
        "hidden_size",
        "num_layers",
        "optimizer",
        "dropout",
        "val_loss",
        "latency_ms",
    ]
    values = pd.DataFrame(np.array(matrix.z), index=list(matrix.x), columns=list(matrix.x))
    losses = pd.Series([t.values[0] for t in study.trials]).rank()
    rates = pd.Series([t.params["learning_rate"] for t in study.trials]).rank()
    assert values.loc["learning_rate", "val_loss"] == pytest.approx(rates.corr(losses))
    assert values.loc["optimizer", "val_loss"] > 0.5


def test_a_monotonic_dependence_has_rank_correlation_one():
    x = np.array([1.0, 2.0, 3.0, 4.0, math.nan])
    table = pd.DataFrame({"x": x, "y": np.exp(5 * x), "falling": -x, "constant": 1.0})
    matrix = rank_correlations(table)
    assert matrix.loc["x", "y"] == pytest.approx(1)
    assert matrix.loc["x", "falling"] == pytest.approx(-1)
    assert math.isnan(matrix.loc["x", "constant"])


def test_ranks_are_taken_among_common_rows():
    table = pd.DataFrame({"a": [1, 2, 3, 9, 8], "b": [1, 2, 3, math.nan, math.nan]}, dtype=float)
    assert rank_correlations(table).loc["a", "b"] == pytest.approx(1)


def test_figures_import_no_plotly_before_they_are_drawn():
    code = (
        "import sys, lstmopt.report.figures, lstmopt.report.images;"
        "print([m for m in ('plotly', 'kaleido', 'choreographer') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_without_a_browser_the_error_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "find_browser", lambda: None)
    with pytest.raises(MachineError, match="apt-get install chromium"):
        images.write_png({tmp_path / "a.png": None})


def false_browser(tmp_path, monkeypatch, script: str) -> None:
    path = tmp_path / "chromium"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(path))


def test_a_browser_that_does_not_start_is_an_error_in_one_line(tmp_path, monkeypatch):
    false_browser(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(MachineError, match="a browser that draws, found") as caught:
        images.write_png({tmp_path / "a.png": results_figure(study_of(0))})
    assert "\n" not in str(caught.value)


def test_a_browser_that_never_answers_is_given_up(tmp_path, monkeypatch):
    false_browser(tmp_path, monkeypatch, "exec sleep 5")
    monkeypatch.setattr(images, "_SECONDS", 0.5)
    with pytest.raises(MachineError, match="no answer in"):
        images.write_png({tmp_path / "a.png": results_figure(study_of(0))})


@needs_browser
def test_figures_become_png_files(tmp_path):
    study = study_of(3)
    paths = [tmp_path / "results.png", tmp_path / "correlations.png"]
    figures = (results_figure(study), correlations_figure(study))
    images.write_png(dict(zip(paths, figures, strict=True)))
    for path in paths:
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@needs_browser
def test_the_best_models_folder_holds_both_pictures(tmp_path):
    tuner = make(tmp_path, answering("x"))
    tuner.optimize()
    tuner.train_best_model(epochs=1)
    names = {path.name for path in tmp_path.glob("*.png")}
    assert names == {"optuna_optimization_results.png", "parameter_correlations.png"}
