"""One optimiser step: forecast, loss, gradient, clipping, update."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.parameter_groups import ParameterGroup, parameter_groups
from lstmopt.networks.quantile_head import QuantileHead
from lstmopt.search_space import Candidate
from lstmopt.training import onednn
from lstmopt.training.batches import Batch
from lstmopt.training.candidate_options import StepOptions
from lstmopt.training.direct_step import direct_step
from lstmopt.training.options import Precision


class Step(Protocol):
    """Trains a model on one batch."""

    def __call__(self, batch: Batch) -> Tensor:
        """Make one step on the mean loss; return the sum of the squared errors, []."""

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer's state, which a checkpoint keeps beside the weights."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a state of the same kind of step."""


def make_step(
    model: nn.Module,
    candidate: Candidate,
    clip_norm: float,
    precision: Precision = "float32",
    cuda_graph: bool = False,
) -> Step:
    """Choose the quickest way to train ``model`` where it is.

    The candidate says how, see `candidate_options.StepOptions`.
    """
    device = next(model.parameters()).device.type
    if device == "cpu" and precision == "float32" and onednn.is_available():
        direct = direct_step(model, StepOptions.of(candidate), clip_norm)
        if direct is not None:
            return direct
    if device == "cuda" and cuda_graph:
        return GraphedStep(AutogradStep(model, candidate, clip_norm, precision, capturable=True))
    return AutogradStep(model, candidate, clip_norm, precision)


class AutogradStep:
    """The step as PyTorch's own guide writes it, on any device."""

    def __init__(
        self,
        model: nn.Module,
        candidate: Candidate,
        clip_norm: float,
        precision: Precision = "float32",
        capturable: bool = False,
    ) -> None:
        kinds = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}
        self._options = options = StepOptions.of(candidate)
        self._device, self._precision = next(model.parameters()).device.type, precision
        self._groups, self._steps = parameter_groups(model), 0
        # a recorded step reads a rate that changes from a tensor
        self._recorded = capturable and options.schedule != "constant"
        self.optimizer = kinds[options.optimizer](
            [self._settings(group) for group in self._groups], fused=True, capturable=capturable
        )
        self.model, self.clip_norm = model, clip_norm
        self._quantiles: tuple[ForecastNetwork, QuantileHead] | None = None
        if isinstance(model, ForecastNetwork) and model.quantile_head is not None:
            self._quantiles = model, model.quantile_head

    def __call__(self, batch: Batch) -> Tensor:
        self.set_rate()
        return self.run(batch)

    def set_rate(self) -> None:
        """Set the learning rates of the next step."""
        if self._options.schedule == "constant":
            return
        self._steps += 1
        rate = self._options.rate(self._steps)
        for settings, group in zip(self.optimizer.param_groups, self._groups, strict=True):
            if isinstance(settings["lr"], Tensor):
                settings["lr"].fill_(group.rate * rate)
            else:
                settings["lr"] = group.rate * rate

    def run(self, batch: Batch) -> Tensor:
        """Make the step itself, which is the same at every call."""
        inputs, last = batch.inputs.transpose(0, 1), len(batch.targets)
        if self._quantiles is None:
            with self._cast():
                forecasts = self.model(inputs, last)
            forecasts = forecasts.float().transpose(0, 1)
            squares = squared_error(forecasts, batch.targets, batch.mask)
            error = squares
            if self._options.loss != "squared":
                error = total_loss(self._options.loss, forecasts, batch.targets, batch.mask)
        else:
            network, head = self._quantiles
            with self._cast():
                quantiles = network.forecast_quantiles(inputs, last)
            quantiles = quantiles.float().transpose(0, 1)
            squares = squared_error(quantiles[..., head.median], batch.targets, batch.mask)
            error = pinball_loss(quantiles, head.probabilities, batch.targets, batch.mask)
        loss = error / batch.observed
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        return squares.detach()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.optimizer.state_dict()
        return state if self._options.schedule == "constant" else state | {"steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._steps = int(state.get("steps", 0))
        own = {name: value for name, value in state.items() if name != "steps"}
        self.optimizer.load_state_dict(own)

    def _settings(self, group: ParameterGroup) -> dict[str, Any]:
        rate: float | Tensor = group.rate * self._options.learning_rate
        return {
            "params": list(group.parameters),
            "lr": torch.tensor(rate, device=self._device) if self._recorded else rate,
            "weight_decay": self._options.weight_decay if group.decays else 0.0,
        }

    def _cast(self) -> contextlib.AbstractContextManager[Any]:
        if self._precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device, getattr(torch, self._precision))


class GraphedStep:
    """Records a CUDA step once and plays it back: many small kernels become one launch.

    The first steps run as they are, and batches of another size always do. The step's optimizer
    must be ``capturable``. Source: the PyTorch documentation on CUDA graphs.
    """

    def __init__(self, step: AutogradStep) -> None:
        self._step, self._steps = step, 0
        self.state_dict, self.load_state_dict = step.state_dict, step.load_state_dict
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._batch: Batch | None = None
        self._error: Tensor | None = None

    def __call__(self, batch: Batch) -> Tensor:
        if self._batch is not None and batch.inputs.shape != self._batch.inputs.shape:
            return self._step(batch)
        if self._steps < _BEFORE_GRAPH:
            self._steps += 1
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                error = self._step(batch)
            torch.cuda.current_stream().wait_stream(self._stream)
            return error
        if self._graph is None:
            self._batch = Batch(*(_copied(value) for value in _parts(batch)))
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._error = self._step.run(self._batch)
        assert self._batch is not None
        assert self._error is not None
        for kept, new in zip(_parts(self._batch), _parts(batch), strict=True):
            if isinstance(kept, Tensor):
                kept.copy_(new)
        self._step.set_rate()
        self._graph.replay()
        return self._error.clone()


_BEFORE_GRAPH = 3


def _parts(batch: Batch) -> Iterator[Any]:
    yield from (batch.inputs, batch.targets, batch.mask, batch.observed)


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def squared_error(forecasts: Tensor, targets: Tensor, mask: Tensor | None) -> Tensor:
    """Sum the squared errors of observed targets; all of one shape, never broadcast.

    Without a mask every target was observed.
    """
    if not forecasts.shape == targets.shape == (targets if mask is None else mask).shape:
        raise ValueError(
            f"forecasts, targets and mask must have one shape, not {tuple(forecasts.shape)}, "
            f"{tuple(targets.shape)} and {tuple((targets if mask is None else mask).shape)}"
        )
    squares = (forecasts - targets) ** 2
    return squares.sum() if mask is None else (mask * squares).sum()


def total_loss(name: str, forecasts: Tensor, targets: Tensor, mask: Tensor | None) -> Tensor:
    """Sum a loss of observed targets, ``absolute`` or ``huber``; all of one shape."""
    function = nn.functional.l1_loss if name == "absolute" else nn.functional.huber_loss
    each = function(forecasts, targets, reduction="none")
    return each.sum() if mask is None else (mask * each).sum()


def pinball_loss(
    quantiles: Tensor, probabilities: Tensor, targets: Tensor, mask: Tensor | None
) -> Tensor:
    """Sum twice the mean pinball loss of quantiles over observed targets.

    Of the median alone that is the absolute error.

    Args:
        quantiles: Forecasts [..., quantiles].
        probabilities: What they are quantiles of [quantiles].
        targets: What came [...].
        mask: Which of it was observed, None for all.
    """
    apart = targets.unsqueeze(-1) - quantiles
    each = torch.maximum(probabilities * apart, (probabilities - 1) * apart).mean(-1) * 2
    return each.sum() if mask is None else (mask * each).sum()
