"""Rubbish and nearly right files: an answer or one sentence, never a traceback, never a change.

``python -m pytest tests/unit/config/test_fuzz.py --hypothesis-profile long`` tries 2,000 of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmopt import Forecaster, load, run
from lstmopt.config.study_file import read_config
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.warm_start.past_studies import read_studies
from support.parts import wave
from support.refusals import or_one_sentence
from support.runs import make_run
from support.studies import config_of

relaxed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def mutated(draw: Callable, content: bytes) -> bytes:
    """A right file with some bytes changed, cut out, repeated or put in."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(changed) - 1)))
        length = draw(st.integers(0, 40))
        what = draw(st.sampled_from(["change", "cut", "repeat", "insert"]))
        piece = bytes(changed[place : place + length])
        if what == "cut":
            del changed[place : place + length]
        elif what == "repeat":
            changed[place:place] = piece
        else:
            end = place + (length if what == "change" else 0)
            changed[place:end] = draw(st.binary(max_size=20) | st.just(b'"') | st.just(b"-1e999"))
    return bytes(changed)


CSV = wave(60).to_csv(index=False).encode()
TOML = (
    b'name = "s"\nseed = 3\nobjectives = ["val_loss"]\n[data]\npath = "x.csv"\ntarget = "load"\n'
    b"[task]\nwindow = 4\n[space]\nhidden_size = [4, 8]\n"
    b'learning_rate = { low = 0.001, high = 0.1, log = true }\n[sampler]\nname = "tpe"\n'
)


@relaxed
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode) | mutated(CSV))
def test_a_table_of_any_bytes(tmp_path, content):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    or_one_sentence(lambda: read_series(path, DataOptions(target="load")))
    assert path.read_bytes() == content


@relaxed
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | mutated(TOML))
def test_a_study_file_of_any_bytes(tmp_path, content):
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    or_one_sentence(lambda: read_config(path))
    assert path.read_bytes() == content


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> bytes:
    made = make_run(tmp_path_factory.mktemp("made"), ["complete", "pruned"] * 3)
    return made.folder.results.read_bytes()


@relaxed
@given(data=st.data())
def test_results_of_any_bytes(tmp_path, results, data):
    content = data.draw(st.binary(max_size=300) | mutated(results))
    path = tmp_path / "optimization_results.json"
    path.write_bytes(content)
    or_one_sentence(lambda: load(tmp_path))
    or_one_sentence(lambda: read_studies(str(path)))
    assert path.read_bytes() == content


leaf = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4)
values = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@relaxed
@given(data=st.data())
def test_results_with_any_value_in_any_place(tmp_path, results, data):
    document = json.loads(results)
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = data.draw(values)
    (tmp_path / "optimization_results.json").write_text(json.dumps(document))
    or_one_sentence(lambda: load(tmp_path))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    wave(200).to_csv(folder / "wave.csv", index=False)
    run(config_of(folder / "wave.csv", budget={"trials": 1}), folder / "run")
    return folder / "run"


@relaxed
@given(data=st.data(), damaged=st.sampled_from(["pth", "json"]))
def test_a_model_of_any_bytes(tmp_path, model, data, damaged):
    for ending in ("pth", "json"):
        name = f"best_optimized_lstm_model.{ending}"
        content = (model / name).read_bytes()
        if ending == damaged:
            content = data.draw(st.binary(max_size=300) | mutated(content))
        (tmp_path / name).write_bytes(content)
    or_one_sentence(lambda: Forecaster.load(tmp_path).predict(wave(60)))
