from __future__ import annotations

from lstmopt.networks.families import Families
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Architecture
from lstmopt.training.latency import Setting, forecast_costs
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
