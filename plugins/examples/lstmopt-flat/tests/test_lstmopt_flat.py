import numpy as np
from lstmopt_flat import lstmopt_pruners, make

from lstmopt.testing import PrunerContract

(STRATEGY,) = lstmopt_pruners()
EAGER = {"n_startup_trials": 1, "reports": 1}
PEERS = np.array([[1.0, 0.8, 0.6, 0.5], [1.0, 0.9, 0.8, 0.7], [1.0, 0.9, 0.9, 0.9]])


class TestContract(PrunerContract):
    strategy = STRATEGY


class TestContractWithOnePeer(PrunerContract):
    strategy = STRATEGY
    options = EAGER


def test_what_is_flat_and_worse_than_half_is_stopped():
    assert make().should_stop(np.array([0.91, 0.9, 0.9, 0.9]), PEERS)


def test_what_still_falls_goes_on_however_bad_it_is():
    assert not make().should_stop(np.array([9.0, 8.0, 7.0, 6.0]), PEERS)


def test_what_is_flat_among_the_better_half_goes_on():
    assert not make().should_stop(np.array([0.5, 0.5, 0.5, 0.5]), PEERS)


def test_before_there_are_enough_reports_nothing_is_stopped():
    assert not make().should_stop(np.array([9.0, 9.0, 9.0]), PEERS[:, :3])
