"""AutoETS's own intervals beside conformal ones around the same forecasts, and those of ridge.

python benchmarks/networks/ets_intervals.py "--data nyc_taxi.csv --target value | 48" …

A series is the options of ``lstmopt run`` and, after a bar, its season in rows. Each is forecast
one row ahead and a season ahead, from its test part, of a long one from evenly spread origins;
nothing is searched.
Its own intervals are those that the model states, from its own noise alone; conformal ones rest on
the newest half of validation, as in a study.
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worth_deploying import cases, name_of

from lstmopt.cli.run import run as run_command
from lstmopt.config.overrides import override
from lstmopt.config.study_file import make_config
from lstmopt.data.windows import Part
from lstmopt.forecasting.baselines import CheckedForecast, FittedBaseline, fit_baseline
from lstmopt.forecasting.conformal import Intervals
from lstmopt.forecasting.judging import affordable
from lstmopt.forecasting.statistical import Carried, history
from lstmopt.training.interval_scores import IntervalScores, score_intervals
from lstmopt.training.own_units import OwnUnits
from lstmopt.workflow.calibration import IntervalPlan, calibrate_baseline
from lstmopt.workflow.job import Job, prepare

LEVEL, MOST_SECONDS = 90.0, 60.0
MODELS = ("auto_ets", "ridge")
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", nargs="+")
    heads = (
        "within 90 %: ETS's own | ETS, conformal | ridge, conformal | width of its own / ridge's"
    )
    print(f"| series, ahead | {heads} | pinball of its own / ridge's |\n|" + " --- |" * 6)
    for words, ahead, _ in cases(parser.parse_args().series, 1):
        with tempfile.TemporaryDirectory() as folder:
            found = compare(prepared(words, ahead, folder))
        name = name_of({"series": words, "ahead": ahead})
        print(f"| {name} | {' | '.join(cells(*found))} |", flush=True)


def prepared(words: str, ahead: int, folder: str) -> Job:
    """Return a checked study of a series, as ``lstmopt run`` would make it."""
    asked = run_command.make_context("run", [*shlex.split(words), "--horizon", str(ahead)]).params
    options = {name: asked[name] for name in asked.keys() - {"study", "out", "report", "as_json"}}
    return prepare(override(make_config({}), options), folder)


def compare(job: Job) -> list[IntervalScores]:
    """Return the scores of AutoETS's own intervals, of conformal ones, and of ridge's."""
    split, seasons = job.split, job.series.season
    plan = IntervalPlan.of(split, job.config.intervals)
    test = split.open_test()
    units = OwnUnits.of(split, test.spans)
    ets, ridge = (fit_baseline(job.registry, name, split.folds, seasons) for name in MODELS)
    assert ets.forecast is not None
    some = test.at(affordable(ets.forecast, test, MOST_SECONDS, seasons).origins())
    truth = units.target[some.origins()[:, None] + np.arange(1, some.shape.horizon + 1)]
    ends = [stated(ets, some, units)]
    for baseline in (ets, ridge):
        rests_on = calibrate_baseline(plan, split, baseline, MOST_SECONDS)
        assert rests_on is not None
        assert baseline.forecast is not None
        forecasts = baseline.forecast(some)
        errors = units.errors(forecasts, some.origins())
        bounds = Intervals(rests_on, (LEVEL,), errors, some.origins()).bounds(LEVEL)
        at = some.origins()
        below, above = (units.moved(forecasts, bound, at) for bound in bounds)
        ends.append((below, above))
    return [score_intervals(*each, truth, LEVEL) for each in ends]


def stated(ets: FittedBaseline, part: Part, units: OwnUnits) -> Ends:
    """Return the ends of the intervals that the model states [windows, horizon]."""
    assert isinstance(ets.forecast, CheckedForecast)
    carried = ets.forecast.forecast
    assert isinstance(carried, Carried)
    model: Any = carried.model  # takes level too
    rows = history(part, carried.first, int(part.origins()[-1]) + 1)
    found = [
        model.forward(rows[: origin + 1 - carried.first], h=part.shape.horizon, level=[int(LEVEL)])
        for origin in part.origins()
    ]
    low, high = (
        np.array([each[f"{end}-{LEVEL:g}"] for each in found]) + part.zero for end in ("lo", "hi")
    )
    return units.scaling.own(low), units.scaling.own(high)


def cells(own: IntervalScores, ets: IntervalScores, ridge: IntervalScores) -> list[str]:
    covered = [f"{each.coverage:.1%}" for each in (own, ets, ridge)]
    return [*covered, f"{own.width / ridge.width:.2f}", f"{own.pinball / ridge.pinball:.2f}"]


if __name__ == "__main__":
    main()
