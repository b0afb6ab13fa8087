"""What does a study find in so much time, and does it end in it? One command, any series.

python benchmarks/time_limits/what_time_finds.py STUDY ... --out runs/time.jsonl --limits 20 60

A study is a TOML file, or what ``lstmopt run`` takes in place of one, as one argument: ``"--data
sunspots.csv --target SUNACTIVITY"``. Each is run with ``--timeout``, as many trials as there is
time for and no warm start, and timed from outside. A line a run goes to ``--out``; what is there is
not run again. ``--verdicts`` prints what the bar says instead of what time gives.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limits", type=float, nargs="+", default=[20, 60, 180, 600])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="Of a study; one a core by default.")
    parser.add_argument("--beside", type=int, default=1, help="How many studies run at once.")
    parser.add_argument("--verdicts", action="store_true")
    asked = parser.parse_args()
    lines = (
        [json.loads(row) for row in asked.out.read_text().splitlines()]
        if asked.out.exists()
        else []
    )
    known = {(line["study"], line["limit"], line["seed"]) for line in lines}
    missing = [
        (study, limit, seed)
        for seed in range(asked.seeds)
        for limit in asked.limits
        for study in asked.studies
        if (name_of(study), limit, seed) not in known
    ]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(asked.beside) as pool:
        for line in pool.map(lambda task: run(task, asked.workers), missing):
            lines.append(line)
            with asked.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
    print(verdicts(lines) if asked.verdicts else table(lines))


def name_of(study: str) -> str:
    """Return a study's file without its endings, and the value of ``--series`` where given."""
    words = shlex.split(study)
    given = dict(pairwise(words))
    name = Path(given.get("--data", words[0])).name.partition(".")[0]
    return f"{name} {given['--series']}" if "--series" in given else name


def run(task: tuple[str, float, int], workers: int) -> Line:
    """Run a study, with a limit and a seed, as a user does."""
    study, limit, seed = task
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "lstmopt", "run", *shlex.split(study)]
        command += ["--trials", "100000"]
        command += ["--timeout", f"{limit:g}s", "--seed", str(seed), "--out", str(out)]
        command += ["--warm-start-strategy", "none", "--workers", str(workers), "--json"]
        start = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        took = time.perf_counter() - start
    print(f"{name_of(study)} {limit:g} s: {took:.1f} s, exit {ended.returncode}", file=sys.stderr)
    return {"study": name_of(study), "limit": limit, "seed": seed, "seconds": took} | found_in(
        ended
    )


def found_in(ended: subprocess.CompletedProcess[str]) -> Line:
    if ended.returncode:
        return {"error": ended.stderr.strip().splitlines()[-1]}
    found = json.loads(ended.stdout)
    chosen, verdict = found["chosen"], found["verdict"]
    trained = {finalist["trial"]: finalist["seeds"] for finalist in found["finalists"]}
    seeds = trained.get(chosen["trial"], 1)  # an average is tested as it is deployed
    baselines = found["baselines"]
    return {
        "mse": chosen["test"]["scaled"]["mse"]["mean"],
        "bar": baselines[verdict["baseline"]]["scaled"]["mse"]["mean"] if verdict else None,
        "baselines": len(baselines),
        "verdict": verdict,
        "errors": {name: e and e["scaled"]["mse"]["mean"] for name, e in baselines.items()},
        "trials": found["budget"]["trials"],
        "front": len(found["front"]),
        "stopped": len(set(found["front"]) - set(found["finished_front"])),
        "seeds": seeds,
        "all_rows": found["all_rows"] is not None,
    }


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a study and limit."""
    head = ["study", "limit (s)", "took (s)", "trials", "front (stopped)", "refits", "error", "bar"]
    rows = [head, ["---"] * len(head)]
    for line in sorted(lines, key=lambda line: (line["study"], line["limit"], line["seed"])):
        cells = [f"`{line['study']}`", f"{line['limit']:g}", f"{line['seconds']:.1f}"]
        if "error" in line:
            rows.append([*cells, line["error"], "", "", "", ""])
            continue
        front = f"{line['front']} ({line['stopped']})"
        bar = "" if line["bar"] is None else f"{line['bar']:.4f}"
        rows.append(
            [*cells, str(line["trials"]), front, str(line["seeds"]), f"{line['mse']:.4f}", bar]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def verdicts(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a study: its errors beside the baselines', and the verdict."""
    lines = [line for line in lines if "error" not in line]
    names = list(dict.fromkeys(name for line in lines for name in line["errors"]))
    head = ["series", "LSTM", *names, "verdict"]
    rows = [head, ["---"] * len(head)]
    for line in lines:
        cells = [line["mse"], *(line["errors"].get(name) for name in names)]
        errors = ["" if error is None else f"{error:.4f}" for error in cells]
        rows.append([line["study"], *errors, said(line["verdict"])])
    counts = Counter(line["verdict"]["says"] for line in lines if line["verdict"])
    right = sum(line["mse"] > line["bar"] for line in lines if is_refused(line))
    total = ", ".join(f"{says}: {count}" for says, count in counts.items())
    worse = f"of those not to deploy {right} have more error than the baseline on the test part"
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\n{total}; {worse}"


def is_refused(line: Line) -> bool:
    return bool(line["verdict"]) and line["verdict"]["says"] == "do not deploy"


def said(verdict: Line | None) -> str:
    if verdict is None:
        return ""
    low, share, high = (-100 * verdict[name] for name in ("high", "difference", "low"))
    words = f"{share:+.0f} % ({low:+.0f} to {high:+.0f}) to {verdict['baseline']}"
    return f"{verdict['says']}: {words}, p = {verdict['p']:.2g}"


if __name__ == "__main__":
    main()
