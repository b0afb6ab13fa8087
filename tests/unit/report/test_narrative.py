"""What the report says is what the record holds."""

from __future__ import annotations

import json

import pytest

from lstmopt import load, run
from lstmopt.report.narrative import counts, fit_command, predict_command, verdict, words_of
from lstmopt.workflow.run_study import refit_trial
from support.runs import make_run, rewritten
from support.studies import config_of


@pytest.fixture
def finished(tmp_path, csv):
    config = config_of(csv, budget={"trials": 6})
    run(config, tmp_path / "run")
    return tmp_path / "run"


def test_the_choice_is_explained_by_the_front_it_was_made_from(finished):
    said = words_of(load(finished))["why"]
    chosen = load(finished).document["chosen"]
    assert said.startswith("Picked on validation (best): ")
    assert f"trial {chosen['trial']} " in said


def test_a_trial_that_was_named_is_not_said_to_be_picked(finished):
    loaded = load(finished)
    complete = loaded.trials.index[loaded.trials["state"] == "complete"]
    named = next(n for n in complete if n not in loaded.front.index)
    refit_trial(loaded.config, finished, int(named))
    said = words_of(load(finished))["why"]
    assert said == f"Trial {named} was named, not picked from the front, and trained anew."


def test_the_seeds_are_those_of_the_chosen_trial(tmp_path):
    made = make_run(tmp_path, ["complete"] * 12)
    first, other = made.results.front[:2]
    spread = {name: {"mean": 1.0, "std": 0.1} for name in made.goals.names}
    finalists = [
        {"trial": first, "seeds": 1, "validation": spread},
        {"trial": other, "seeds": 3, "validation": spread},
    ]
    scores = {"scaled": {"mse": {"mean": 0.1, "std": 0}, "mae": {"mean": 0.1, "std": 0}}}
    scores |= {"own": scores["scaled"], "r2": {"mean": 0.9, "std": 0}}
    chosen = {"trial": other, "params": {}, "validation": {}, "test": scores, "latency_ms": 1.0}
    baselines = {"repeat": scores, "seasonal_naive": None}
    changed = rewritten(
        made, lambda d: d.update(finalists=finalists, chosen=chosen, baselines=baselines)
    )
    assert words_of(changed)["seeds"] == 3


def test_a_test_error_without_a_number_is_said(finished):
    changed = rewritten(
        load(finished), lambda d: d["chosen"]["test"]["scaled"]["mse"].update(mean=None)
    )
    assert "has no number to compare" in verdict(changed)
    assert changed.write_report().is_file()


def test_taken_over_trials_are_counted(tmp_path):
    made = make_run(tmp_path, ["complete"] * 3)
    changed = rewritten(made, lambda d: d["trials"][0].update(taken_over=True))
    assert counts(changed) == "3 trials: 3 complete, 1 of them taken over from earlier runs"


def test_time_is_what_trials_took_without_the_pauses(tmp_path):
    made = make_run(tmp_path, ["complete"] * 3)
    # three trials of two seconds, one a second; then one a day later
    later = {"began": "2026-01-02T00:00:00.000", "ended": "2026-01-02T00:00:05.000"}
    changed = rewritten(made, lambda d: d["trials"][2].update(later))
    assert dict(words_of(changed)["facts"])["searched for"] == "8 s"


def test_an_audit_of_an_earlier_state_says_so(tmp_path):
    made = make_run(tmp_path, ["complete", "pruned", "pruned"])
    audit = {
        "stopped": 2,
        "sampled": 2,
        "lost": [],
        "interval": [0, 0],
        "false_prune_rate": 0,
        "front_gain": None,
        "epochs_saved": 1,
        "decisions_replayed": 3,
        "decisions_different": [],
        "trials": [],
    }
    made.folder.audit.write_text(json.dumps(audit))
    assert not any("earlier state" in line for line in words_of(made)["audit"])
    made.folder.audit.write_text(json.dumps(audit | {"stopped": 1, "sampled": 1}))
    assert "earlier state" in words_of(made)["audit"][0]


def test_no_command_is_offered_that_could_not_run(tmp_path, table):
    config = config_of("", data={"target": "load"})
    run(config, tmp_path / "frame", source=table)
    loaded = load(tmp_path / "frame")
    assert fit_command(loaded) is None
    assert predict_command(loaded).endswith(" YOUR.csv")


def test_epochs_are_epochs_also_where_a_study_reports_more_often(tmp_path):
    made = make_run(tmp_path, ["complete"] * 3)
    changed = rewritten(made, lambda d: d["budget"].update(reports_per_epoch=2))
    (line,) = changed.figures.history("epochs").data
    assert line.x[-1] == sum(entry.epochs_trained for entry in made.results.trials) / 2


def test_an_older_record_is_drawn_as_far_as_it_goes(tmp_path):
    def made_older(document):
        for entry in document["trials"]:
            for name in ("by_pruner", "began", "ended", "taken_over", "decisions"):
                del entry[name]
        for entry in document["objectives"]:
            del entry["unit"], entry["scale"]
        del document["study"]["space"], document["finalists"]

    made = make_run(tmp_path, ["complete", "pruned"] * 6)
    assert rewritten(made, made_older).write_report().is_file()
