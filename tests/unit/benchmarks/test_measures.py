from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lstmopt_benchmarks.contenders import AGAIN, BASELINE, DOUBLE
from lstmopt_benchmarks.events import Improvement, Study, StudyEvent, TrialEvent
from lstmopt_benchmarks.measures import (
    FRONTS,
    TaskResults,
    course,
    pruning,
    shares_to_reach,
    tabulate,
)
from lstmopt_benchmarks.scale import REFERENCE, TaskScale
from lstmopt_benchmarks.statistics import (
    claims,
    compare,
    false_alarm,
    pairs,
    rank,
    sentences,
)

SCALE = TaskScale((0.0, 1.0), (1.0, 10.0), (False, True), ((0.0, 1.0),))


def make_study(trials, strategy="s", seed=0, budget=100, task="t") -> Study:
    """Make a study from (values, epochs, stopped, full values) of each trial.

    A fifth place holds the losses of a trial's reports, else it has none before its end. Trials
    train one after another.
    """
    events, spent = [], 0
    for n, (values, epochs, stopped, full, *rest) in enumerate(trials):
        state = "complete" if values else "pruned"
        static = (values or full or ())[1:]
        found = improvements(rest[0], static, spent) if rest else ()
        spent += epochs
        events.append(
            TrialEvent(
                task, strategy, seed, n, state, stopped, {}, (1.0,) * epochs, (0.5,) * epochs,
                found, values, full, spent, spent / 2,
            )
        )  # fmt: skip
    event = StudyEvent(
        task, strategy, seed, 1, "cpu", "a", "b", budget, spent, spent / 2, 0.1, 0.2, 0.3, 9.0,
        "now", "here", {},
    )  # fmt: skip
    return Study(event, tuple(events))


def improvements(losses, static, spent) -> tuple[Improvement, ...]:
    """List what a trial was worth at its best reports, which begin after ``spent`` epochs."""
    return tuple(
        Improvement(spent + n, (spent + n) / 2, (loss, *static))
        for n, loss in enumerate(losses, 1)
        if loss < min(losses[: n - 1], default=np.inf)
    )


def finished(*points, epochs=10):
    return [(point, epochs, False, point) for point in points]


def test_the_scale_runs_from_the_best_to_the_median_and_over_the_logarithm():
    scaled = SCALE.scaled([[0.0, 1.0], [1.0, 10.0], [0.5, 10**0.5]])
    np.testing.assert_allclose(scaled, [[0, 0], [1, 1], [0.5, 0.5]])
    assert SCALE.hypervolume([[0.0, 1.0]]) == pytest.approx(REFERENCE**2)
    assert SCALE.hypervolume([[5.0, 1.0]]) == 0
    assert SCALE.hypervolume([]) == 0


def test_a_scale_is_frozen_from_points_with_their_front():
    points = [[1.0, 8.0], [2.0, 2.0], [3.0, 4.0]]
    scale = TaskScale.of(points, [False, True])
    assert scale.low == (1.0, 2.0)
    assert scale.high == (2.0, 8.0)  # the median loss, the largest size
    assert set(scale.front) == {(1.0, 8.0), (2.0, 2.0)}


def test_an_objective_of_one_value_is_at_its_best():
    scale = TaskScale.of([[1.0, 3.0], [2.0, 3.0]], [False, True])
    assert scale.scaled([[1.0, 3.0]])[0, 1] == 0


@given(
    st.lists(
        st.tuples(st.floats(0, 1.2), st.floats(1, 12), st.integers(1, 30), st.booleans()),
        max_size=8,
    )
)
def test_a_course_is_the_hypervolume_of_what_has_finished(drawn):
    study = make_study([((a, b) if done else None, n, False, None) for a, b, n, done in drawn])
    path = course(study, SCALE, "finished")
    for share in np.linspace(0, 1, 7):
        held = [t.values for t in study.trials if t.values and t.at_epochs <= share * 100]
        assert path.at(np.array([share]))[0] == pytest.approx(SCALE.hypervolume(held))
    fine = np.linspace(0, 1, 2001)[:-1] + 1 / 4000
    assert path.mean() == pytest.approx(path.at(fine).mean(), abs=0.01)


