"""Processes that are really killed; ``python -m support.soak`` does so for as long as you like."""

from __future__ import annotations

import pytest

from support.soak import soak


def test_killing_drivers_and_workers_loses_and_doubles_nothing(tmp_path):
    tally = soak(tmp_path, kills=20, trials=60)
    assert tally.kills == 20
    assert tally.clean, tally.table()


def test_a_fixed_list_of_candidates_ends_with_the_losses_of_a_run_nobody_disturbed(tmp_path):
    tally = soak(tmp_path, kills=5, trials=24, workers=1, grid=True)
    assert tally.losses_compared > 24
    assert tally.clean, tally.table()


@pytest.mark.parametrize("workers", [2, 8])
def test_workers_share_a_grid_without_repeats_and_with_the_losses_of_one(tmp_path, workers):
    tally = soak(tmp_path, kills=0, trials=60, workers=workers, grid=True)
    assert (tally.finished, tally.kills) == (60, 0)
    assert tally.clean, tally.table()
