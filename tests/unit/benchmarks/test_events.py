from __future__ import annotations

import msgspec
import pytest
from lstmopt_benchmarks.events import (
    Improvement,
    Study,
    StudyEvent,
    TrialEvent,
    append_study,
    read_studies,
)

from lstmopt.errors import LstmoptError


def make_study(**params):
    trial = TrialEvent(
        task="t",
        strategy="s",
        seed=0,
        number=0,
        state="complete",
        by_pruner=False,
        params=params,
        losses=(0.5, None),
        seconds=(1.0, 1.0),
        improvements=(Improvement(1, 1.0, (0.5, 0.1)),),
        values=(0.5, 0.1),
        full_values=None,
        at_epochs=2,
        at_seconds=2.0,
    )
    filled = {"float": 1.5, "int": 3, "str": "a", "dict": {"python": "3"}}
    kinds = StudyEvent.__annotations__
    event = StudyEvent(
        **{name: filled[str(kind).partition("[")[0]] for name, kind in kinds.items()}
        | {"task": "t", "strategy": "s", "seed": 0}
    )
    return Study(event, (trial,))


def test_what_is_written_is_read_with_parameters_of_every_kind(tmp_path):
    study = make_study(network="segment", skip=False, calendar=True, window=24, ema=0.99)
    append_study(tmp_path / "e.jsonl", study)
    (found,) = read_studies(tmp_path / "e.jsonl")
    assert found == study
    assert found.trials[0].params["skip"] is False


def test_a_line_that_was_cut_is_read_over_and_a_strange_one_refused(tmp_path):
    path = tmp_path / "e.jsonl"
    append_study(path, make_study(window=24))
    path.write_bytes(path.read_bytes() + b'{"event":"trial","task"')
    append_study(path, msgspec.structs.replace(make_study(), trials=()))
    assert len(list(read_studies(path))) == 1
    with path.open("ab") as file:
        file.write(b'{"event":"trial","task":"t"}\n')
    with pytest.raises(LstmoptError, match=r"found in line 5.*missing required field"):
        list(read_studies(path))
