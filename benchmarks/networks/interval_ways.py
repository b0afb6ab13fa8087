"""Which way to an interval: what each would have come to on the models that studies deploy.

python benchmarks/networks/interval_ways.py "--data nyc_taxi.csv --target value | 48" … --out F

A series is the options of ``lstmopt run`` and, after a bar, its season in rows. Each is forecast
one row ahead and a season ahead. The deployed model of each study is calibrated and scored in every
way, so that all are compared on the same forecasts; pinball loss is that of 80 and 90 % over the
one of constant intervals of ridge. Series are dealt out to two halves: the way is chosen on one and
reported on the other. A line a run goes to ``--out``; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from worth_deploying import cases, name_of

from lstmopt.cli.run import run as run_command
from lstmopt.results.document import IntervalEntry
from lstmopt.workflow import ending
from lstmopt.workflow.calibration import IntervalPlan
from lstmopt.workflow.finalists import Verdict, open_test

Line = dict[str, Any]
WAYS = {
    "constant": IntervalPlan((80.0, 90.0)),
    "ensemble": IntervalPlan((80.0, 90.0), scale="ensemble"),
    "bayesian": IntervalPlan((80.0, 90.0), scale="bayesian"),
    "quantile": IntervalPlan((80.0, 90.0), scale="quantile"),
    "constant, adaptive": IntervalPlan((80.0, 90.0), adaptive=True),
    "ensemble, adaptive": IntervalPlan((80.0, 90.0), True, "ensemble"),
    "bayesian, adaptive": IntervalPlan((80.0, 90.0), True, "bayesian"),
    "quantile, adaptive": IntervalPlan((80.0, 90.0), True, "quantile"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    rows = asked.out.read_text().splitlines() if asked.out.exists() else []
    lines = [json.loads(row) for row in rows]
    known = {(line["series"], line["ahead"], line["seed"]) for line in lines}
    for case in cases(asked.series, asked.seeds):
        if case not in known:
            lines.append(run(*case, asked.seconds))
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    print(table(lines))


def run(words: str, ahead: int, seed: int, seconds: float) -> Line:
    test: Callable[..., Verdict] = open_test
    line: Line = {"series": words, "ahead": ahead, "seed": seed, "ways": {}}

    def in_every_way(*arguments: Any) -> Verdict:
        *others, plan = arguments
        for name, way in WAYS.items():
            told = test(*others, way)
            ridge = told.errors.get("ridge")
            beside = {"ridge": list(map(scores, ridge.intervals))} if ridge else {}
            line["ways"][name] = {"deployed": list(map(scores, told.test[0].intervals)), **beside}
        return test(*others, plan)

    setattr(ending, "open_test", in_every_way)  # noqa: B010 - where a study opens its test part
    with tempfile.TemporaryDirectory() as folder:
        options = ["--horizon", str(ahead), "--seed", str(seed), "--out", f"{folder}/run"]
        options += ["--timeout", f"{seconds:g}s", "--warm-start-strategy", "none", "--no-report"]
        run_command([*shlex.split(words), *options], standalone_mode=False)
    print(name_of(line), file=sys.stderr)
    return line


def scores(entry: IntervalEntry) -> list[float | None]:
    return [entry.level, entry.all_leads.coverage, entry.all_leads.width, entry.all_leads.pinball]


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a way, for each half of the series and for all."""
    names = list(dict.fromkeys(line["series"] for line in lines))
    halves = {"first half": names[::2], "second half": names[1::2], "all": names}
    rows = [
        "| way | of | runs | 90 %: mean coverage | 87 to 93 % | 85 to 95 % | pinball / ridge's |",
        "|" + " --- |" * 7,
    ]
    for way in WAYS:
        for half, series in halves.items():
            found = list(comparisons(lines, way, series))
            if found:
                rows.append(f"| {way} | {half} | {' | '.join(summary(found))} |")
    return "\n".join(rows)


def comparisons(
    lines: Sequence[Line], way: str, series: Sequence[str]
) -> Iterator[tuple[float, float]]:
    """Yield the coverage of 90 % and the ratio of pinball losses of each run that has both."""
    for line in lines:
        own = line["ways"].get(way, {}).get("deployed", [])
        ridge = line["ways"].get("constant", {}).get("ridge", [])
        if line["series"] in series and len(own) == len(ridge) == 2:
            yield own[1][1], sum(e[3] for e in own) / sum(e[3] for e in ridge)


def summary(found: Sequence[tuple[float, float]]) -> list[str]:
    covered = [coverage for coverage, _ in found]
    ratio = math.exp(statistics.fmean(math.log(loss) for _, loss in found))
    near, nearly = (sum(abs(c - 0.9) <= by for c in covered) for by in (0.03, 0.05))
    return [
        str(len(found)),
        f"{statistics.fmean(covered):.1%}",
        str(near),
        str(nearly),
        f"{ratio:.3f}",
    ]


if __name__ == "__main__":
    main()
