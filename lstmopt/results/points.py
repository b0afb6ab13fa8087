"""What may be chosen of a run, as tables: the trials of the front, then the averages."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from lstmopt.results.document import AverageEntry, PointEntry, StudyResults, TrialEntry

if TYPE_CHECKING:
    import pandas as pd

_ADDED = ("average", "members", "on_front")
"""The last columns; those before them are as they were when there were only trials."""


def points_table(results: StudyResults) -> pd.DataFrame:
    """Return a row a point, as ``front.csv`` holds them.

    Args:
        results: What a study found.

    Returns:
        ``trial``, its number, missing of an average; a column an objective: of a trial what the
        search found; ``trained_to_end``: of an average whether all its networks were; a column a
        hyperparameter (``params_`` before its name where another column has that name), missing of
        an average; ``average``, its number, missing of a trial; ``members``: what it is the mean
        of; ``on_front``: whether no other row dominates it.
    """
    import pandas as pd

    goals = results.goals.names
    taken = {"trial", *goals, "trained_to_end", *_ADDED}
    rows = [
        {
            "trial": row["trial"],
            **row["values"],
            "trained_to_end": row["trained_to_end"],
            **{parameter_column(name, taken): value for name, value in row["params"].items()},
            **{name: row[name] for name in _ADDED},
        }
        for row in _rows(results)
    ]
    parameters = [parameter_column(name, taken) for name in _parameters(results)]
    columns = ["trial", *goals, "trained_to_end", *parameters, *_ADDED]
    # as objects whole numbers stay whole where others are missing
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    kinds = {"trial": "Int64", "average": "Int64", "trained_to_end": "bool", "on_front": "bool"}
    return table.astype(dict.fromkeys(goals, "float64") | kinds)


def printed_points(results: StudyResults, picked: PointEntry | None = None) -> pd.DataFrame:
    """Return a row a point, as ``lstmopt pareto --csv`` prints them.

    Args:
        results: What a study found.
        picked: The only one to print; all of them where it is None.

    Returns:
        The cells of `points_table`, objectives as ``values.NAME`` and hyperparameters as
        ``params.NAME``, and ``epochs``, which counts a trial's reports.
    """
    import pandas as pd

    rows = [
        {
            **{name: row[name] for name in _FIRST},
            **{f"values.{name}": value for name, value in row["values"].items()},
            **{f"params.{name}": value for name, value in row["params"].items()},
            **{name: row[name] for name in _ADDED},
        }
        for point, row in zip(results.points, _rows(results), strict=True)
        if picked is None or point == picked
    ]
    values = [f"values.{name}" for name in results.goals.names]
    parameters = [f"params.{name}" for name in _parameters(results)]
    return pd.DataFrame(rows, columns=[*_FIRST, *values, *parameters, *_ADDED], dtype=object)


_FIRST = ("trial", "trained_to_end", "epochs")


def parameter_column(parameter: str, taken: Collection[str]) -> str:
    """Return the column of a hyperparameter in a table that has others of the names ``taken``."""
    return f"params_{parameter}" if parameter in taken else parameter


def _parameters(results: StudyResults) -> list[str]:
    """Return the hyperparameters of the front's trials, in the order in which they come."""
    return list(dict.fromkeys(name for trial in results.front_trials for name in trial.params))


def _rows(results: StudyResults) -> Iterator[dict[str, Any]]:
    """Yield what is said of each point, under the same names for trials and averages."""
    goals = results.goals.names
    ended = {trial.number: trial.trained_to_end for trial in results.trials}
    for point, on_front in zip(results.points, results.on_front.tolist(), strict=True):
        if isinstance(point, TrialEntry):
            yield {**point.as_row(), "average": None, "members": None, "on_front": on_front}
        else:
            yield {
                "trial": None,
                "values": {name: point.values.get(name) for name in goals},
                "params": {},
                "trained_to_end": _trained_to_end(point, ended),
                "epochs": None,
                "average": point.number,
                "members": point.words,
                "on_front": on_front,
            }


def _trained_to_end(average: AverageEntry, ended: dict[int, bool]) -> bool:
    """Say whether all networks of an average were; refits are."""
    searched = (m.trial for m in average.members if m.trial is not None and not m.refit)
    return all(ended.get(number, False) for number in searched)
