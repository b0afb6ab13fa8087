from __future__ import annotations

import json
import math

import optuna
import pytest
import torch

from lstmopt import Forecaster, LstmoptError, load
from lstmopt.compat import LSTMModel, LSTMTrainer, OptunaLSTMTuner
from lstmopt.networks.lstm import LSTMForecaster, composed_names
from lstmopt.report import png
from lstmopt.search_space import Candidate
from lstmopt.training.scores import evaluate
from support.tuner import NoTraining, answering, make, sine


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """A browser takes seconds to start; tests/system/test_images.py has the tests with one."""
    monkeypatch.setattr(png, "find_browser", lambda: None)


class TwoValues(OptunaLSTMTuner):
    def objective(self, trial):
        model = self._build_model(
            trial.suggest_categorical("hidden_size", [4, 8]),
            trial.suggest_int("num_layers", 1, 2),
            trial.suggest_float("dropout", 0.1, 0.5),
        )
        trainer = self._train_model(
            model,
            trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
            batch_size=trial.suggest_categorical("batch_size", [16, 32]),
            weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-3, log=True),
            optimizer=trial.suggest_categorical("optimizer", ["Adam", "AdamW"]),
        )
        return trainer.best_val_loss, trainer.final_val_r2


class OneValue(OptunaLSTMTuner):
    def objective(self, trial):
        lr = trial.suggest_float("lr", 1e-3, 1e-1, log=True)
        return self._train_model(self._build_model(6, 1), lr, optimizer="AdamW").best_val_loss


def test_the_default_objective_searches_loss_and_latency(tmp_path):
    tuner = make(tmp_path)
    study = tuner.optimize()
    assert study is tuner.study
    assert isinstance(study, optuna.Study)
    assert study.metric_names == ["val_loss", "latency_ms"]
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 2
    assert all(t.values[1] > 0 for t in study.trials)


def test_the_folder_may_be_text(tmp_path):
    assert make(str(tmp_path / "run")).job.folder.path == tmp_path / "run"


def test_the_best_model_is_trained_saved_and_forecasts(tmp_path):
    tuner = make(tmp_path)
    tuner.optimize()
    trainer, model, history = tuner.train_best_model(epochs=3)
    assert isinstance(trainer, LSTMTrainer)
    assert isinstance(model, LSTMModel)
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("train_loss", "val_loss", "val_r2", "val_mae"), 3
    )
    document = json.loads((tmp_path / "optimization_results.json").read_text())
    assert document == json.loads(json.dumps(tuner.results))
    assert document["chosen"]["trial"] in document["front"]
    assert document["chosen"]["test"]["scaled"]["mse"]["mean"] > 0
    forecast = Forecaster.load(tmp_path).predict(sine())
    assert math.isfinite(forecast["load"].iloc[0])
    saved = torch.load(tmp_path / "best_optimized_lstm_model.pth", weights_only=True)
    assert all(torch.equal(saved[name], tensor) for name, tensor in model.state_dict().items())


def test_a_missing_browser_is_one_sentence_in_the_log(tmp_path, caplog):
    tuner = make(tmp_path, answering("x"), n_trials=1)
    tuner.optimize()
    tuner.train_best_model(epochs=1)
    assert [r.getMessage() for r in caplog.records].count(png.NO_BROWSER) == 1
    assert not list(tmp_path.glob("*.png"))


