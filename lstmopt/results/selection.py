"""Choosing from a front, in a study or from its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lstmopt.errors import LstmoptError
from lstmopt.objectives import Goals, normalise
from lstmopt.pareto import knee
from lstmopt.results.document import AverageEntry, PointEntry, StudyResults, TrialEntry


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


def pick_point(results: StudyResults, pick: str) -> tuple[PointEntry, str]:
    """Pick among the trials of a front and the averages.

    Trials count with what the search found; a run chooses by their means over refits, and may have
    chosen otherwise.

    Args:
        results: What a study found.
        pick: ``knee``, ``best``, ``near_best`` or ``fastest``, of what no other point dominates; or
            a point by its name: a trial's number, ``trial 3``, ``average 3``.

    Returns:
        What was picked, and a sentence that says why.

    Raises:
        LstmoptError: Where there is no such point, or none at all.
    """
    points = results.points
    by_name = {str(p.number) if isinstance(p, TrialEntry) else p.label: p for p in points}
    by_label = {point.label: point for point in points}
    if named := by_name.get(pick, by_label.get(pick)):
        return named, _sentence(f"{_described(named)} was named.")
    front = [point for point, kept in zip(points, results.on_front, strict=True) if kept]
    if pick not in _WHY or not front:
        raise LstmoptError(
            "--pick takes knee, best, near_best, fastest, a trial of the front or an average, "
            f"found {pick!r}: choose from {', '.join(by_name) or 'a run that has a front'}"
        )
    goals = results.goals
    picked = front[pick_index([point.values for point in front], goals, pick)]
    said = f"{_described(picked)} {why(pick, len(front), goals)}."
    if results.averages:
        trials, averages = len(results.front), len(results.averages)
        said = f"of {counted(trials, 'trial')} and {counted(averages, 'average')}, {said}"
    return picked, _sentence(said)


def _described(point: PointEntry) -> str:
    """Return what a point is called, and what an average is of."""
    return f"{point.label} ({point.words})" if isinstance(point, AverageEntry) else point.label


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def counted(number: int, word: str) -> str:
    """Return a number with its noun, in the plural where there is not one."""
    return f"{number} {word}" + ("" if number == 1 else "s")


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
