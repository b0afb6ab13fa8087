"""Intervals of a study: what they rest on, how they are scored, and that they are deployed."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt import load, run
from lstmopt.config.options import IntervalOptions
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.conformal import Conformal
from lstmopt.forecasting.forecast_table import levels_in, models_in
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.report.intervals import interval_lines
from lstmopt.report.page import render
from lstmopt.results.run import read_run
from lstmopt.training.own_units import OwnUnits
from lstmopt.workflow import calibration, finalists
from lstmopt.workflow.calibration import with_defaults
from lstmopt.workflow.job import prepare
from support.parts import wave
from support.studies import config_of

LEVELS = (50.0, 80.0, 90.0)
SHARE = 0.5
ROWS = {"training": 280, "validation": 310, "calibration": 340, "test": 400}
"""Where each part ends."""


def study(path, **changes):
    options = {
        "budget": {"trials": 2},
        "intervals": {"levels": list(LEVELS), "calibration": SHARE, "adaptive": False},
        "baselines": ["ridge", "repeat"],
    }
    return config_of(path, **(options | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intervals")
    wave().to_csv(folder / "wave.csv", index=False)
    run(study(folder / "wave.csv"), folder / "run")
    return folder, read_run(folder / "run")


def test_the_parts_follow_one_another(finished):
    folder, _ = finished
    split = prepare(study(folder / "wave.csv"), folder / "other").split
    assert split.validation.rows == (ROWS["training"], ROWS["validation"])
    assert split.calibration().rows == (ROWS["validation"], ROWS["calibration"])
    assert split.open_test().rows == (ROWS["calibration"], ROWS["test"])


def test_without_a_share_of_its_own_calibration_is_on_the_validation_part(finished):
    folder, _ = finished
    split = prepare(study(folder / "wave.csv", intervals={}), folder / "other").split
    assert split.calibration() is split.validation
    assert split.validation.rows == (ROWS["training"], ROWS["calibration"])


@pytest.mark.parametrize(
    ("rows", "horizon", "options", "held"),
    [
        (80, 1, {}, 0.5),
        (79, 1, {}, 0.0),
        (102, 12, {}, 0.5),
        (101, 12, {}, 0.0),
        (800, 1, {"levels": ()}, 0.0),
        (800, 1, {"calibration": 0.0}, 0.0),
        (20, 1, {"calibration": 0.3}, 0.3),
    ],
)
def test_half_is_held_back_where_both_halves_have_windows_enough(rows, horizon, options, held):
    assert with_defaults(IntervalOptions(**options), rows, horizon).calibration == held


@pytest.mark.parametrize(
    ("horizon", "asked", "found"),
    [(1, None, True), (2, None, True), (1, False, False), (2, True, True)],
)
def test_ends_follow_errors_unless_they_are_told_not_to(horizon, asked, found):
    options = with_defaults(IntervalOptions(adaptive=asked), 60, horizon)
    assert (options.adaptive, options.calibration) == (found, 0.0)


def test_a_study_says_what_it_holds_back(tmp_path):
    wave(800).to_csv(tmp_path / "wave.csv", index=False)
    job = prepare(study(tmp_path / "wave.csv", intervals={}), tmp_path / "run")
    assert job.config.intervals.calibration == 0.5
    assert job.split.validation.rows == (560, 620)
    assert job.split.calibration().rows == (620, 680)
    other = prepare(
        study(tmp_path / "wave.csv", intervals={"calibration": 0.0}), tmp_path / "other"
    )
    assert job.identity() != other.identity()


def test_the_record_scores_the_intervals_that_the_table_holds(finished):
    _, made = finished
    table = made.forecasts
    rows = table[table["part"] == "test"]
    models = {made.results.chosen.label: made.results.chosen.test, **made.results.baselines}
    assert set(models) == {made.results.chosen.label, "ridge", "repeat"}
    for name, errors in models.items():
        assert [entry.level for entry in errors.intervals] == list(LEVELS)
        assert levels_in(rows, name) == ["50", "80", "90"]
        for entry in errors.intervals:
            low, high = (rows[f"{name}-{end}-{entry.level:g}"] for end in ("lo", "hi"))
            within = rows["truth"].between(low, high)
            assert entry.all_leads.coverage == pytest.approx(within.mean())
            assert entry.all_leads.width == pytest.approx((high - low).mean(), rel=1e-5)
            for lead, scores in enumerate(entry.by_lead, 1):
                assert scores.coverage == pytest.approx(within[rows["lead"] == lead].mean())
            assert entry.calibrated_on == ROWS["calibration"] - ROWS["validation"] - 1
        covered = dict(errors.reliability)
        assert covered[90] == errors.intervals[-1].all_leads.coverage
        assert sorted(covered.values()) == list(covered.values())


def test_only_models_are_models(finished):
    _, made = finished
    columns = [name for name in made.forecasts if "-lo-" in name or "-hi-" in name]
    assert columns
    assert not set(columns) & set(models_in(made.forecasts))


def test_ends_lie_where_errors_on_the_calibration_rows_say(finished):
    folder, made = finished
    job = prepare(study(folder / "wave.csv"), folder / "other")
    part = job.split.calibration()
    truth = job.series.values[part.origins()[:, None] + [1, 2], 0]
    last = job.series.values[part.origins(), 0][:, None]
    below, above = Conformal(truth - last).bounds(80)  # of the forecast that repeats the last value
    rows = made.forecasts[made.forecasts["part"] == "test"]
    for lead in (1, 2):
        some = rows[rows["lead"] == lead]
        for end, wanted in (("lo", below), ("hi", above)):
            apart = some[f"repeat-{end}-80"] - some["repeat"]
            np.testing.assert_allclose(apart, wanted[lead - 1], rtol=1e-4)


def test_nothing_is_chosen_by_the_rows_that_are_calibrated_on(finished, tmp_path):
    _, made = finished
    poisoned = wave()
    poisoned.loc[ROWS["validation"] : ROWS["calibration"] - 1, "load"] += 3.0
    poisoned.to_csv(tmp_path / "wave.csv", index=False)
    run(study(tmp_path / "wave.csv"), tmp_path / "run")
    again = read_run(tmp_path / "run").results
    clean = made.results
    assert [t.values["val_loss"] for t in again.trials] == [
        t.values["val_loss"] for t in clean.trials
    ]
    assert again.bar["ridge"].validation_mse == clean.bar["ridge"].validation_mse
    assert again.chosen.label == clean.chosen.label
    widths = [r.chosen.test.intervals[-1].all_leads.width for r in (clean, again)]
    assert widths[1] > widths[0]


def test_the_deployed_model_knows_its_errors_on_the_test_part_too(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    assert len(model.conformal.errors) == (340 - 310 - 1) + (400 - 340 - 1)
    found = model.predict(folder / "wave.csv", levels=[90, 80])
    assert list(found) == ["time", "load", "load-lo-90", "load-lo-80", "load-hi-80", "load-hi-90"]
    ends = found[["load-lo-90", "load-lo-80", "load", "load-hi-80", "load-hi-90"]].to_numpy()
    assert (np.diff(ends) > 0).all()
    below, _ = model.conformal.bounds(90)
    np.testing.assert_allclose(found["load"] + below, found["load-lo-90"])


def test_a_look_back_has_intervals_too(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    found = model.look_back(model.read(folder / "wave.csv"), 20, [80])
    # these are among those that they were calibrated on
    assert found["truth"].between(found["load-lo-80"], found["load-hi-80"]).mean() > 0.6


@pytest.mark.parametrize(
    ("level", "words"),
    [(99.5, "found 88, which reach 97.8 %"), (0, "between 0 and 100"), (100, "found 100")],
)
def test_a_level_that_a_model_does_not_have_is_refused(finished, level, words):
    folder, _ = finished
    with pytest.raises(LstmoptError, match=words):
        Forecaster.load(folder / "run").predict(folder / "wave.csv", levels=[level])


def test_a_study_may_do_without_intervals(finished, tmp_path):
    folder, _ = finished
    config = study(folder / "wave.csv", intervals={"levels": []}, budget={"trials": 1})
    run(config, tmp_path / "run")
    made = read_run(tmp_path / "run")
    assert made.results.chosen.test.intervals == ()
    with pytest.raises(LstmoptError, match=r"intervals come from a model that was calibrated"):
        Forecaster.load(tmp_path / "run").predict(folder / "wave.csv", levels=[80])


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        (
            {"levels": [99.9]},
            r"an interval of 99.9 % needs more forecasts .* found 59, which reach",
        ),
        ({"levels": [98], "calibration": 0.5}, r"found 29, which reach 96.7 %"),
        ({"levels": [80, 120]}, r"between 0 and 100 per cent, found 120"),
        ({"levels": [80, 80]}, r"each level is asked for once, found 80, 80"),
        ({"calibration": 1.0}, r"calibration"),
        ({"calibration": 0.95}, r"in the validation part"),
        ({"calibration": 0.05}, r"in the calibration part"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_trains(finished, intervals, words, tmp_path):
    folder, _ = finished
    with pytest.raises(LstmoptError, match=words):
        prepare(study(folder / "wave.csv", intervals=intervals), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_levels_that_nobody_asked_for_are_left_out_with_a_notice(tmp_path):
    for rows, told in ((66, ["intervals of 90 % are left out"]), (400, [])):
        wave(rows).to_csv(tmp_path / "wave.csv", index=False)
        job = prepare(study(tmp_path / "wave.csv", intervals={}), tmp_path / "run")
        notices = [text for text in job.notices if "intervals" in text]
        assert [text.partition(":")[0] for text in notices] == told
        assert all("there are 8 forecasts" in text for text in notices)


def test_a_split_with_several_folds_holds_rows_back_of_the_newest_alone(finished):
    folder, _ = finished
    series = prepare(study(folder / "wave.csv"), folder / "other").series
    split = split_series(series, Shape(6, 2), (0.5, 0.1), folds=2, calibration=0.5)
    newest, older = split.folds
    assert newest.validation.rows == (200, 220)
    assert older.validation.rows == (160, 200)
    assert split.calibration().rows == (220, 240)
    assert pd.Series(split.calibration().origins()).between(219, 237).all()


@pytest.mark.parametrize("scale", ["constant", "quantile"])
def test_with_several_folds_intervals_rest_on_what_each_fold_s_own_network_was_off_by(
    finished, tmp_path, monkeypatch, scale
):
    folder, _ = finished
    config = study(
        folder / "wave.csv",
        split={"folds": 3, "train": 0.7, "validation": 0.1},
        intervals={"levels": [80], "scale": scale},
        finalists={"seeds": 1, "refit": "train"},
    )
    made = {}

    def calibrate(plan, split, networks):
        made["networks"] = networks
        made["conformal"] = calibration.calibrate(plan, split, networks)
        return made["conformal"]

    monkeypatch.setattr(finalists, "calibrate", calibrate)
    run(config, tmp_path / "run")
    split = prepare(config, tmp_path / "other").split
    assert split.calibration() is split.validation
    errors, deviations = [], []
    for mean, fold in zip(made["networks"], split.folds, strict=True):
        part = fold.validation
        truth = split.series.values[part.origins()[:, None] + [1, 2], 0]
        scaling = OwnUnits.of_fold(split.series, fold).scaling
        errors.insert(0, truth - scaling.own(mean(part)))
        deviations.insert(0, mean.deviations(part, scale) * scaling.target_std)
    found = made["conformal"].own(made["conformal"].errors, np.concatenate(deviations, axis=1))
    np.testing.assert_allclose(found, np.concatenate(errors), atol=1e-5)
    weights = [mean.members[0].weights["head.weight"] for mean in made["networks"]]
    assert not any(torch.equal(*pair) for pair in itertools.combinations(weights, 2))
    (entry,) = read_run(tmp_path / "run").results.chosen.test.intervals
    assert entry.calibrated_on == sum(map(len, errors))
    repeated = read_run(tmp_path / "run").results.baselines["repeat"].intervals
    assert repeated[0].calibrated_on == entry.calibrated_on


def test_the_report_draws_and_says_how_often_the_truth_lay_within(finished):
    folder, _ = finished
    made = load(folder / "run")
    label = made.results.chosen.label
    covered = {
        entry.level: entry.all_leads.coverage for entry in made.results.chosen.test.intervals
    }
    bands = [trace for trace in made.figures.forecasts().data if "% of" in trace.name]
    fan = [trace.name for trace in bands if trace.fill == "tonexty"]
    assert fan == [f"{level} % of {label}" for level in (90, 80, 50)]
    spans = {trace.name: trace.y for trace in made.figures.coverage().data}
    assert list(spans) == ["50 %", "80 %", "90 %"]
    for level, share in covered.items():
        assert np.mean(spans[f"{level:g} %"]) == pytest.approx(share, abs=0.03)
    drawn = {trace.name: trace for trace in made.figures.reliability().data}
    assert list(drawn) == ["as it should be", label, "ridge", "repeat"]
    assert dict(zip(drawn[label].x, drawn[label].y, strict=True))[0.8] == covered[80]
    (line, *_) = interval_lines(made.results)
    assert f"{covered[90]:.1%} within 90 %" in line
    page = render(made)
    assert line in page
    assert '<th scope="col">within 90 %</th>' in page


def test_a_coverage_far_from_its_level_is_told_with_what_it_may_mean(tmp_path):
    changed = wave()
    noise = np.random.default_rng(5).standard_normal(60)
    changed.loc[ROWS["calibration"] :, "load"] += 3 * noise  # much more than before
    changed.to_csv(tmp_path / "wave.csv", index=False)
    run(study(tmp_path / "wave.csv"), tmp_path / "run")
    fixed = read_run(tmp_path / "run").results
    lines = interval_lines(fixed)
    assert len(lines) == 2
    assert lines[1].startswith("At 50 and 80 and 90 % that is more than 5 points off: the series")


def noisy_at_the_end(rows):
    """The wave, its last 160 rows with much more noise."""
    table, noise = wave(rows), np.random.default_rng(5).standard_normal(160)
    table.loc[rows - 160 :, "load"] += 2 * noise
    return table


def test_adaptive_intervals_follow_a_series_that_has_changed(tmp_path):
    noisy_at_the_end(800).to_csv(tmp_path / "wave.csv", index=False)
    coverage = {}
    for adaptive in (False, True):
        config = study(
            tmp_path / "wave.csv",
            intervals={"levels": [80], "adaptive": adaptive},
            split={"train": 0.6, "validation": 0.2},
            budget={"trials": 1},
        )
        out = tmp_path / f"run {adaptive}"
        run(config, out)
        made = read_run(out)
        models = {"chosen": made.results.chosen.test, **made.results.baselines}
        coverage[adaptive] = {n: e.intervals[0].all_leads.coverage for n, e in models.items()}
        rows = made.forecasts[made.forecasts["part"] == "test"]
        within = rows["truth"].between(rows["repeat-lo-80"], rows["repeat-hi-80"])
        assert within.mean() == pytest.approx(coverage[adaptive]["repeat"])
    for name, covered in coverage[True].items():
        assert abs(covered - 0.8) < abs(coverage[False][name] - 0.8)
    model = Forecaster.load(out)
    calm, noisy = wave(1_000), noisy_at_the_end(1_000)
    width = {}
    for name, table in (("calm", calm), ("noisy", noisy)):
        found = model.predict(table, levels=[80])
        width[name] = float((found["load-hi-80"] - found["load-lo-80"]).mean())
    assert width["noisy"] > width["calm"]


def test_all_new_rows_of_a_long_file_are_followed(tmp_path):
    noisy_at_the_end(800).to_csv(tmp_path / "wave.csv", index=False)
    config = study(tmp_path / "wave.csv", intervals={"adaptive": True}, budget={"trials": 1})
    run(config, tmp_path / "run")
    long = wave(30_000)
    noise = np.random.default_rng(2).standard_normal(20_000)
    long.loc[1_000:20_999, "load"] += noise  # long before its end
    long.to_csv(tmp_path / "long.csv", index=False)
    model = Forecaster.load(tmp_path / "run")
    of_table = model.predict(long, levels=[80])
    of_file = model.predict(tmp_path / "long.csv", levels=[80])
    pd.testing.assert_frame_equal(of_file, of_table, rtol=1e-5)
    told = long.assign(time=long["time"].dt.tz_localize("UTC"))
    assert len(model.predict(told, levels=[80])) == 2  # what is new cannot be told
