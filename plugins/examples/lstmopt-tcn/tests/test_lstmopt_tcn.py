import pytest
import torch
from lstmopt_tcn import TemporalConvolution, lstmopt_networks

from lstmopt.testing import NetworkContract

(NETWORK,) = lstmopt_networks()


class TestContract(NetworkContract):
    network = NETWORK


@pytest.mark.parametrize(("kernel", "levels"), [(2, 1), (3, 2), (2, 4)])
def test_the_last_state_sees_as_many_rows_as_the_paper_says(kernel, levels):
    torch.manual_seed(0)
    encoder = TemporalConvolution(1, 16, kernel, levels)
    sees = 1 + 2 * (kernel - 1) * (2**levels - 1)
    x = torch.ones(1, 60, 1, requires_grad=True)
    encoder(x)[:, -1].sum().backward()
    assert x.grad[0, -sees:].abs().min() > 0
    assert x.grad[0, :-sees].abs().max() == 0


def test_weights_are_as_many_as_kernels_and_levels_ask_for():
    counted = sum(weight.numel() for weight in TemporalConvolution(3, 8, 2, 2).parameters())
    first = (3 * 8 * 2 + 8) + (8 * 8 * 2 + 8) + (3 * 8 + 8)
    assert counted == first + 2 * (8 * 8 * 2 + 8)