curves = st.lists(st.floats(0, 1.4), min_size=1, max_size=20)
trained_trials = st.lists(st.tuples(curves, st.floats(1, 12), st.booleans()), max_size=7)


def study_of_curves(drawn) -> Study:
    """Make a study of trials that train one after another, some of them to their end."""
    return make_study(
        [
            ((min(losses), size) if ends else None, len(losses), not ends, (0, size), losses)
            for losses, size, ends in drawn
        ]
    )


@given(trained_trials)
def test_everything_trained_is_the_best_report_of_each_trial_so_far(drawn):
    path = course(study_of_curves(drawn), SCALE, "trained")
    for epochs in range(0, 101, 9):
        held, left = [], epochs
        for losses, size, _ in drawn:
            held += [(min(losses[:left]), size)] if left > 0 else []
            left -= len(losses)
        share = np.array([epochs / 100])
        assert path.at(share)[0] == pytest.approx(SCALE.hypervolume(held))


@given(trained_trials)
def test_what_was_trained_is_never_worth_less_than_what_finished_nor_less_than_before(drawn):
    results = TaskResults([study_of_curves(drawn)], SCALE, 20)
    paths = [results.course(results.studies[0], front) for front in FRONTS]
    trained, finished = (path.at(np.linspace(0, 1, 101)) for path in paths)
    rounding = 1e-12
    assert (trained >= finished - rounding).all()
    assert (np.diff(trained) >= -rounding).all()
    assert (np.diff(finished) >= -rounding).all()
    assert (trained <= results.best_known + rounding).all()


@given(trained_trials)
def test_the_fronts_end_the_same_where_every_trial_ends_within_the_budget(drawn):
    study = study_of_curves([(losses[:14], size, True) for losses, size, _ in drawn])
    trained, finished = (course(study, SCALE, front) for front in FRONTS)
    assert trained.hypervolumes[-1] == pytest.approx(finished.hypervolumes[-1])


def test_a_stopped_trial_is_worth_its_best_report_and_nothing_among_the_finished():
    study = make_study([(None, 50, True, (0.0, 1.0), [0.8, 0.5, 0.9])])
    assert course(study, SCALE, "finished").hypervolumes[-1] == 0
    path = course(study, SCALE, "trained")
    assert path.spent.tolist() == [0, 0.01, 0.02]
    assert path.hypervolumes[-1] == pytest.approx(SCALE.hypervolume([(0.5, 1.0)]))


def test_the_share_to_reach_counts_from_the_same_seed():
    slow = make_study(finished((1.0, 9.0), (0.5, 2.0), epochs=40), "slow")
    quick = make_study(finished((0.5, 2.0), epochs=20), "quick")
    never = make_study(finished((1.0, 9.0), epochs=20), "never")
    wanted = [("quick", "slow"), ("never", "slow"), ("slow", "slow")]
    found = shares_to_reach(TaskResults([slow, quick, never], SCALE, 40), wanted)
    for front in FRONTS:
        shares = found[found.front == front].set_index("strategy").share
        assert shares["quick"] == 0.2
        assert shares["slow"] == 0.8
        assert shares["never"] == np.inf


def test_the_share_to_reach_counts_each_front_by_itself():
    whole = make_study([((0.5, 2.0), 40, False, (0.5, 2.0), [0.5])], "whole")
    stopped = make_study([(None, 30, True, (0.4, 2.0), [0.9, 0.5])], "stopped")
    found = shares_to_reach(TaskResults([whole, stopped], SCALE, 40), [("stopped", "whole")])
    assert found.set_index("front").share.to_dict() == {"trained": 0.02, "finished": np.inf}


def test_seconds_are_an_axis_of_their_own():
    study = make_study(finished((0.5, 2.0), epochs=40))
    path = course(study, SCALE, "finished", "seconds", budget=80.0)
    assert path.spent.tolist() == [0, 0.25]


points = st.tuples(st.integers(0, 5), st.integers(1, 5))


