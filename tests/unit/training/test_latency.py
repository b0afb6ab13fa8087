from __future__ import annotations

import itertools

import pytest

from lstmopt.networks.families import Families
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Architecture
from lstmopt.training import latency
from lstmopt.training.latency import Setting, forecast_costs, time_calls
from support.architectures import lstm, past_columns

SETTING = Setting(past_columns(3, 12, 1), "cpu")
SMALL, LARGE = lstm(4), lstm(128, 3)
FAMILY = """
from lstmopt import Network, hookimpl
from lstmopt.networks.lstm import LSTMEncoder

def make(params, features, window):
    return LSTMEncoder(features, [4])

@hookimpl
def lstmopt_networks():
    return [Network("mine", make, {}, "a summary", "")]
"""


def test_an_architecture_is_measured_once_and_kept(tmp_path):
    measured = []
    path = tmp_path / "latency.json"
    for _ in range(2):
        costs = forecast_costs([SMALL], SETTING, path, lambda a, _: measured.append(a))
    assert measured == [SMALL]
    assert costs[SMALL].latency_ms > 0


def test_another_setting_is_measured_anew(tmp_path):
    measured = []
    for window in (12, 24):
        setting = Setting(past_columns(3, window, 1), "cpu")
        forecast_costs([SMALL], setting, tmp_path / "c.json", lambda a, _: measured.append(a))
    assert len(measured) == 2


def test_a_much_larger_network_takes_longer_and_has_more_weights(tmp_path):
    costs = forecast_costs([SMALL, LARGE], SETTING, tmp_path / "c.json")
    assert costs[LARGE].latency_ms > costs[SMALL].latency_ms
    assert costs[LARGE].parameters > costs[SMALL].parameters
    assert costs[SMALL].model_mb == costs[SMALL].parameters * 4 / 1e6


def test_a_cache_that_cannot_be_read_is_measured_again(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("{ torn")
    assert forecast_costs([SMALL], SETTING, path)[SMALL].latency_ms > 0


def test_a_family_of_a_plug_ins_file_is_measured_anew_where_the_file_has_changed(tmp_path):
    path, measured = tmp_path / "mine.py", []
    for size in (4, 4, 8):
        path.write_text(FAMILY.replace("[4]", f"[{size}]"))
        families = Families.of([load_registry((path,)).network("mine")])
        setting = Setting(SETTING.columns, "cpu", families=families)
        mine = Architecture.of({"network": "mine"})
        forecast_costs([mine], setting, tmp_path / "c.json", lambda *_, n=size: measured.append(n))
    assert measured == [4, 8]


class Clock:
    """A forecast that takes what it is told, and the clock by which it is timed."""

    def __init__(self, milliseconds):
        self.now, self.calls = 0.0, 0
        self.milliseconds = iter(milliseconds)

    def perf_counter(self):
        return self.now

    def __call__(self):
        self.calls += 1
        self.now += next(self.milliseconds) / 1000


BUSY = itertools.cycle((2.0, 5.0, 8.0))


@pytest.mark.parametrize("quiet_from", [0, 100, 290])
def test_a_forecast_is_timed_anew_until_nothing_runs_beside_it(monkeypatch, quiet_from):
    clock = Clock(itertools.chain(itertools.islice(BUSY, quiet_from), itertools.repeat(0.5)))
    monkeypatch.setattr(latency, "time", clock)
    found = time_calls(clock, "cpu")
    assert found.median_ms == pytest.approx(0.5)
    assert clock.calls <= quiet_from + 250


def test_a_forecast_that_is_never_timed_in_quiet_has_the_lowest_median(monkeypatch):
    slow, less = itertools.cycle((20.0, 50.0, 80.0)), itertools.cycle((2.0, 5.0, 8.0))
    clock = Clock(itertools.chain(itertools.islice(slow, 60), less))
    monkeypatch.setattr(latency, "time", clock)
    assert time_calls(clock, "cpu").median_ms == pytest.approx(5.0)
    assert clock.now < 7
