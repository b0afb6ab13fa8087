"""One optimiser step: forecast, squared error, gradient, clipping, update."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.lstm import LSTMEncoder
from lstmopt.search_space import Candidate
from lstmopt.training import onednn
from lstmopt.training.batches import Batch
from lstmopt.training.options import Precision


class Step(Protocol):
    """Trains a model on one batch."""

    def __call__(self, batch: Batch) -> Tensor:
        """Make one step on the mean squared error; return the sum of the squared errors, []."""

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer's state, which a checkpoint keeps beside the weights."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a state of the same kind of step."""


def make_step(
    model: ForecastNetwork,
    candidate: Candidate,
    clip_norm: float,
    precision: Precision = "float32",
    cuda_graph: bool = False,
) -> Step:
    """Choose the quickest way to train ``model`` where it is.

    The candidate names the optimizer, Adam or AdamW (Loshchilov and Hutter, 2019).
    """
    device = next(model.parameters()).device.type
    plain = (
        model.forecasts_every_row
        and isinstance(model.encoder, LSTMEncoder)
        and len(model.encoder.layers) == 1
    )
    if plain and device == "cpu" and precision == "float32" and onednn.is_available():
        return DirectStep(model, candidate, clip_norm)
    if device == "cuda" and cuda_graph:
        return GraphedStep(AutogradStep(model, candidate, clip_norm, precision, capturable=True))
    return AutogradStep(model, candidate, clip_norm, precision)


class AutogradStep:
    """The step as PyTorch's own guide writes it, on any device."""

    def __init__(
        self,
        model: ForecastNetwork,
        candidate: Candidate,
        clip_norm: float,
        precision: Precision = "float32",
        capturable: bool = False,
    ) -> None:
        kinds = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}
        self.optimizer = kinds[candidate["optimizer"]](
            model.parameters(),
            lr=float(candidate["learning_rate"]),
            weight_decay=float(candidate["weight_decay"]),
            fused=True,
            capturable=capturable,
        )
        self.model, self.clip_norm = model, clip_norm
        self._device, self._precision = next(model.parameters()).device.type, precision

    def __call__(self, batch: Batch) -> Tensor:
        with self._cast():
            forecasts = self.model(batch.inputs.transpose(0, 1), len(batch.targets))
        error = squared_error(forecasts.float().transpose(0, 1), batch.targets, batch.mask)
        loss = error / batch.observed
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        return error.detach()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.optimizer.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.optimizer.load_state_dict(dict(state))

    def _cast(self) -> contextlib.AbstractContextManager[Any]:
        if self._precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device, getattr(torch, self._precision))


class DirectStep:
    """The same step on a CPU in as few calls as it takes; see ``onednn``.

    The head and the loss are differentiated by hand, and clipping is a factor of the update
    (``grad_scale``), not a pass over the gradients.
    """

    def __init__(self, model: ForecastNetwork, candidate: Candidate, clip_norm: float) -> None:
        self._lstm = onednn.DirectLSTM(model.encoder.layers[0])
        self._weight, self._bias = model.head.weight.detach(), model.head.bias.detach()
        self._update = onednn.DirectAdam(
            model.parameters(),
            float(candidate["learning_rate"]),
            float(candidate["weight_decay"]),
            candidate["optimizer"] == "AdamW",
            clip_norm,
        )
        self.state_dict = self._update.state_dict
        self.load_state_dict = self._update.load_state_dict
        self._gradient = torch.empty(0)

    def __call__(self, batch: Batch) -> Tensor:
        states = self._lstm.forward(batch.inputs)  # [steps, windows, hidden]
        last = states[-len(batch.targets) :].flatten(0, 1)  # [forecasts * windows, hidden]
        error = torch.addmm(self._bias, last, self._weight.t())
        error.sub_(batch.targets.view(error.shape))
        if batch.mask is not None:
            error.mul_(batch.mask.view(error.shape))
        flat = error.view(-1)
        squares = torch.dot(flat, flat)
        error.mul_(2 / batch.observed)
        if self._gradient.shape != states.shape:
            self._gradient = torch.zeros_like(states)
        wanted = self._gradient[-len(batch.targets) :]
        torch.mm(error, self._weight, out=wanted.view(-1, wanted.shape[-1]))
        gradients = self._lstm.backward(self._gradient)
        self._update([*gradients, error.t() @ last, error.sum(0)])
        return squares


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
                self._error = self._step(self._batch)
        assert self._batch is not None
        assert self._error is not None
        for kept, new in zip(_parts(self._batch), _parts(batch), strict=True):
            if isinstance(kept, Tensor):
                kept.copy_(new)
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
