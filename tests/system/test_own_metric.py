"""A metric in a plug-in's file, from the command line to everything that is made of a run."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from click.testing import CliRunner

from lstmopt import load, run
from lstmopt.cli.main import cli
from lstmopt.config.study_file import read_config
from lstmopt.report.terminal import verdict_line
from lstmopt.training.metrics import METRICS
from lstmopt.workflow.pruning_audit import audit_run
from support import ROOT
from support.parts import wave

PLUGIN = ROOT / "plugins" / "examples" / "asymmetric_cost.py"
STUDY = """
baselines = ["repeat", "seasonal_naive"]
[space]
hidden_size = [4]
learning_rate = [0.1, 0.03, 0.01, 0.003, 0.001, 0.0001]
batch_size = [16]
[sampler]
name = "grid"
[pruner]
name = "median"
n_startup_trials = 1
n_warmup_steps = 0
[training]
targets_per_window = 1
[warm_start]
name = "none"
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of two worker processes by the command line."""
    folder = tmp_path_factory.mktemp("own")
    table = wave(240)
    table.loc[220:222, "load"] = np.nan
    table.to_csv(folder / "wave.csv", index=False)
    (folder / "wave.toml").write_text(STUDY)
    words = ["--window", "12", "--horizon", "3", "--trials", "6", "--epochs", "3", "--workers", "2"]
    words += ["--objective", "asymmetric_cost", "--objective", "val_mase", "--no-report"]
    words += ["--objective", "latency_ms", "--plugin", str(PLUGIN), "--out", str(folder / "run")]
    data = ["--data", str(folder / "wave.csv"), "--target", "load"]
    told = CliRunner().invoke(cli, ["run", str(folder / "wave.toml"), *data, *words])
    assert told.exit_code == 0, told.output
    return folder / "run", told.output


def test_its_values_are_recorded_with_each_report_and_told_at_the_best(done):
    results = load(done[0]).results
    assert [entry.kind for entry in results.objectives] == ["forecast", "forecast", "static"]
    for trial in results.trials:
        assert all(set(r.values) == {"asymmetric_cost", "val_mase"} for r in trial.curve)
        if trial.state == "complete":
            best = min(trial.curve, key=lambda report: report.val_loss)
            assert trial.values["asymmetric_cost"] == best.values["asymmetric_cost"]
    assert any(trial.state == "complete" for trial in results.trials)


def test_pruning_is_made_again_from_the_record(done):
    audit = audit_run(read_config(done[0] / "study.toml"), done[0], 2)
    assert audit.decisions_replayed
    assert audit.decisions_different == ()
    assert all(trial.repeated for trial in audit.trials)


def test_it_is_drawn_as_any_other_loss(done):
    drawn = load(done[0])
    assert drawn.curves["asymmetric_cost"].notna().all()
    assert drawn.figures.curves().layout.yaxis.title.text == "asymmetric_cost"
    assert {"asymmetric_cost", "val_mase"} <= set(drawn.figures.measures())


def test_a_study_on_an_executor_measures_the_same(done, tmp_path):
    expected = load(done[0]).results
    config = read_config(done[0] / "study.toml")
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool:
        document = run(config, tmp_path / "run", executor=pool)
    first, again = expected.trials[0], document["trials"][0]
    assert again["params"] == first.params
    assert again["curve"][0]["values"] == first.curve[0].values


def test_the_test_part_has_every_metric_over_all_leads_and_by_lead(done):
    folder, printed = done
    results = load(folder).results
    tested = {"chosen": results.chosen.test, **results.baselines}
    for errors in tested.values():
        assert len(errors.by_lead) == 3
        for name in METRICS:
            assert getattr(errors.metrics, name).mean is not None
        assert errors.metrics.mae.mean == pytest.approx(errors.own.mae.mean)
        assert errors.metrics.mase.mean == pytest.approx(
            errors.metrics.mae.mean / results.study.mase_scale
        )
    assert results.study.mase_season == 24
    assert all(label in printed for label in ("RMSE", "MASE", "sMAPE", "R²"))


def test_the_metrics_of_repeating_the_last_value_are_those_of_the_series(done):
    folder, _ = done
    values = wave(240)["load"].to_numpy().copy()
    values[220:223] = np.nan
    filled = values.copy()
    filled[220:223] = filled[219]  # an input may be filled, a target is not scored
    first, end = load(folder).results.study.parts[1:]
    origins = np.arange(first - 1, end - 3)
    leads = load(folder).results.baselines["repeat"].by_lead
    for lead, metrics in enumerate(leads, 1):
        errors = filled[origins] - values[origins + lead]
        assert metrics.mae.mean == pytest.approx(np.nanmean(np.abs(errors)), rel=1e-5)
        assert metrics.bias.mean == pytest.approx(np.nanmean(errors), abs=1e-5)
        assert metrics.rmse.mean == pytest.approx(np.sqrt(np.nanmean(errors**2)), rel=1e-5)


def test_the_report_shows_them_and_a_figure_by_lead(done):
    found = load(done[0])
    page = found.write_report().read_text()
    assert all(f'<th scope="col">{name}' in page for name in ("MASE", "sMAPE (%)", "bias (load)"))
    assert "which repeating the value 24 rows ago makes before the test part" in page
    for metric in METRICS:
        drawn = found.figures.errors_by_lead(metric=metric)
        drawn_line = next(trace for trace in drawn.data if trace.name == "repeat")
        recorded = found.results.baselines["repeat"].by_lead
        assert list(drawn_line.y) == [getattr(entry, metric).mean for entry in recorded]


def test_a_record_of_an_earlier_version_is_read_and_drawn(done, tmp_path):
    document = json.loads((done[0] / "optimization_results.json").read_text())
    for errors in (document["chosen"]["test"], *document["baselines"].values()):
        del errors["metrics"], errors["by_lead"]
    del document["study"]["mase_season"], document["study"]["mase_scale"]
    for trial in document["trials"]:
        for report in trial["curve"]:
            del report["values"]
    (tmp_path / "optimization_results.json").write_text(json.dumps(document))
    found = load(tmp_path)
    assert verdict_line(found.results)
    assert found.write_report().is_file()
    shown = CliRunner().invoke(cli, ["pareto", os.fspath(tmp_path)])
    assert shown.exit_code == 0, shown.output
