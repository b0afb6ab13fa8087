"""Baselines that are fitted beside a search stand still when they are told to."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from lstmopt.forecasting import background_fit
from lstmopt.forecasting.background_fit import BackgroundFit
from lstmopt.plugin.registry import load_registry


class Fits:
    """Stands for `fit_baseline`: each fit begins when it is told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.first_is_on, self.may_end = threading.Event(), threading.Event()

    def __call__(self, registry, name, folds, seasons, most_seconds):
        self.begun.append(name)
        self.first_is_on.set()
        assert self.may_end.wait(20)
        return SimpleNamespace(text=name, scoring_seconds=0.0)


@pytest.fixture
def fits(monkeypatch):
    found = Fits()
    monkeypatch.setattr(background_fit, "fit_baseline", found)
    monkeypatch.setattr(background_fit, "with_latency", lambda baseline, part: baseline)
    yield found
    found.may_end.set()


def begin() -> BackgroundFit:
    folds = [SimpleNamespace(validation=None)]
    return BackgroundFit(load_registry(), ["repeat", "ridge"], folds, ())


def test_none_begins_in_a_still_context_and_they_go_on_after_it(fits):
    fitting = begin()
    assert fits.first_is_on.wait(20)
    threading.Timer(0.1, fits.may_end.set).start()
    with fitting.still():  # waits for the first
        assert [found.text for found in fitting.result(0.2).baselines] == ["repeat"]
        assert fits.begun == ["repeat"]
    assert [found.text for found in fitting.result(20).baselines] == ["repeat", "ridge"]


def test_the_quickest_are_fitted_first_and_told_in_the_order_of_their_names(fits):
    fits.may_end.set()
    folds = [SimpleNamespace(validation=None)]
    names = ["boosting", "ridge:most_windows=9", "nlinear"]
    fitted = BackgroundFit(load_registry(), names, folds, ()).result(20)
    assert fits.begun == ["nlinear", "ridge:most_windows=9", "boosting"]
    assert [found.text for found in fitted.baselines] == names


def test_a_long_fit_is_not_waited_for(fits, monkeypatch):
    monkeypatch.setattr(background_fit, "_PATIENCE", 0.05)
    fitting = begin()
    assert fits.first_is_on.wait(20)
    with fitting.still():
        assert not fits.may_end.is_set()
    fits.may_end.set()
    assert len(fitting.result(20).baselines) == 2
