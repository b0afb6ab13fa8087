import pytest
import torch
from lstmopt_macs import kilo_macs, lstmopt_objectives
from torch.utils.flop_counter import FlopCounterMode

from lstmopt import ForecastCost
from lstmopt.search_space import Architecture
from lstmopt.testing import ObjectiveContract

(OBJECTIVE,) = lstmopt_objectives()


class TestContract(ObjectiveContract):
    objective = OBJECTIVE


@pytest.mark.parametrize("layers", [1, 3])
def test_it_counts_what_torch_counts(layers):
    hidden, features, window, horizon = 16, 5, 12, 4
    sizes = [features, *[hidden] * (layers - 1)]
    cells = [torch.nn.LSTMCell(size, hidden) for size in sizes]
    head = torch.nn.Linear(hidden, horizon)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        states = [(torch.zeros(1, hidden), torch.zeros(1, hidden)) for _ in cells]
        for _ in range(window):
            x = torch.zeros(1, features)
            for n, cell in enumerate(cells):
                states[n] = cell(x, states[n])
                x = states[n][0]
        head(x)
    architecture = Architecture.of({"hidden_size": hidden, "num_layers": layers})
    cost = ForecastCost(architecture, 1.0, 0.0, 1, features, window, horizon)
    # a multiply-accumulate is two operations
    assert kilo_macs(cost) * 1000 == pytest.approx(counter.get_total_flops() / 2)
