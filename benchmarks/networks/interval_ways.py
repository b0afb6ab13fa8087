"""Which way to an interval: what each would have come to on the models that studies deploy.

python benchmarks/networks/interval_ways.py "--data nyc_taxi.csv --target value | 48" … --out FOLDER

A series is the options of ``lstmopt run`` and, after a bar, its season in rows. Each is forecast
one row ahead and a season ahead. Of each study the errors of what it deployed and of ridge on the
calibration part and the test part are kept in ``--out``, with what every scale says of each
forecast; so all ways are compared on the same forecasts. Pinball loss is that of 80 and 90 % over
the one of fixed, constant intervals of ridge. Series are dealt out to two halves: the way is chosen
on one and reported on the other. ``--options "--quantiles levels"`` lets networks be trained to
forecast quantiles. The same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import math
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worth_deploying import cases, name_of

from lstmopt.cli.run import run as run_command
from lstmopt.data.split import Split
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.conformal import Conformal, Intervals
from lstmopt.forecasting.levels import Scale
from lstmopt.training.interval_scores import IntervalScores, score_intervals
from lstmopt.training.own_units import OwnUnits
from lstmopt.workflow import ending
from lstmopt.workflow.finalists import Point, Verdict, deployed_mean, open_test

LEVELS = (80.0, 90.0)
SCALES: tuple[Scale, ...] = ("ensemble", "bayesian", "quantile")
WAYS: dict[str, tuple[Scale, bool]] = {
    f"{scale}{', adaptive' if adaptive else ''}": (scale, adaptive)
    for adaptive in (False, True)
    for scale in ("constant", *SCALES)
}
BESIDE = "ridge"
FEWEST = 9
"""Windows of the calibration part that a level of 90 % takes."""

Arrays = dict[str, NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--options", default="", help="more options of lstmopt run")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    for words, ahead, seed in cases(asked.series, asked.seeds):
        name = name_of({"series": words, "ahead": ahead}).replace(" ", "_")
        file = asked.out / f"{name}_{seed}.npz"
        if not file.exists():
            study(words, ahead, seed, asked, file)
            print(file.stem, file=sys.stderr)
        runs.append(Run(words, ahead, dict(np.load(file))))
    print(table(runs))


def study(words: str, ahead: int, seed: int, asked: argparse.Namespace, file: Path) -> None:
    """Run a study and keep what its intervals could rest on."""
    test: Callable[..., Verdict] = open_test

    def kept(chosen: Point, *others: Any) -> Verdict:
        _, split, baselines = others[:3]
        np.savez_compressed(file, **arrays(chosen, split, baselines))  # type: ignore[arg-type]
        return test(chosen, *others)

    setattr(ending, "open_test", kept)  # noqa: B010 - where a study opens its test part
    with tempfile.TemporaryDirectory() as folder:
        options = ["--horizon", str(ahead), "--seed", str(seed), "--out", f"{folder}/run"]
        options += ["--timeout", f"{asked.seconds:g}s", "--warm-start-strategy", "none"]
        options += ["--no-report", *shlex.split(asked.options)]
        run_command([*shlex.split(words), *options], standalone_mode=False)
    setattr(ending, "open_test", test)  # noqa: B010


def arrays(chosen: Point, split: Split, baselines: Sequence[FittedBaseline]) -> Arrays:
    """Return errors and deviations on both parts, of what is deployed and of ridge."""
    parts = {"calibration": split.calibration(), "test": split.open_test()}
    found: Arrays = {"origins": parts["test"].origins()}
    for scale in SCALES:
        mean = deployed_mean(chosen).knowing(scale, split.train)
        for name, part in parts.items():
            deviations = mean.deviations(part, scale) * split.scaling.deviation
            found[f"{name} {scale}"] = deviations.astype(np.float32)
    for name, part in parts.items():
        units = OwnUnits.of(split, part.spans)
        found[name] = units.errors(deployed_mean(chosen)(part), part.origins())
        for baseline in baselines:
            if baseline.name == BESIDE and baseline.forecast is not None:
                found[f"{name} {BESIDE}"] = units.errors(baseline.forecast(part), part.origins())
    return found


@dataclass(frozen=True)
class Run:
    """What was kept of a study."""

    words: str
    ahead: int
    arrays: Arrays

    def scores(self, way: tuple[Scale, bool], of: str = "") -> list[IntervalScores]:
        """Return what intervals of each level came to, of errors around the forecast."""
        scale, adaptive = way
        calibration, test = (self.arrays[f"{name}{of}"] for name in ("calibration", "test"))
        known = None if scale == "constant" else self.arrays[f"calibration {scale}"].astype(float)
        made = Conformal.of(calibration, adaptive, scale, known)
        later = None if known is None else self.arrays[f"test {scale}"].astype(float)
        around = Intervals(made, LEVELS, test, self.arrays["origins"], later)
        return [_score(around, level, test) for level in LEVELS]


def _score(around: Intervals, level: float, errors: NDArray[np.float64]) -> IntervalScores:
    lower, upper = (np.broadcast_to(end, errors.shape) for end in around.bounds(level))
    return score_intervals(lower, upper, errors, level)


def table(runs: Sequence[Run]) -> str:
    """Return a Markdown table, a row a way, for each half of the series and for all."""
    names = list(dict.fromkeys(run.words for run in runs))
    halves = {"first half": names[::2], "second half": names[1::2], "all": names}
    rows = [
        "| way | of | off 90 %, 1 row | off 90 %, season | 87 to 93 % | 85 to 95 % "
        "| pinball / ridge's | of runs at most 1 |",
        "|" + " --- |" * 8,
    ]
    for name, way in WAYS.items():
        for half, series in halves.items():
            found = list(comparisons(runs, way, series))
            if found:
                rows.append(f"| {name} | {half} | {' | '.join(summary(found))} |")
    return "\n".join(rows)


def comparisons(
    runs: Sequence[Run], way: tuple[Scale, bool], series: Sequence[str]
) -> Iterator[tuple[str, int, float, float]]:
    """Yield series, rows ahead, coverage of 90 % and the ratio of pinball losses of each run."""
    for run in runs:
        there = f"calibration {BESIDE}" in run.arrays
        if run.words in series and there and len(run.arrays["calibration"]) >= FEWEST:
            own, ridge = run.scores(way), run.scores(("constant", False), f" {BESIDE}")
            loss = sum(e.pinball for e in own) / sum(e.pinball for e in ridge)
            yield run.words, run.ahead, own[-1].coverage, loss


def summary(found: Sequence[tuple[str, int, float, float]]) -> list[str]:
    """Return cells: coverage is the mean over seeds of a series so many rows ahead."""
    cells, near, nearly = [], [], []
    for next_row in (True, False):
        cases = sorted({(w, ahead) for w, ahead, *_ in found if (ahead == 1) is next_row})
        means = [statistics.fmean(c for w, a, c, _ in found if (w, a) == case) for case in cases]
        off = statistics.fmean(abs(mean - 0.9) for mean in means) if means else math.nan
        cells.append(f"{off:.1%}")
        near.append(sum(abs(mean - 0.9) <= 0.03 for mean in means))
        nearly.append(sum(abs(mean - 0.9) <= 0.05 for mean in means))
    losses = [loss for *_, loss in found]
    ratio = math.exp(statistics.fmean(map(math.log, losses)))
    cells += [", ".join(map(str, near)), ", ".join(map(str, nearly)), f"{ratio:.3f}"]
    return [*cells, f"{sum(loss <= 1 for loss in losses)} of {len(losses)}"]


if __name__ == "__main__":
    main()
