"""One forecast, by architecture: what the objective latency_ms measures."""

from __future__ import annotations

import pytest
import torch

from lstmopt.networks.lstm import LSTMForecaster


@pytest.mark.parametrize(("hidden_size", "num_layers"), [(16, 1), (64, 1), (64, 2), (256, 4)])
def bench_forecast(benchmark, hidden_size, num_layers):
    model = LSTMForecaster(hidden_size, num_layers, 8, 1, 0.0).eval()
    window = torch.zeros(1, 24, 8)
    with torch.inference_mode():
        benchmark(model, window)
