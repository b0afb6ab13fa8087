"""What a driver holds of a long study; figures of longer ones are in docs/reliability.md."""

from __future__ import annotations

import gc
import tracemalloc
from functools import partial

import pytest

from lstmopt.search import driver
from lstmopt.search.observer import Observer
from lstmopt.search.paused_trials import PausedTrials
from lstmopt.storage import driver_journal
from support.drivers import Scripted, in_process, make_driver, make_plan

MOMENTS = (100, 200, 300)


class Weigher(Observer):
    """Weighs what Python holds when trials of certain numbers begin."""

    def __init__(self, moments=MOMENTS):
        self.moments, self.held = moments, []

    def started(self, number, params, static):
        if number in self.moments:
            gc.collect()
            self.held.append(tracemalloc.get_traced_memory()[0])


def losses(candidate):
    return [candidate["learning_rate"] + 1 / n for n in range(1, 28)]


@pytest.mark.parametrize(
    ("storage", "pruner"), [("journal", "auto"), ("journal", "median"), ("sqlite", "auto")]
)
def test_a_driver_holds_next_to_nothing_of_a_trial(tmp_path, monkeypatch, storage, pruner):
    monkeypatch.setattr(driver_journal, "_HELD", 4)
    monkeypatch.setattr(driver, "PausedTrials", partial(PausedTrials, most=20))
    url = f"sqlite:///{tmp_path}/s.db" if storage == "sqlite" else ""
    weigher = Weigher()
    plan = make_plan(MOMENTS[-1] + 1, pruner=pruner)
    tracemalloc.start()
    try:
        make_driver(tmp_path, plan, in_process(Scripted(losses)), weigher, url=url).search()
    finally:
        tracemalloc.stop()
    # what grows by doubling does so in one half; what is held of every trial is in both
    first, middle, last = weigher.held
    assert min(middle - first, last - middle) / 100 < 1200


def test_a_driver_that_goes_on_lets_go_of_what_it_read_at_the_beginning(tmp_path):
    call = in_process(Scripted(losses))
    make_driver(tmp_path, make_plan(200), call).search()
    weigher = Weigher((200, 205))
    tracemalloc.start()
    try:
        make_driver(tmp_path, make_plan(206), call, weigher).search()
    finally:
        tracemalloc.stop()
    first, later = weigher.held
    assert later < first / 2
