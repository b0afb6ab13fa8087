from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import plotly.io
import pytest

from lstmopt.objectives import normalise
from lstmopt.pareto import hypervolume
from lstmopt.report.comparison_figure import draw_comparison
from lstmopt.report.measures import measures
from lstmopt.report.parameter_figures import numbers
from lstmopt.report.search_figures import MOST_CURVES
from lstmopt.results.comparison import compare_fronts
from support.runs import make_run, rewritten

STATES = ["complete", "pruned", "complete", "failed", "infeasible", "complete"] * 4


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path, STATES)


def titles(figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def points(figure, label: str) -> dict[int, tuple[float, float]]:
    (trace,) = (t for t in figure.data if t.name and t.name.startswith(label))
    return dict(zip(trace.customdata, zip(trace.x, trace.y, strict=True), strict=True))


def test_the_front_tells_every_kind_of_trial_by_shape_and_colour(made):
    drawn = [t for t in made.figures.front().data if t.mode == "markers"]
    kinds = {(t.marker.symbol, t.marker.color) for t in drawn}
    assert len(kinds) == len(drawn) == 5
    assert len({symbol for symbol, _ in kinds}) == len({colour for _, colour in kinds}) == 5
    assert sorted(n for trace in drawn for n in trace.customdata) == list(range(len(STATES)))


def test_the_front_is_where_its_trials_values_are(made):
    drawn = points(made.figures.front(), "on the front")
    assert set(drawn) == set(made.front.index)
    for number, (x, y) in drawn.items():
        assert (x, y) == tuple(made.front.loc[number, ["latency_ms", "val_loss"]])


BAR = {
    "ridge": {"validation_mse": 0.2, "latency_ms": 0.02, "validation_r2": 0.7},
    "<b>mine": {"validation_mse": 0.3, "latency_ms": 0.5},
    "seasonal_naive": {"validation_mse": None, "latency_ms": None},
}


def baselines(figure):
    return next(trace for trace in figure.data if trace.meta == "baselines")


def test_baselines_stand_in_the_figure_of_the_front_with_their_own_latency(made):
    assert all(trace.meta != "baselines" for trace in made.figures.front().data)
    drawn = baselines(rewritten(made, lambda d: d.update(bar=BAR)).figures.front())
    assert list(zip(drawn.x, drawn.y, strict=True)) == [(0.02, 0.2), (0.5, 0.3)]
    assert drawn.name == "baseline (2)"
    assert drawn.text[0] == "baseline ridge<br>val_loss 0.2, latency_ms 0.02"
    assert "<b>" not in drawn.text[1]
    assert drawn.customdata is None  # they are no trials
    looks = {(t.marker.symbol, t.marker.color) for t in made.figures.front().data}
    assert (drawn.marker.symbol, drawn.marker.color) not in looks


def test_a_baseline_is_drawn_by_what_it_has(made):
    figures = rewritten(made, lambda d: d.update(bar=BAR)).figures
    assert baselines(figures.front(y="val_r2")).y == (0.7, None)
    hidden = baselines(figures.front(x="parameters"))
    assert hidden.visible is False
    assert set(hidden.x) == {None}


def test_a_trial_without_a_value_lies_beyond_all_that_have_one(made):
    infeasible = points(made.figures.front(), "never trained")
    worst = made.trials["val_loss"].max()
    assert all(y > worst for _, y in infeasible.values())


def test_a_stopped_trial_lies_at_its_best_so_far(made):
    stopped = points(made.figures.front(), "stopped")
    for number, (_, y) in stopped.items():
        assert y == made.curves.loc[number, "val_loss"].min()


def test_the_front_is_drawn_by_any_two_measures(made):
    for name in made.figures.measures():
        figure = made.figures.front(x=name, y="val_loss")
        assert figure.layout.xaxis.title.text.startswith(name)


def test_the_steps_of_the_front_bound_what_it_dominates(made):
    (steps,) = (t for t in made.figures.front().data if t.meta == "front")
    assert list(steps.x) == sorted(steps.x)
    assert list(steps.y) == sorted(steps.y, reverse=True)


@pytest.mark.parametrize("over", ["trials", "epochs", "minutes"])
def test_history_ends_with_the_whole_front_and_never_falls(made, over):
    (line,) = made.figures.history(over).data
    assert line.y[-1] == pytest.approx(1)
    assert (np.diff(line.y) >= 0).all()
    assert (np.diff(line.x) >= 0).all()


def test_history_is_the_hypervolume_of_the_trials_so_far(made):
    (line,) = made.figures.history().data
    closed = made.trials.sort_values("ended")
    trained = closed["state"].isin(["complete", "pruned"])
    scaled = normalise(closed[trained][["val_loss", "latency_ms"]].to_numpy(), made.goals)
    counts = trained.cumsum()
    whole = hypervolume(scaled)
    expected = [hypervolume(scaled[:n]) / whole for n in counts]
    assert [line.y[line.x <= n][-1] for n in range(1, len(closed) + 1)] == pytest.approx(expected)


def test_history_over_epochs_counts_what_was_trained(made):
    (line,) = made.figures.history("epochs").data
    assert line.x[-1] == made.trials["epochs_trained"].sum()


def test_one_objective_shows_the_best_so_far(tmp_path):
    run = make_run(tmp_path, ["complete"] * 5, ["val_loss"])
    (line,) = run.figures.history().data
    best = np.minimum.accumulate(run.trials["val_loss"])
    assert [line.y[line.x <= n][-1] for n in range(1, 6)] == list(best)


def test_a_maximised_objective_lies_the_other_way_round(tmp_path):
    run = make_run(tmp_path, STATES, ["val_r2", "latency_ms"])
    infeasible = points(run.figures.front(), "never trained")
    assert all(y < run.trials["val_r2"].min() for _, y in infeasible.values())
    (steps,) = (t for t in run.figures.front().data if t.meta == "front")
    assert list(steps.y) == sorted(steps.y)


def test_learning_curves_end_where_they_were_stopped(made):
    figure = made.figures.curves()
    (ends,) = (t for t in figure.data if t.name == "stopped" and t.mode == "markers")
    assert set(ends.x) == {2}
    assert all("made pruned" in text for text in ends.hovertext)


def test_of_too_many_curves_the_front_is_always_drawn(tmp_path):
    run = make_run(tmp_path, ["complete"] * (MOST_CURVES + 50))
    figure = run.figures.curves()
    drawn = [n for t in figure.data if t.mode == "markers" for n in t.customdata]
    assert set(run.front.index) <= set(drawn)
    left_out = len(run.trials) - len(drawn)
    assert figure.layout.title.text == f"Learning curves ({left_out} more are not drawn)"


def test_a_parameter_is_drawn_on_the_scale_on_which_it_was_searched(made):
    assert made.figures.parameter("learning_rate").layout.xaxis.type == "log"
    assert made.figures.parameter("dropout").layout.xaxis.type is None
    choice = made.figures.parameter("hidden_size").layout.xaxis
    assert (choice.type, choice.categoryarray) == ("category", ("8", "16", "32"))


def test_a_choice_that_some_trials_lack_has_each_value_once(tmp_path):
    run = make_run(tmp_path, ["complete"] * 6)
    run = rewritten(run, lambda d: d["trials"][0]["params"].pop("hidden_size"))
    figure = run.figures.parameter("hidden_size")
    assert {x for trace in figure.data for x in trace.x} <= {"8", "16", "32"}


def test_an_axis_of_one_value_has_one_tick(tmp_path):
    run = make_run(tmp_path, ["complete"])
    (lines,) = run.figures.parallel().data
    loss = next(axis for axis in lines.dimensions if axis.label == "val_loss")
    assert len(loss.tickvals) == 1


def test_parallel_coordinates_hold_every_complete_trial_once(made):
    (lines,) = made.figures.parallel().data
    complete = int((made.trials["state"] == "complete").sum())
    assert {len(axis.values) for axis in lines.dimensions} == {complete}
    labels = [axis.label for axis in lines.dimensions]
    assert labels == [*made.parameters, "val_loss", "latency_ms"]


def test_the_sheet_holds_history_front_importance_and_a_picture_a_parameter(made):
    assert titles(made.figures.sheet()) == [
        "share of the final hypervolume over trials",
        "Pareto front",
        "Importance (PED-ANOVA)",
        *(f"val_loss by {name}" for name in made.parameters),
    ]


def test_a_hyperparameter_that_never_varied_has_no_picture(made):
    name = made.parameters[0]

    def fix(document):
        for trial in document["trials"]:
            trial["params"][name] = document["trials"][0]["params"][name]

    drawn = rewritten(made, fix)
    assert drawn.parameters == made.parameters
    assert drawn.varying == made.parameters[1:]
    assert f"parameter_{name}" not in drawn.figures.all()
    assert f"val_loss by {name}" not in titles(drawn.figures.sheet())
    assert name not in [axis.label for axis in drawn.figures.parallel().data[0].dimensions]


@pytest.mark.parametrize(
    "states", [[], ["complete"], ["complete"] * 2, ["failed"] * 3, ["infeasible"] * 2, ["running"]]
)
@pytest.mark.parametrize(
    "objectives", [["val_loss"], ["val_loss", "latency_ms"], ["val_loss", "val_r2", "latency_ms"]]
)
def test_every_figure_of_hardly_a_study_is_drawn(tmp_path, states, objectives):
    run = make_run(tmp_path, states, objectives)
    for name, figure in (run.figures.all() | {"sheet": run.figures.sheet()}).items():
        assert figure.data or titles(figure), name
        plotly.io.to_json(figure, validate=True)


def test_importance_of_fewer_than_ten_trials_is_not_drawn(tmp_path):
    figure = make_run(tmp_path, ["complete"] * 9).figures.importance()
    assert "9 complete trials: importance needs 10" in titles(figure)[0]
    assert not figure.data


def test_correlations_are_of_ranks_and_of_every_name_of_a_category(tmp_path):
    run = make_run(tmp_path, ["complete"] * 30)
    table = numbers(run)
    assert list(table.columns) == [
        "hidden_size",
        "num_layers",
        "learning_rate",
        "dropout",
        "optimizer=AdamW",
        "val_loss",
        "latency_ms",
    ]
    (matrix,) = run.figures.correlations().data
    drawn = pd.DataFrame(np.array(matrix.z), index=list(matrix.x), columns=list(matrix.x))
    rates, losses = (run.trials[name].rank() for name in ("learning_rate", "val_loss"))
    assert drawn.loc["learning_rate", "val_loss"] == pytest.approx(rates.corr(losses))


def test_three_names_have_no_order_and_count_each_by_itself(tmp_path):
    run = make_run(tmp_path, ["complete"] * 9)

    def put_in(document):
        for entry, kind in zip(document["trials"], "abcabcabc", strict=True):
            entry["params"]["kind"] = kind

    run = rewritten(run, put_in)
    kinds = [name for name in numbers(run).columns if name.startswith("kind=")]
    assert kinds == ["kind=a", "kind=b", "kind=c"]


def test_fronts_of_three_objectives_are_not_joined(tmp_path):
    names = ["val_loss", "latency_ms", "val_r2"]
    runs = [make_run(tmp_path / name, ["complete"] * 9, names) for name in "ab"]
    assert {trace.mode for trace in draw_comparison(compare_fronts(runs)).data} == {"markers"}
    runs = [make_run(tmp_path / name, ["complete"] * 9) for name in "cd"]
    assert {trace.mode for trace in draw_comparison(compare_fronts(runs)).data} == {"lines+markers"}


def test_latency_is_drawn_with_its_spread_a_line_a_number_of_layers(made):
    one, two = made.figures.latency().data
    assert (one.name, two.name) == ("1 layer", "2 layers")
    assert list(one.error_y.array) == pytest.approx([0.005] * 3)


def test_pruning_counts_every_trial_that_was_trained(made):
    bars = made.figures.pruning().data
    trained = (made.trials["epochs"] > 0).sum()
    assert sum(sum(bar.y) for bar in bars) == trained


def test_a_learned_measure_comes_from_the_best_epoch(made):
    found = measures(made)["val_r2"]
    complete = made.trials["state"] == "complete"
    assert list(found.values[complete]) == pytest.approx(
        list(1 - made.trials["val_loss"][complete])
    )


def test_figures_import_no_plotly_before_they_are_drawn():
    code = (
        "import sys, lstmopt.report.figures, lstmopt.report.png;"
        "print([m for m in ('plotly', 'kaleido', 'choreographer') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_folds_are_drawn_by_their_number_and_a_trial_lies_at_its_mean_over_them(made):
    def as_folds(document):
        document["study"]["folds"] = 6
        for trial in document["trials"]:
            for number, report in enumerate(trial["curve"]):
                report["number"] = 3 * number + 1 + trial["number"] % 2

    run = rewritten(made, as_folds)
    assert {x for line in run.figures.curves().data for x in line.x} <= set(range(1, 7))
    for number, (_, loss) in points(run.figures.front(), "stopped").items():
        assert loss == run.curves.loc[number, "val_loss"].iloc[-1]