def test_two_values_are_minimised_and_maximised(tmp_path):
    tuner = make(tmp_path, TwoValues, n_trials=3)
    study = tuner.optimize()
    assert [d.name for d in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert [t.number for t in study.trials] == [0, 1, 2]
    trainer, _, _ = tuner.train_best_model(epochs=2)
    best = min(study.trials, key=lambda t: t.values[0])
    assert tuner.results["chosen"]["trial"] == best.number
    assert {name: trainer.candidate[name] for name in best.params} == best.params
    assert len(Forecaster.load(tmp_path).predict(sine())) == 1


def test_a_parameter_by_another_name_is_trained_again_as_it_was(tmp_path):
    tuner = make(tmp_path, OneValue)
    study = tuner.optimize()
    assert [d.name for d in study.directions] == ["MINIMIZE"]
    trainer, model, _ = tuner.train_best_model(epochs=2)
    assert trainer.candidate["learning_rate"] == study.best_params["lr"]
    assert trainer.candidate["optimizer"] == "AdamW"
    assert model.hidden_size == 6
    assert tuner.results["chosen"]["validation"]["best_val_loss"] == trainer.best_val_loss


def test_an_own_objective_is_called_once_a_trial(tmp_path):
    calls = []

    class Counting(OptunaLSTMTuner):
        def objective(self, trial):
            calls.append(trial.suggest_float("x", 0, 1))
            return calls[-1]

    study = make(tmp_path, Counting, n_trials=3).optimize()
    assert [t.params["x"] for t in study.trials] == calls
    assert len(calls) == 3


@pytest.mark.parametrize("number", [0, 1])
def test_an_exception_in_the_objective_propagates(tmp_path, number):
    kind = answering(*["x"] * number, ZeroDivisionError("mine"))
    with pytest.raises(ZeroDivisionError, match="mine"):
        make(tmp_path, kind).optimize()


def test_a_trial_that_raised_is_tried_again(tmp_path):
    with pytest.raises(ZeroDivisionError):
        make(tmp_path, answering("x", ZeroDivisionError())).optimize()
    study = make(tmp_path, answering("x")).optimize()
    assert [t.state.name for t in study.trials] == ["COMPLETE", "FAIL", "COMPLETE"]


@pytest.mark.parametrize("number", [0, 1])
def test_an_objective_may_prune(tmp_path, number):
    kind = answering(*["x"] * number, optuna.TrialPruned(), "x")
    study = make(tmp_path, kind, n_trials=3).optimize()
    assert [t.state.name for t in study.trials].index("PRUNED") == number
    assert len(study.trials) == 3


@pytest.mark.parametrize(
    "answers",
    [(math.nan,), (1.0, math.nan), ((1.0, 2.0, 3.0),), ((),), (None,), (1.0, (1.0, 2.0))],
    ids=str,
)
def test_a_wrong_answer_of_the_objective_is_refused(tmp_path, answers):
    with pytest.raises(LstmoptError, match=r"objective\(\) returns .* found"):
        make(tmp_path, answering(*answers), n_trials=3).optimize()


@pytest.mark.parametrize("kind", [OptunaLSTMTuner, TwoValues], ids=["engine", "own"])
def test_optimize_goes_on_up_to_n_trials_in_all(tmp_path, kind):
    first = make(tmp_path, kind, n_trials=1).optimize().trials
    study = make(tmp_path, kind, n_trials=2).optimize()
    assert [t.number for t in study.trials] == [0, 1]
    assert study.trials[0].params == first[0].params
    assert len(make(tmp_path, kind, n_trials=2).optimize().trials) == 2


def test_an_own_search_in_two_calls_tries_what_one_call_tries(tmp_path):
    make(tmp_path / "two", TwoValues, n_trials=1).optimize()
    two = make(tmp_path / "two", TwoValues, n_trials=3).optimize()
    one = make(tmp_path / "one", TwoValues, n_trials=3).optimize()
    assert [(t.params, t.values) for t in two.trials] == [(t.params, t.values) for t in one.trials]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (OptunaLSTMTuner, TwoValues),
        (TwoValues, OptunaLSTMTuner),
        (OptunaLSTMTuner, OneValue),
        (OneValue, OptunaLSTMTuner),
    ],
)
def test_a_folder_is_not_continued_with_another_kind_of_objective(tmp_path, first, then):
    make(tmp_path, first, n_trials=1).optimize()
    with pytest.raises(LstmoptError, match="objectives"):
        make(tmp_path, then, n_trials=2).optimize()


def test_an_own_objective_refuses_several_processes(tmp_path):
    with pytest.raises(LstmoptError, match="n_jobs = 2"):
        make(tmp_path, answering("x"), n_jobs=2).optimize()


def test_the_best_model_before_a_search_is_refused(tmp_path):
    with pytest.raises(LstmoptError, match=r"call optimize\(\) first"):
        make(tmp_path).train_best_model()


def test_a_misspelt_column_is_refused_with_its_near_miss(tmp_path):
    with pytest.raises(LstmoptError, match="did you mean 'load'"):
        OptunaLSTMTuner(data=sine(), target_column="laod", out=tmp_path)


