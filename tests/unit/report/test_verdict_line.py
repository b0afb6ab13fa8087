"""The verdict is one sentence: deploy, do not deploy, or no difference and what is cheaper."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from lstmopt import Run
from lstmopt.report.terminal import print_result, verdict_line
from support.runs import make_run, rewritten


def said(folder, sample: object = None, **verdict: object) -> str:
    return verdict_line(judged(folder, sample, **verdict).results)


def judged(folder, sample: object = None, **verdict: object) -> Run:
    made = make_run(folder, ["complete"] * 3)
    scores = {"scaled": {"mse": {"mean": 0.1, "std": 0}, "mae": {"mean": 0.1, "std": 0}}}
    scores |= {"own": scores["scaled"], "r2": {"mean": 0.9, "std": 0}}
    chosen = {"trial": 1, "params": {}, "validation": {}, "test": scores, "latency_ms": 1.0}
    bar = {"ridge": {"validation_mse": 0.2, "latency_ms": 0.02, "test_sample": sample}}
    found = {"baseline": "ridge", **verdict}
    return rewritten(made, lambda d: d.update(chosen=chosen, bar=bar, verdict=found))


WORSE = {"difference": -0.7, "low": -1.27, "high": -0.13, "p": 0.01, "says": "do not deploy"}


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            {"difference": 0.23, "low": 0.14, "high": 0.31, "p": 1e-4, "says": "deploy"},
            r"Deploy trial \d+: 23 % less error than ridge.* \(95 % interval 14 to 31\), at",
        ),
        (
            WORSE,
            r"Do not deploy .* has 70 % more error than ridge.*interval 13 to 127\)",
        ),
        (
            {"difference": -999, "low": -1524, "high": -479, "p": 0.0, "says": "do not deploy"},
            r"Do not deploy .* has 1,000 times the error of ridge.*interval 480 to 1,525\)",
        ),
        (
            {"difference": 0.01, "low": -0.1, "high": 0.1, "p": 0.6, "says": "no difference"},
            r"No difference .*ridge.* \(p = 0.60\): deploy what is cheaper, ridge",
        ),
    ],
)
def test_a_verdict_is_one_sentence(tmp_path, verdict, words):
    line = said(tmp_path, **verdict)
    assert re.search(words, line)
    assert "\n" not in line


def test_a_verdict_says_on_which_origins_where_not_on_all(tmp_path):
    line = said(tmp_path, {"origins": 40, "of": 1200}, **WORSE)
    assert "of 1 baselines on validation, on 40 of 1,200 origins (95 % interval" in line


def test_the_verdict_is_the_first_line_of_what_is_printed(tmp_path):
    results = judged(tmp_path, **WORSE).results
    shown = io.StringIO()
    print_result(results, Console(file=shown, width=160), str(tmp_path))
    assert shown.getvalue().splitlines()[0] == verdict_line(results)
