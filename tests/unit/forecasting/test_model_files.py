"""The two files of a model change together, whenever the program is killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lstmopt.forecasting.model_files import description_of, read_model, write_model

OLD, NEW = (b"old weights", {"mean": 1}), (b"new weights", {"mean": 2})


class Killed(BaseException):
    """Nothing catches it."""


def kill_at(monkeypatch, number: int) -> None:
    """End the program at the moment when a file takes its place for the ``number``-th time."""
    replace, taken = Path.replace, []

    def watched(path: Path, target: Path) -> Path:
        taken.append(path)
        if len(taken) > number:
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", watched)


def found(weights: Path):
    content, description = read_model(weights)
    return content, description["mean"]


@pytest.mark.parametrize(("number", "expected"), [(0, OLD), (1, OLD), (2, NEW)])
def test_a_killed_write_leaves_the_old_or_the_new_model(tmp_path, monkeypatch, number, expected):
    weights = tmp_path / "model.pth"
    write_model(weights, *OLD)
    with monkeypatch.context() as patch:
        kill_at(patch, number)
        with pytest.raises(Killed):
            write_model(weights, *NEW)
    assert found(weights) == (expected[0], expected[1]["mean"])
    write_model(weights, *NEW)
    assert found(weights) == (NEW[0], NEW[1]["mean"])
    assert weights.read_bytes() == NEW[0]


def test_weights_of_another_description_are_refused(tmp_path):
    weights = tmp_path / "model.pth"
    write_model(weights, *OLD)
    weights.write_bytes(NEW[0])
    with pytest.raises(ValueError, match="not those of its description"):
        read_model(weights)


def test_a_model_of_an_earlier_version_is_read(tmp_path):
    weights = tmp_path / "model.pth"
    weights.write_bytes(OLD[0])
    description_of(weights).write_text(json.dumps(OLD[1]))
    assert read_model(weights) == OLD
