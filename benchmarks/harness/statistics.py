"""Which differences are real: paired tests within a task, ranks across tasks, sizes of effects.

Within a task strategies meet on the same seeds: Wilcoxon's signed-rank test (1945), corrected for
the number of comparisons by Holm (1979). Across tasks: Friedman's test and Nemenyi's critical
difference, tasks being the blocks (Demšar, JMLR 7, 2006). Sizes: the median difference and the
probability to be better (Vargha and Delaney, 2000), each with a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap, friedmanchisquare, studentized_range, wilcoxon
from statsmodels.stats.multitest import multipletests

from .contenders import AGAIN, BASELINE, DOUBLE

Floats = NDArray[np.float64]
ALPHA = 0.05


@dataclass(frozen=True)
class StrategyComparison:
    """One strategy against another on one task, seed by seed; a lower figure is better.

    ``difference`` is the median of (strategy - other), negative where the strategy is better;
    ``superiority`` the probability that it is better on a seed, ties counted half. Intervals hold
    95 %. ``p`` is Wilcoxon's, ``p_holm`` that after Holm's correction within the task.
    """

    task: str
    strategy: str
    other: str
    seeds: int
    difference: float
    difference_interval: tuple[float, float]
    superiority: float
    superiority_interval: tuple[float, float]
    p: float
    p_holm: float

    @property
    def verdict(self) -> str:
        """Say better, worse or no difference, at 5 % after correction."""
        if self.p_holm >= ALPHA or self.difference == 0:
            return "no difference"
        return "better" if self.difference < 0 else "worse"


def pairs(parts: Mapping[str, tuple[str, str, str]]) -> list[tuple[str, str]]:
    """List the comparisons of strategies that answer a question, each once.

    Every strategy against random search without pruning, with the budget and with twice of it; and
    every strategy against the one that differs in one part and has ``none`` (a pruner, a warm
    start) or ``random`` (a sampler) there. ``parts`` holds sampler, pruner and warm start by name.
    """
    plain_names = [name for name in parts if name not in (DOUBLE, AGAIN)]
    by_parts: dict[tuple[str, ...], str] = {parts[name]: name for name in plain_names}
    found: dict[tuple[str, str], None] = {}
    for name in parts:
        for other in (BASELINE, DOUBLE):
            if other in parts and name not in (BASELINE, DOUBLE):
                found[name, other] = None
        for place, plain in enumerate(("random", "none", "none")):
            simpler = (*parts[name][:place], plain, *parts[name][place + 1 :])
            other_name = by_parts.get(simpler, name)
            if other_name != name and name in plain_names:
                found[name, other_name] = None
    return list(found)


def compare(
    figures: pd.DataFrame, measure: str, wanted: Sequence[tuple[str, str]]
) -> list[StrategyComparison]:
    """Compare strategies on ``measure``, task by task.

    ``figures`` has the columns task, strategy, seed and ``measure``; seeds that only one of a pair
    has are left out.
    """
    found = []
    for task, rows in figures.groupby("task", sort=False):
        table = rows.pivot(index="seed", columns="strategy", values=measure)
        known = [(a, b) for a, b in wanted if a in table and b in table]
        met = [_distinct(table[[a, b]].dropna().to_numpy()) for a, b in known]
        ps = [_wilcoxon(pair[:, 0] - pair[:, 1]) for pair in met]
        corrected = multipletests(ps, alpha=ALPHA, method="holm")[1] if ps else []
        for (a, b), pair, p, p_holm in zip(known, met, ps, corrected, strict=True):
            difference = pair[:, 0] - pair[:, 1]
            found.append(
                StrategyComparison(
                    str(task),
                    a,
                    b,
                    len(difference),
                    float(np.median(difference)),
                    _interval(difference, np.median),
                    float(_superiority(difference)),
                    _interval(difference, _superiority),
                    p,
                    float(p_holm),
                )
            )
    return found


def _distinct(pair: Floats) -> Floats:
    """Keep one seed of two strategies that do not depend on seeds: more prove nothing."""
    same = len(pair) > 1 and np.ptp(pair, axis=0).max() == 0
    return pair[:1] if same else pair


def _wilcoxon(differences: Floats) -> float:
    """Return the two-sided p value; 1 where nothing differs or there is nothing to compare."""
    # figures that differ by rounding alone are equal
    differences = np.where(np.abs(differences) < 1e-12, 0.0, differences)
    if len(differences) < 2 or not differences.any():
        return 1.0
    return float(wilcoxon(differences).pvalue)


def _superiority(differences: Floats, axis: int = -1) -> Floats:
    better: Floats = np.mean((differences < 0) + 0.5 * (differences == 0), axis=axis)
    return better


def _interval(differences: Floats, statistic: object) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a statistic over seeds."""
    if len(differences) < 2 or np.ptp(differences) == 0:
        value = float(statistic(differences)) if callable(statistic) else np.nan
        return value, value
    found = bootstrap(
        (differences,), statistic, method="percentile", n_resamples=2000, rng=0
    ).confidence_interval
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class MeanRanks:
    """Mean ranks of strategies over tasks, 1 the best.

    ``p`` is Friedman's, ``p_pairs`` Nemenyi's, by both names: it tells apart whose ranks lie
    further apart than ``critical_difference``. All are None with fewer than two tasks or three
    strategies.
    """

    ranks: dict[str, float]
    tasks: int
    p: float | None
    critical_difference: float | None
    p_pairs: dict[str, dict[str, float]] | None

    def groups(self) -> list[tuple[str, ...]]:
        """List the largest groups of neighbours in rank that are not told apart."""
        if self.p_pairs is None:
            return []
        names = sorted(self.ranks, key=lambda name: self.ranks[name])
        found: list[tuple[str, ...]] = []
        for n, first in enumerate(names):
            group = tuple(name for name in names[n:] if self.p_pairs[first][name] >= ALPHA)
            if len(group) > 1 and not any(set(group) <= set(other) for other in found):
                found.append(group)
        return found


