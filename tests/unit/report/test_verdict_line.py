"""The verdict is one sentence: deploy, do not deploy, or no difference and what is cheaper."""

from __future__ import annotations

import re

import pytest

from lstmopt.report.terminal import verdict_line
from support.runs import make_run, rewritten


def said(folder, **verdict: object) -> str:
    made = make_run(folder, ["complete"] * 3)
    scores = {"scaled": {"mse": {"mean": 0.1, "std": 0}, "mae": {"mean": 0.1, "std": 0}}}
    scores |= {"own": scores["scaled"], "r2": {"mean": 0.9, "std": 0}}
    chosen = {"trial": 1, "params": {}, "validation": {}, "test": scores, "latency_ms": 1.0}
    bar = {"ridge": {"validation_mse": 0.2, "latency_ms": 0.02}}
    found = {"baseline": "ridge", **verdict}
    changed = rewritten(made, lambda d: d.update(chosen=chosen, bar=bar, verdict=found))
    return verdict_line(changed.results)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            {"difference": 0.23, "low": 0.14, "high": 0.31, "p": 1e-4, "says": "deploy"},
            r"Deploy trial \d+: 23 % less error than ridge.* \(95 % interval 14 to 31\), at",
        ),
        (
            {"difference": -0.7, "low": -1.27, "high": -0.13, "p": 0.01, "says": "do not deploy"},
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
