"""The result document: everything that a study found, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.objectives import Goals
from lstmopt.plugin.registry import Objective
from lstmopt.storage.trial_record import (
    INFEASIBLE,
    TrialRecord,
    closed_trials,
    front_of,
    running_trials,
)

if TYPE_CHECKING:
    import optuna
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from lstmopt.errors import LstmoptError

if TYPE_CHECKING:
    import optuna

ABOUT = "about"
"""The attribute of a stored study that holds what was known when it began."""


def describe_goals(goals: Goals) -> list[dict[str, Any]]:
    """List a study's objectives as plain values."""
    names = ("name", "direction", "kind", "unit", "scale")
    return [{name: getattr(o, name) for name in names} for o in goals.objectives]


def goals_of(document: Mapping[str, Any]) -> Goals:
    """Return the objectives of a document; what they measured is in it, they measure no more."""
    return Goals(
        tuple(
            Objective(
                entry["name"],
                entry["direction"],
                entry["kind"],
                _measured,
                unit=entry.get("unit", ""),
                scale=entry.get("scale", "linear"),
            )
            for entry in document["objectives"]
        )
    )


def _measured(_: Any) -> float:
    raise TypeError("an objective read back from a record measures nothing")


def make_document(
    about: Mapping[str, Any],
    trials: Sequence[TrialRecord],
    goals: Goals,
    seconds: float,
    outcome: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put together what is known of a study; without an outcome nothing was chosen yet.

    ``about`` is what was known when it began (see ``preparation.Job.about``), ``outcome`` what came
    of its finalists (see ``finalists.describe``).
    """
    reports, each = about["budget"]["reports"], about["budget"]["reports_per_epoch"]
    found = outcome or {"traits": None, "finalists": [], "chosen": None, "baselines": None}
    document: dict[str, Any] = finite(
        {
            "schema": SCHEMA,
            "study": about["study"] | {"traits": found["traits"]},
            "objectives": about["objectives"],
            "architectures": about["architectures"],
            "trials": [trial.as_json() for trial in trials],
            "front": [trial.number for trial in front_of(trials, goals)],
            "finalists": found["finalists"],
            "chosen": found["chosen"],
            "baselines": found["baselines"],
            "budget": {
                "trials": sum(t.state != INFEASIBLE and not t.taken_over for t in trials),
                "taken_over": sum(t.taken_over for t in trials),
                "infeasible": sum(t.state == INFEASIBLE for t in trials),
                "epochs_trained": _epochs(sum(t.epochs_trained for t in trials), each),
                "epochs_saved": _epochs(
                    sum(reports - t.epochs_trained for t in trials if t.by_pruner), each
                ),
                "reports": reports,
                "reports_per_epoch": each,
                "seconds": seconds,
                "peak_mib": max((trial.peak_mib for trial in trials), default=0.0),
            },
            "warnings": about["warnings"],
        }
    )
    return document


def _epochs(reports: int, each: int) -> float:
    return reports / each if each > 1 else reports


def document_so_far(study: optuna.Study) -> dict[str, Any] | None:
    """Return the document of a study as it stands in its storage, also while it runs.

    It has the key ``running`` beside all others: the trials that are not closed. None for a study
    that says nothing of itself.
    """
    about = study.user_attrs.get(ABOUT)
    if about is None:
        return None
    goals = goals_of(about)
    closed, running = closed_trials(study, goals), running_trials(study, goals)
    moments = [m for t in (*closed, *running) for m in (t.began, t.ended) if m]
    return make_document(about, closed, goals, _seconds_between(moments)) | {
        "running": [finite(trial.as_json()) for trial in running]
    }


def _seconds_between(moments: Sequence[str]) -> float:
    if not moments:
        return 0.0
    first, last = (datetime.fromisoformat(moment) for moment in (min(moments), max(moments)))
    return (last - first).total_seconds()


def front_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the front's trials with values and hyperparameters, best first objective first."""
    trials = {trial["number"]: trial for trial in document["trials"]}
    return [
        {"trial": number, "values": trials[number]["values"], "params": trials[number]["params"]}
        for number in document["front"]
    ]


def front_columns(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the front's trials with a column an objective and a hyperparameter."""
    return [{"trial": r["trial"], **r["values"], **r["params"]} for r in front_rows(document)]


def front_points(document: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the front [n, objectives], each value turned so that lower is better."""
    objectives = goals_of(document).objectives
    rows = [
        [o.minimised(row["values"][o.name]) for o in objectives] for row in front_rows(document)
    ]
    return np.array(rows, float).reshape(-1, len(objectives))


SCHEMA = 1


def read_document(path: Path) -> dict[str, Any]:
    """Read an ``optimization_results.json``. Raises LstmoptError for what is not one."""
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise LstmoptError(
            f"a finished run holds {path.name}, found none that can be read in "
            f"{path.parent}: run the study to its end, or name another folder"
        ) from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise LstmoptError(
            f"this version reads results of schema {SCHEMA}, found {found!r} "
            f"in {path}: run the study again"
        )
    if missing := [name for name in _PARTS if name not in content]:
        raise LstmoptError(
            f"results hold {', '.join(_PARTS)}, found {path} without {', '.join(missing)}: "
            "it is damaged; run the study again"
        )
    return content


_PARTS = (
    "study",
    "objectives",
    "architectures",
    "trials",
    "front",
    "chosen",
    "baselines",
    "budget",
)


def finite(value: Any) -> Any:
    """Replace what JSON cannot say (NaN, infinity) by None, all the way down."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, list | tuple) else value
