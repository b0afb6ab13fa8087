"""Are intervals right, and how wide are they: of what studies deployed, and of their baselines.

python benchmarks/networks/intervals.py runs/worth.jsonl [runs/more.jsonl …]

reads what ``worth_deploying.py`` wrote (with ``--options "--calibration 0"`` intervals rest on all
of validation, which the choice was made by too) and prints a table for each file: coverage of 80
and 90 % on the test part, and mean width and pinball loss of 90 % over those of conformal ridge.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worth_deploying import name_of

Line = dict[str, Any]
COVERAGE, WIDTH, PINBALL = 1, 2, 4
"""Places of scores after their level."""
BESIDE = "ridge"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    for file in parser.parse_args().files:
        print(f"## {file.stem}\n\n{table([json.loads(line) for line in file.open()])}\n")


def scores(line: Line, name: str, level: float) -> list[float] | None:
    found = line.get("intervals", {}).get(name, ())
    return next((each for each in found if each[0] == level), None)


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a run, and what it comes to."""
    heads = (
        "series, ahead | seed | within 80 % | within 90 % | width of ridge's | pinball of ridge's"
    )
    rows = [f"| {heads} | within 90 %: ridge | AutoETS |", "|" + " --- |" * 8]
    within, losses = [], []
    for line in lines:
        mine, beside = scores(line, "deployed", 90), scores(line, BESIDE, 90)
        if mine is None or beside is None:
            rows.append(f"| {name_of(line)} | {line['seed']} | no interval of 90 % |" + " |" * 5)
            continue
        lower = scores(line, "deployed", 80)
        within.append(mine[COVERAGE])
        losses.append(mine[PINBALL] / beside[PINBALL])
        cells = [percent(lower), percent(mine), f"{mine[WIDTH] / beside[WIDTH]:.2f}"]
        cells += [f"{losses[-1]:.2f}", percent(beside), percent(scores(line, "auto_ets", 90))]
        rows.append(f"| {name_of(line)} | {line['seed']} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n\n" + summary(within, losses)


def percent(found: list[float] | None) -> str:
    return "–" if found is None else f"{found[COVERAGE]:.1%}"


def summary(within: Sequence[float], losses: Sequence[float]) -> str:
    if not within:
        return "No interval of 90 %."
    near = sum(0.87 <= share <= 0.93 for share in within)
    nearly = sum(0.85 <= share <= 0.95 for share in within)
    mean = math.exp(statistics.fmean(map(math.log, losses)))
    return (
        f"Of {len(within)} runs {near} cover 87 to 93 %, {nearly} cover 85 to 95 %; the mean is "
        f"{statistics.fmean(within):.1%}. Pinball loss of ridge's: {mean:.3f} in the geometric "
        f"mean, at most as high in {sum(loss <= 1 for loss in losses)}."
    )


if __name__ == "__main__":
    main()