@given(st.lists(st.tuples(points, st.booleans()), min_size=1, max_size=9))
def test_what_pruning_lost_is_counted_by_brute_force(drawn):
    trials = [
        (None if stopped else values, 3 if stopped else 9, stopped, values)
        for values, stopped in drawn
    ]
    judged = pruning(make_study(trials), epochs=9)

    def dominated(a):
        return any(all(x <= y for x, y in zip(b, a, strict=True)) and b != a for b, _ in drawn)

    front = [(values, stopped) for values, stopped in drawn if not dominated(values)]
    assert judged.front == len(front)
    assert judged.finished_lost == sum(stopped for _, stopped in front)
    assert judged.stopped == sum(stopped for _, stopped in drawn)
    assert judged.saved_epochs == 6 * judged.stopped


def test_a_stopped_trial_of_the_front_is_not_lost_where_its_best_report_is_on_the_front():
    trials = [
        ((0.5, 2.0), 9, False, (0.5, 2.0), [0.5]),
        (None, 3, True, (0.1, 1.5), [0.6]),  # smaller than all, so on the front as it is
        (None, 3, True, (0.2, 4.0), [0.7]),  # beaten as it is, and would have won
        (None, 3, True, (0.9, 8.0), [0.95]),  # would have been beaten
    ]
    judged = pruning(make_study(trials), epochs=9)
    assert (judged.stopped, judged.front) == (3, 1)
    assert (judged.finished_lost, judged.trained_lost) == (1, 0)
    lost = pruning(make_study([*trials[:1], trials[2]]), epochs=9)
    assert (lost.front, lost.finished_lost, lost.trained_lost) == (2, 1, 1)


def test_a_repeated_candidate_counts_once_on_the_front():
    trials = [*finished((0.5, 2.0)), ((0.5, 2.0), 0, False, (0.5, 2.0))]
    assert pruning(make_study(trials), 10).front == 1


def test_regret_is_zero_where_the_best_known_front_is_held():
    studies = [make_study(finished((0.0, 1.0)), "best"), make_study([], "nothing")]
    results = TaskResults(studies, SCALE, 10)
    assert results.best_known == pytest.approx(REFERENCE**2)
    rows = tabulate(results).set_index("strategy")
    for front in FRONTS:
        assert rows[f"{front}_regret"]["best"] == pytest.approx(0)
        assert rows[f"{front}_area"]["best"] == pytest.approx(0.1)
        assert rows[f"{front}_regret"]["nothing"] == rows[f"{front}_area"]["nothing"] == 1


PARTS = {
    BASELINE: ("random", "none", "none"),
    DOUBLE: ("random", "none", "none"),
    AGAIN: ("random", "none", "none"),
    "tpe+none": ("tpe", "none", "none"),
    "tpe+median": ("tpe", "median", "none"),
}


def table_of(**by_strategy) -> pd.DataFrame:
    rows = [
        {"task": task, "strategy": name, "seed": seed, "area": value}
        for name, tasks in by_strategy.items()
        for task, values in tasks.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_comparisons_differ_in_one_part_or_meet_random_search():
    found = pairs(PARTS)
    assert ("tpe+median", "tpe+none") in found
    assert ("tpe+none", BASELINE) in found
    assert ("tpe+median", DOUBLE) in found
    assert (AGAIN, BASELINE) in found
    assert not any(a == b or a in (BASELINE, DOUBLE) for a, b in found)
    assert len(set(found)) == len(found)


def test_a_difference_on_every_seed_is_found_and_one_of_chance_is_not():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.4, 0.6, 20)
    figures = table_of(
        plain={"t": base}, better={"t": base - 0.1}, same={"t": base + rng.normal(0, 0.01, 20)}
    )
    better, same = compare(figures, "area", [("better", "plain"), ("same", "plain")])
    assert (better.verdict, same.verdict) == ("better", "no difference")
    assert better.superiority == 1
    assert better.difference == pytest.approx(-0.1)
    low, high = same.difference_interval
    assert low < same.difference < high
    assert better.p_holm == pytest.approx(2 * better.p)  # two comparisons on the task


def test_holm_takes_away_what_many_comparisons_would_find_by_chance():
    rng = np.random.default_rng(0)
    names = [f"s{n}" for n in range(12)]
    figures = table_of(**{name: {"t": rng.normal(size=20)} for name in names})
    found = compare(figures, "area", list(itertools.combinations(names, 2)))
    assert any(c.p < 0.05 for c in found)
    assert all(c.verdict == "no difference" for c in found)