def overfitted(tuner) -> LSTMTrainer:
    """Train at a rate so high that the last epoch is not the best."""
    trainer = tuner._train_model(tuner._build_model(8, 1), 0.3, batch_size=16, epochs=6)
    losses = trainer.history["val_loss"]
    assert losses[-1] > min(losses)
    return trainer


def test_the_weights_are_those_of_the_best_epoch_not_the_last(tmp_path):
    trainer = overfitted(make(tmp_path))
    model, workload = trainer.model, trainer.workload
    engine = workload.build(trainer.candidate)
    engine.load_state_dict(composed_names(model.state_dict()))
    scores = evaluate(engine, workload.validation, workload.validation_origins)
    assert scores.mse == trainer.best_val_loss == min(trainer.history["val_loss"])
    assert scores.r2 == trainer.final_val_r2


def test_adamw_is_trained_as_adamw(tmp_path):
    tuner = make(tmp_path)
    losses = {
        name: tuner._train_model(
            tuner._build_model(4, 1), 1e-2, weight_decay=0.5, optimizer=name
        ).history["train_loss"]
        for name in ("Adam", "AdamW")
    }
    assert losses["Adam"] != losses["AdamW"]


def test_an_unknown_optimizer_is_refused(tmp_path):
    tuner = make(tmp_path)
    with pytest.raises(LstmoptError, match="Adam or AdamW, found 'SGD'"):
        tuner._train_model(tuner._build_model(4, 1), 1e-2, optimizer="SGD")


def test_building_and_training_give_the_same_again_and_leave_the_random_state(tmp_path):
    tuner = make(tmp_path)
    before = torch.get_rng_state()
    runs = [tuner._train_model(tuner._build_model(4, 2), 1e-2).history for _ in range(2)]
    assert runs[0] == runs[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_trainer_starts_from_the_weights_it_is_given(tmp_path):
    tuner = make(tmp_path)
    trainer = tuner._train_model(tuner._build_model(4, 1), 1e-3, epochs=5)
    again = LSTMTrainer(trainer.model, tuner._load(), trainer.candidate).fit(1)
    assert again.history["train_loss"][0] < trainer.history["train_loss"][0]


def test_a_trainer_without_training_has_no_best_epoch(tmp_path):
    tuner = make(tmp_path)
    trainer = LSTMTrainer(tuner._build_model(4, 1), tuner._load(), Candidate({}, 0))
    with pytest.raises(LstmoptError, match=r"call fit\(\) first"):
        _ = trainer.best_val_loss


def test_the_model_gives_one_row_a_window_and_shares_its_weights_with_the_engine():
    model = LSTMModel(3, hidden_size=8, num_layers=2, output_size=2).eval()
    engine = LSTMForecaster(8, 2, 3, 2).eval()
    engine.load_state_dict(model.state_dict())
    x = torch.randn(5, 12, 3)
    assert model(x).shape == (5, 2)
    assert torch.equal(model(x), engine(x)[:, 0])
    model.load_state_dict(engine.state_dict())


class Odd(NoTraining):
    """Suggests what no space of the engine holds."""

    def objective(self, trial):
        units = trial.suggest_categorical("units", [32, 64])
        trial.suggest_categorical("hidden_size", ["small", "large"])
        trial.suggest_categorical("weight_decay", [0.0, 1e-4])
        trial.suggest_categorical("bidirectional", [True, False])
        trial.suggest_float("state", 0, 1)
        return units / 100 + trial.suggest_float("epochs", 0, 1)


def test_an_objective_of_any_hyperparameters_is_reported(tmp_path):
    tuner = make(tmp_path, Odd, n_trials=12)
    tuner.optimize()
    found = load(tmp_path)
    assert found.document["study"]["space"] == {}
    assert "latency_ms" not in found.figures.measures()
    assert found.importances[0].rows
    assert found.write_report().is_file()


def test_a_best_model_of_ones_own_objective_is_reported(tmp_path):
    class Own(OptunaLSTMTuner):
        def objective(self, trial):
            hidden = trial.suggest_categorical("hidden_size", [4, 8])
            model = self._build_model(hidden_size=hidden, num_layers=1)
            return self._train_model(model, 0.01, epochs=1).best_val_loss

    tuner = make(tmp_path, Own, n_trials=2)
    tuner.optimize()
    tuner.train_best_model(epochs=1)
    page = load(tmp_path).write_report().read_text()
    assert "best_val_loss, refitted" in page
