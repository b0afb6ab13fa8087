from __future__ import annotations

import json

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from conftest import wave

from lstmopt import Forecaster
from lstmopt.compat import LSTMModel, LSTMTrainer, OptunaLSTMTuner
from lstmopt.errors import LstmoptError
from lstmopt.model import LSTMForecaster
from lstmopt.report.images import find_browser
from lstmopt.space import Architecture
from lstmopt.training import evaluate, make_optimizer

TABLE = wave().drop(columns="time")
SMALL_SPACE = {"hidden_size": [4, 8], "num_layers": [1, 2], "learning_rate": [0.01, 0.03]}

pytestmark = pytest.mark.filterwarnings("ignore:a PNG is drawn by Chrome")


def make_tuner(out, kind=OptunaLSTMTuner, **options):
    chosen = {"n_trials": 3, "epochs": 2, "space": SMALL_SPACE, "timeout": 3600} | options
    return kind(
        data=TABLE, target_column="load", sequence_length=12, study_name="t", out=out, **chosen
    )


class OneValue(OptunaLSTMTuner):
    def objective(self, trial):
        learning_rate = trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True)
        model = self._build_model(hidden_size=4, num_layers=1)
        return self._train_model(model, learning_rate).best_val_loss


class TwoValues(OptunaLSTMTuner):
    def objective(self, trial):
        hidden = trial.suggest_categorical("hidden_size", [4, 8])
        trainer = self._train_model(self._build_model(hidden, 1), 0.01)
        return trainer.best_val_loss, trainer.final_val_r2


def test_optimize_and_train_best_model_work_as_in_the_classic_tuner(tmp_path):
    tuner = make_tuner(tmp_path)
    study = tuner.optimize()
    assert type(study) is optuna.Study
    assert len(study.trials) == 3
    trainer, model, history = tuner.train_best_model(epochs=4)
    assert isinstance(trainer, LSTMTrainer)
    assert isinstance(model, LSTMModel)
    assert len(history["val_loss"]) == 4
    assert trainer.best_val_loss == min(history["val_loss"])
    document = json.loads((tmp_path / "optimization_results.json").read_text())
    assert document["chosen"]["params"] in [t.params for t in study.trials]
    assert document["chosen"]["test"]["own"]["mse"]["mean"] > 0
    forecast = Forecaster.load(tmp_path / "best_optimized_lstm_model.pth").predict(TABLE)
    assert np.isfinite(forecast["load"]).all()


def test_a_subclass_may_return_one_value(tmp_path):
    study = make_tuner(tmp_path, OneValue).optimize()
    assert [d.name for d in study.directions] == ["MINIMIZE"]
    assert len(study.trials) == 3


def test_a_subclass_may_return_two_values(tmp_path):
    tuner = make_tuner(tmp_path, TwoValues)
    study = tuner.optimize()
    assert [d.name for d in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    trainer, model, _ = tuner.train_best_model(epochs=3)
    assert model.architecture.hidden_size in (4, 8)
    assert trainer.final_val_r2 < 1
    document = json.loads((tmp_path / "optimization_results.json").read_text())
    assert len(document["trials"]) == 3


@pytest.mark.parametrize("kind", [OptunaLSTMTuner, OneValue])
def test_the_same_call_goes_on_to_the_trials_in_all(tmp_path, kind):
    make_tuner(tmp_path, kind, n_trials=2).optimize()
    assert len(make_tuner(tmp_path, kind, n_trials=3).optimize().trials) == 3


def test_an_exception_of_an_objective_is_not_a_finished_study(tmp_path):
    class Broken(OptunaLSTMTuner):
        def objective(self, trial):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        make_tuner(tmp_path, Broken).optimize()


def test_a_study_in_which_every_trial_fails_is_an_error_with_the_reason(tmp_path):
    space = SMALL_SPACE | {"learning_rate": [1e30]}
    with pytest.raises(LstmoptError, match="all 3 failed, the first because the loss"):
        make_tuner(tmp_path, space=space).optimize()


def test_an_objective_with_three_values_is_refused(tmp_path):
    class Three(OptunaLSTMTuner):
        def objective(self, trial):
            return 1.0, 2.0, 3.0

    with pytest.raises(LstmoptError, match="one or two finite values"):
        make_tuner(tmp_path, Three).optimize()


def test_the_model_holds_the_best_weights_not_the_last(tmp_path):
    tuner = make_tuner(tmp_path)
    trainer = tuner._train_model(tuner._build_model(8, 1), learning_rate=0.3, epochs=12)
    assert trainer.history["val_loss"][-1] > trainer.best_val_loss
    workload = trainer.workload
    again = evaluate(
        trainer.workload.build(trainer.candidate), workload.validation, workload.validation_origins
    )
    assert again.mse != trainer.best_val_loss
    network = workload.build(trainer.candidate)
    network.load_state_dict(trainer.model.state_dict())
    kept = evaluate(network, workload.validation, workload.validation_origins)
    assert kept.mse == pytest.approx(trainer.best_val_loss, rel=1e-6)


def test_adamw_chosen_is_adamw_used(tmp_path):
    tuner = make_tuner(tmp_path)
    model = tuner._build_model(4, 1)
    for name in ("Adam", "AdamW"):
        trainer = tuner._train_model(model, 0.01, optimizer=name)
        assert type(make_optimizer(model, trainer.candidate)).__name__ == name


def test_the_classic_model_gives_one_row_a_window_and_shares_weights():
    model = LSTMModel(input_size=3, hidden_size=5, num_layers=2, output_size=2).eval()
    plain = LSTMForecaster(Architecture(5, 2), 3, 2).eval()
    plain.load_state_dict(model.state_dict())
    x = torch.randn(7, 12, 3)
    assert model(x).shape == (7, 2)
    assert torch.equal(model(x), plain(x)[:, -1])


def test_train_best_model_before_optimize_is_one_sentence(tmp_path):
    with pytest.raises(LstmoptError, match="call optimize"):
        make_tuner(tmp_path).train_best_model()


def test_a_column_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(LstmoptError, match="did you mean 'load'"):
        OptunaLSTMTuner(data=pd.DataFrame(TABLE), target_column="lod", out=tmp_path)


@pytest.mark.skipif(find_browser() is None, reason="no Chrome or Chromium to draw with")
def test_the_pictures_are_drawn(tmp_path):
    tuner = make_tuner(tmp_path, n_trials=12, epochs=1)
    tuner.optimize()
    tuner.train_best_model(epochs=1)
    for name in ("optuna_optimization_results.png", "parameter_correlations.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_without_a_browser_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("lstmopt.report.images.find_browser", lambda: None)
    tuner = make_tuner(tmp_path, n_trials=1)
    tuner.optimize()
    with pytest.warns(UserWarning, match="apt-get install chromium"):
        tuner.train_best_model(epochs=1)
    assert (tmp_path / "best_optimized_lstm_model.pth").is_file()
