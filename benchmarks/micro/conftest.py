"""Parts that the micro-benchmarks share: the shipped series, one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from lstmopt.config.study_file import read_config, shipped_study
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Workload


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Keep what speed depends on and leave out whose machine it was."""
    machine_info["node"] = machine_info["release"] = ""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def workload() -> Workload:
    """The shipped study's series with classic windows of 24 rows."""
    config = read_config(shipped_study())
    split = split_series(read_series(config.data.path, config.data), Shape(24, 1), (0.7, 0.15))
    return Workload(split.train, split.validation, TrainingOptions(epochs=10_000), "cpu")