def test_identical_results_tie():
    figures = table_of(a={"t": [0.5] * 20}, b={"t": [0.5] * 20})
    (tie,) = compare(figures, "area", [("a", "b")])
    assert (tie.p, tie.verdict, tie.superiority) == (1.0, "no difference", 0.5)


def test_equal_results_on_varying_seeds_tie():
    values = np.linspace(0, 1, 20)
    (tie,) = compare(table_of(a={"t": values}, b={"t": values}), "area", [("a", "b")])
    assert (tie.seeds, tie.p, tie.superiority) == (20, 1.0, 0.5)


def test_strategies_that_do_not_depend_on_seeds_are_one_case_however_often_they_ran():
    figures = table_of(a={"t": [0.4] * 20}, b={"t": [0.5] * 20})
    (found,) = compare(figures, "area", [("a", "b")])
    assert (found.seeds, found.p, found.verdict) == (1, 1.0, "no difference")


def test_ranks_take_tasks_as_blocks_and_name_who_is_not_told_apart():
    tasks = [f"t{n}" for n in range(12)]
    figures = table_of(
        first={task: [0.1, 0.1] for task in tasks},
        second={task: [0.2, 0.2] for task in tasks},
        last={task: [0.9, 0.9] for task in tasks},
    )
    found = rank(figures, "area")
    assert found.ranks == {"first": 1, "second": 2, "last": 3}
    assert found.p < 0.001
    # Demšar's table: 2.343 for three strategies, at 5 %
    assert found.critical_difference == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 12)), abs=1e-3)
    assert found.groups() == []  # neighbours are one rank apart, which 12 tasks tell
    assert rank(figures[figures.task == "t0"], "area").critical_difference is None
    few = rank(figures[figures.task.isin(["t0", "t1"])], "area")
    assert few.groups() == [("first", "second", "last")]


def test_a_claim_is_one_sentence_with_tasks_and_budget():
    base = np.linspace(0.4, 0.6, 20)
    figures = table_of(
        **{"tpe+none": {"t": base, "u": base}, "tpe+median": {"t": base - 0.1, "u": base}}
    )
    found = compare(figures, "area", [("tpe+median", "tpe+none")])
    shares = pd.DataFrame(
        {
            "strategy": "tpe+median",
            "other": "tpe+none",
            "seed": range(4),
            "share": [0.4, 0.5, 0.6, np.inf],
            "ends": [1.0, 1.1, 1.2, 0.9],
        }
    )
    shares["task"] = "t"
    (said,) = sentences(found, shares)
    assert said == (
        "tpe+median is better than tpe+none on 1 of 2 tasks, worse on 0; 0.55 of the budget "
        "reaches the same hypervolume (median; 75% of studies reach it), and the end holds 1.050 "
        "of it (mean)."
    )
    (claim,) = claims(found, shares, PARTS)
    assert claim == said.replace("tpe+median", "pruner median").replace("tpe+none", "none")


def test_a_claim_about_a_part_counts_every_strategy_that_has_it():
    base = np.linspace(0.4, 0.6, 20)
    figures = table_of(
        **{
            BASELINE: {"t": base},
            "tpe+none": {"t": base - 0.1},
            "tpe+median": {"t": base - 0.2},
            "random+median": {"t": base + 0.1},
        }
    )
    parts = PARTS | {"random+median": ("random", "median", "none")}
    found = compare(figures, "area", pairs({n: parts[n] for n in set(figures.strategy)}))
    none = pd.DataFrame(columns=["task", "strategy", "other", "seed", "share", "ends"])
    said = sorted(claims(found, none, parts))
    assert [sentence.split(";")[0] for sentence in said] == [
        "pruner median is better than none on 1 of 2 cases (2 strategies on 1 task), worse on 1",
        "sampler tpe is better than random on 2 of 2 cases (2 strategies on 1 task), worse on 0",
    ]


def test_an_a_a_pair_that_differs_is_an_alarm():
    base = np.linspace(0.4, 0.6, 20)
    figures = table_of(**{BASELINE: {"t": base, "u": base}, AGAIN: {"t": base - 0.1, "u": base}})
    found = compare(figures, "area", [(AGAIN, BASELINE)])
    assert [c.task for c in false_alarm(found)] == ["t"]
