"""Choosing from a front, in a study or from its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lstmopt.errors import LstmoptError
from lstmopt.objectives import Goals, normalise
from lstmopt.pareto import knee
from lstmopt.results.document import StudyResults, TrialEntry


def pick_index(values: Sequence[Mapping[str, float | None]], goals: Goals, pick: str) -> int:
    """Return the index of the pick among ``values``, which are of one front or not.

    ``knee`` weighs every objective; ``best`` takes the first learned one, ``fastest`` the first
    static one (the first objective where there is none); ``near_best`` takes the fastest of those
    whose first learned objective is at most `NEAR` worse than the best.
    """
    points = [goals.minimised(row) for row in values]
    if pick == "knee":
        return knee(normalise(points, goals))
    learned = goals.objectives.index(goals.learned[0])
    costs = goals.static or list(goals.objectives)
    cost = goals.objectives.index(costs[0])
    if pick == "best":
        return min(range(len(points)), key=lambda n: points[n][learned])
    if pick == "fastest":
        return min(range(len(points)), key=lambda n: points[n][cost])
    best = min(point[learned] for point in points)
    near = [n for n, p in enumerate(points) if p[learned] <= best + NEAR * abs(best)]
    return min(near, key=lambda n: (points[n][cost], points[n][learned]))


NEAR = 0.02
"""How much worse than the best, as a share of it, counts as being as good."""


def pick_trial(results: StudyResults, pick: str) -> tuple[TrialEntry, str]:
    """Return the picked trial of the front and a sentence that explains it.

    ``pick`` is ``knee``, ``best``, ``near_best``, ``fastest`` or a trial of the front by its
    number.
    """
    front = results.front_trials
    by_number = {str(trial.number): trial for trial in front}
    if pick in by_number:
        return by_number[pick], f"Trial {pick} was named."
    if pick not in _WHY or not front:
        raise LstmoptError(
            f"--pick takes knee, best, near_best, fastest or a trial of the front, found {pick!r}: "
            f"choose from {', '.join(by_number) or 'a run that has a front'}"
        )
    goals = results.goals
    trial = front[pick_index([t.values for t in front], goals, pick)]
    return trial, f"Trial {trial.number} {why(pick, len(front), goals)}."


def why(pick: str, size: int, goals: Goals) -> str:
    """Say what a picked trial of a front of this size has before the others, as a verb phrase."""
    if size == 1:
        return "is the whole front"
    if pick == "knee" and size == 2:
        return f"has the better {goals.names[0]}: a front of two has no knee"
    return _WHY[pick]


_WHY = {
    "knee": "lies farthest below the line through the front's ends, where giving up a little of "
    "one objective stops buying much of another",
    "best": "has the best learned objective of the front",
    "near_best": f"has the best static objective of those at most {NEAR:.0%} worse than the best",
    "fastest": "has the best static objective of the front",
}