def rank(figures: pd.DataFrame, measure: str) -> MeanRanks:
    """Rank strategies across tasks by their median over seeds; seeds are no blocks of their own."""
    medians = figures.groupby(["task", "strategy"])[measure].median().unstack().dropna(axis=1)
    tasks, count = medians.shape
    means = {str(name): float(mean) for name, mean in medians.rank(axis=1).mean().items()}
    if tasks < 2 or count < 3:
        return MeanRanks(means, tasks, None, None, None)
    # here, because it loads seaborn
    from scikit_posthocs import posthoc_nemenyi_friedman

    p = friedmanchisquare(*medians.to_numpy().T).pvalue
    p_pairs = posthoc_nemenyi_friedman(medians).to_dict()
    studentized = studentized_range.ppf(1 - ALPHA, count, np.inf)
    width = studentized * np.sqrt(count * (count + 1) / (12 * tasks))
    return MeanRanks(means, tasks, float(p), float(width), p_pairs)


def false_alarm(comparisons: Sequence[StrategyComparison]) -> list[StrategyComparison]:
    """List the tasks on which the A/A pair differs, which it must not."""
    pair = [c for c in comparisons if (c.strategy, c.other) == (AGAIN, BASELINE)]
    return [c for c in pair if c.verdict != "no difference"]


PARTS = ("sampler", "pruner", "warm start")


def claims(
    comparisons: Sequence[StrategyComparison],
    shares: pd.DataFrame,
    parts: Mapping[str, tuple[str, str, str]],
) -> list[str]:
    """Say in one sentence each what a sampler, pruner or warm start does beside the plain one.

    Every pair of strategies that differ in this part alone, on every task, is a case. ``shares``
    has the columns task, strategy, other, seed, share and ends.
    """
    groups: dict[tuple[int, str, str], list[StrategyComparison]] = {}
    for found in comparisons:
        mine, other = parts[found.strategy], parts[found.other]
        differing = [n for n in range(len(PARTS)) if mine[n] != other[n]]
        # the pair under two names is no case, nor is the double budget
        if len(differing) == 1 and found.other != DOUBLE:
            place = differing[0]
            groups.setdefault((place, mine[place], other[place]), []).append(found)
    return [
        _sentence(f"{PARTS[place]} {name}", plain, cases, shares)
        for (place, name, plain), cases in groups.items()
    ]


def sentences(comparisons: Sequence[StrategyComparison], shares: pd.DataFrame) -> list[str]:
    """Say each comparison of two strategies over all tasks in one sentence."""
    pairs_found = dict.fromkeys((c.strategy, c.other) for c in comparisons)
    return [
        _sentence(a, b, [c for c in comparisons if (c.strategy, c.other) == (a, b)], shares)
        for a, b in pairs_found
    ]


def _sentence(
    name: str, other: str, cases: Sequence[StrategyComparison], shares: pd.DataFrame
) -> str:
    better = sum(c.verdict == "better" for c in cases)
    worse = sum(c.verdict == "worse" for c in cases)
    tasks = len({c.task for c in cases})
    where = f"{tasks} task" + "s" * (tasks != 1)
    if len(cases) > tasks:
        where = f"{len(cases)} cases ({len(cases) // tasks} strategies on {where})"
    sentence = f"{name} is better than {other} on {better} of {where}, worse on {worse}"
    met = pd.MultiIndex.from_tuples([(c.task, c.strategy, c.other) for c in cases])
    known = shares.set_index(["task", "strategy", "other"])
    mine = known[known.index.isin(met)]
    reached = float(np.isfinite(mine.share).mean()) if len(mine) else 0.0
    ends = f"the end holds {mine.ends.mean():.3f} of it (mean)"
    if reached > 0.5:
        half = f"{np.median(mine.share):.2f} of the budget reaches the same hypervolume"
        return f"{sentence}; {half} (median; {reached:.0%} of studies reach it), and {ends}."
    return f"{sentence}; {reached:.0%} of studies reach the same hypervolume, and {ends}."
