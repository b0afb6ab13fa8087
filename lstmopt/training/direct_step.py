"""The optimiser step on a CPU in as few calls as it takes; see ``onednn``.

What lies around the recurrent layers is differentiated by hand, and clipping is a factor of the
update (``grad_scale``), not a pass over the gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.head import Head
from lstmopt.networks.lstm import LSTMEncoder, LSTMForecaster
from lstmopt.networks.normalisation import LastValue, LastValueDeviation, Normalisation
from lstmopt.networks.parameter_groups import parameter_groups
from lstmopt.networks.quantile_head import QuantileHead
from lstmopt.networks.recurrent import RecurrentStack
from lstmopt.networks.segment import SegmentEncoder
from lstmopt.training import onednn
from lstmopt.training.batches import Batch
from lstmopt.training.candidate_options import StepOptions

_NORMALISATIONS = (type(None), Normalisation, LastValue, LastValueDeviation)
"""Those without weights."""


class _Passes(Protocol):
    """An encoder's passes, steps first."""

    def forward(self, rows: Tensor, target: Tensor | None) -> Tensor:
        """Map rows [steps, windows, features] to states [states, windows, size].

        The first column is read from ``target`` [windows, steps] where there is one.
        """

    def backward(self, gradient: Tensor) -> list[Tensor]:
        """Map the states' gradient to those of the weights, in the order of the parameters."""


class DirectStep:
    """The step of ``train_step.AutogradStep`` without autograd."""

    def __init__(
        self, model: LSTMForecaster | ForecastNetwork, options: StepOptions, clip_norm: float
    ) -> None:
        self._network = model if isinstance(model, ForecastNetwork) else None
        self._encoder = _passes(model)
        assert model.head is not None
        self._head = _HeadPasses(model.head)
        head = None if self._network is None else self._network.quantile_head
        self._quantiles = None if head is None else _QuantilePasses(head)
        skip = None if self._network is None else self._network.skip
        self._skip = None if skip is None else (skip.weight.detach(), skip.bias.detach())
        self._update = onednn.DirectAdam(parameter_groups(model), options, clip_norm)
        self._gradient = torch.empty(0)

    def state_dict(self) -> dict[str, Any]:
        return self._update.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._update.load_state_dict(state)

    def __call__(self, batch: Batch) -> Tensor:
        if self._network is None or self._network.normalisation is None:
            return self._plain(batch)
        return self._composed(self._network, batch)

    def _plain(self, batch: Batch) -> Tensor:
        inputs = batch.inputs
        if self._network is not None:
            rows = self._network.window + len(batch.targets) - 1
            inputs = self._network.for_encoder(inputs[-rows:])
        states = self._encoder.forward(inputs, None)
        last = states[-len(batch.targets) :].flatten(0, 1)  # [forecasts * windows, size]
        squares, error = self._loss(self._head.forward(last), None, batch)
        wanted = self._zeros_like(states)[-len(batch.targets) :]
        of_head = self._backward(error, wanted.view(-1, wanted.shape[-1]))
        self._update([*self._encoder.backward(self._gradient), *of_head])
        return squares

    def _composed(self, network: ForecastNetwork, batch: Batch) -> Tensor:
        rows = batch.inputs[-network.window :]
        seen = network.prepare(rows.transpose(0, 1))
        states = self._encoder.forward(network.for_encoder(rows), seen.target)
        last = states[-1]
        if seen.beside is not None:
            last = torch.cat([last, seen.beside], 1)
        error = self._head.forward(last).mul_(seen.unit).add_(seen.level)
        if self._skip is not None and seen.linear is not None:
            weight, bias = self._skip
            error.addmm_(seen.linear, weight.t()).add_(bias)
        squares, error = self._loss(error, seen.unit, batch)
        of_head = self._backward(error * seen.unit, self._zeros_like(states)[-1])
        gradients = [*self._encoder.backward(self._gradient), *of_head]
        if seen.linear is not None:
            gradients += [error.t() @ seen.linear, error.sum(0)]
        self._update(gradients)
        return squares

    def _loss(self, forecasts: Tensor, unit: Tensor | None, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the sum of the squared errors, and the loss's gradient by the forecasts.

        They are overwritten.
        """
        targets = batch.targets.view(forecasts.shape)
        if self._quantiles is not None:
            return self._quantiles.loss(self._head.seen, forecasts, unit, targets, batch)
        return _to_gradient(forecasts.sub_(targets), batch), forecasts

    def _backward(self, of_map: Tensor, of_state: Tensor) -> list[Tensor]:
        """Return the gradients of both heads, in the order of the parameters."""
        if self._quantiles is None:
            return self._head.backward(of_map, of_state)
        more = self._quantiles.gradients()
        return [*self._head.backward(of_map, of_state, self._quantiles.of_seen), *more]

    def _zeros_like(self, states: Tensor) -> Tensor:
        """Return the gradient of states, of which only the last ones are ever written to."""
        if self._gradient.shape != states.shape:
            self._gradient = torch.zeros_like(states)
        return self._gradient


def direct_step(model: nn.Module, options: StepOptions, clip_norm: float) -> DirectStep | None:
    """Return the step of a network, None where its parts or its loss are not differentiated here.

    The network lies on a CPU, and `onednn.is_available`.
    """
    if options.loss != "squared":
        return None
    if isinstance(model, LSTMForecaster):
        return DirectStep(model, options, clip_norm)
    if not isinstance(model, ForecastNetwork) or type(model.normalisation) not in _NORMALISATIONS:
        return None
    if type(model.encoder) is LSTMEncoder or (
        type(model.encoder) is SegmentEncoder and model.encoder.rnn.cell == "lstm"
    ):
        return DirectStep(model, options, clip_norm)
    return None


def _to_gradient(error: Tensor, batch: Batch) -> Tensor:
    """Turn errors of forecasts into the loss's gradient; return the sum of their squares."""
    if batch.mask is not None:
        error.mul_(batch.mask.view(error.shape))
    flat = error.view(-1)
    squares = torch.dot(flat, flat)
    error.mul_(2 / batch.observed)
    return squares


def _passes(model: LSTMForecaster | ForecastNetwork) -> _Passes:
    if isinstance(model, LSTMForecaster):
        return _RowPasses(onednn.DirectLSTM(model.lstm))
    if isinstance(model.encoder, SegmentEncoder):
        return _SegmentPasses(model.encoder)
    assert isinstance(model.encoder, LSTMEncoder)
    return _RowPasses(_direct(model.encoder))


def _direct(stack: RecurrentStack) -> onednn.DirectLSTM:
    lstms = [layer for layer in stack.layers if isinstance(layer, nn.LSTM)]
    return onednn.DirectLSTM(*lstms, dropout=stack.dropout)


class _HeadPasses:
    """The passes of a head."""

    def __init__(self, head: Head) -> None:
        self._weight, self._bias = head.weight.detach(), head.bias.detach()
        hidden = head.hidden
        self._hidden = None if hidden is None else (hidden.weight.detach(), hidden.bias.detach())
        self._state = self._bent = self._seen = torch.empty(0)

    def forward(self, state: Tensor) -> Tensor:
        """Map states [windows, size] to forecasts [windows, horizon]."""
        self._state = self._seen = state
        if self._hidden is not None:
            weight, bias = self._hidden
            self._bent = torch.addmm(bias, state, weight.t()).relu_()
            self._seen = torch.cat([state, self._bent], 1)
        return torch.addmm(self._bias, self._seen, self._weight.t())

    @property
    def seen(self) -> Tensor:
        """What the linear map saw [windows, features]."""
        return self._seen

    def backward(
        self, gradient: Tensor, of_state: Tensor, more: Tensor | None = None
    ) -> list[Tensor]:
        """Map the forecasts' gradient to those of the weights, in the order of the parameters.

        That of the state's first columns is written into ``of_state`` [windows, columns]. ``more``
        is the gradient by what the map saw that comes from elsewhere [windows, features].
        """
        columns = of_state.shape[1]
        torch.mm(gradient, self._weight[:, :columns], out=of_state)
        if more is not None:
            of_state.add_(more[:, :columns])
        found = [gradient.t() @ self._seen, gradient.sum(0)]
        if self._hidden is not None:
            weight, _ = self._hidden
            of_bent = gradient @ self._weight[:, weight.shape[1] :]
            if more is not None:
                of_bent.add_(more[:, weight.shape[1] :])
            of_bent = torch.ops.aten.threshold_backward(of_bent, self._bent, 0)
            of_state.addmm_(of_bent, weight[:, :columns])
            found += [of_bent.t() @ self._state, of_bent.sum(0)]
        return found


class _QuantilePasses:
    """The passes of a quantile head with its loss (see `quantile_head`, `train_step.pinball_loss`).

    Attributes:
        of_seen: The gradient by what the head saw [windows, features].
    """

    def __init__(self, head: QuantileHead) -> None:
        self._head = head
        self._weight, self._bias = head.weight.detach(), head.bias.detach()
        self._seen = self._of_mapped = self.of_seen = torch.empty(0)

    def loss(
        self, seen: Tensor, median: Tensor, unit: Tensor | None, targets: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the squared errors of the median, and the loss's gradient by it.

        Args:
            seen: What the head sees [windows, features].
            median: The forecasts [windows, horizon].
            unit: What distances are multiplied by, None for 1.
            targets: What came [windows, horizon].
            batch: Whose mask and count they are.
        """
        head = self._head
        middle, count = head.median, len(head.quantiles)
        mapped = torch.addmm(self._bias, seen, self._weight.t())
        gaps = nn.functional.softplus(mapped)
        if unit is not None:
            gaps.mul_(unit.abs())
        gaps = gaps.view(*median.shape, count - 1)
        error = median - targets
        apart = error.unsqueeze(-1).expand(*median.shape, count).clone()
        apart[..., :middle] -= gaps[..., :middle].flip(-1).cumsum(-1).flip(-1)
        apart[..., middle + 1 :] += gaps[..., middle:].cumsum(-1)
        of_quantiles = (apart > 0).to(apart.dtype) - head.probabilities
        scale = 2 / (count * batch.observed)
        if batch.mask is None:
            of_quantiles *= scale
            squares = torch.dot(error.view(-1), error.view(-1))
        else:
            mask = batch.mask.view(error.shape)
            of_quantiles *= (mask * scale).unsqueeze(-1)
            squares = (mask * error * error).sum()
        below = of_quantiles[..., :middle].cumsum(-1).neg_()
        above = of_quantiles[..., middle + 1 :].flip(-1).cumsum(-1).flip(-1)
        of_mapped = torch.cat([below, above], -1).view(mapped.shape) * torch.sigmoid(mapped)
        if unit is not None:
            of_mapped.mul_(unit.abs())
        self._seen, self._of_mapped = seen, of_mapped
        self.of_seen = of_mapped @ self._weight
        return squares, of_quantiles.sum(-1)

    def gradients(self) -> list[Tensor]:
        """Return those of the weights, in the order of the parameters."""
        return [self._of_mapped.t() @ self._seen, self._of_mapped.sum(0)]


class _RowPasses:
    """The passes of an LSTM that reads every row."""

    def __init__(self, lstm: onednn.DirectLSTM) -> None:
        self._lstm = lstm

    def forward(self, rows: Tensor, target: Tensor | None) -> Tensor:
        if target is None:
            return self._lstm.forward(rows.contiguous())
        rows = rows.clone(memory_format=torch.contiguous_format)
        rows[:, :, 0] = target.t()
        return self._lstm.forward(rows)

    def backward(self, gradient: Tensor) -> list[Tensor]:
        return self._lstm.backward(gradient)[1]


class _SegmentPasses:
    """The passes of an LSTM that reads segments."""

    def __init__(self, encoder: SegmentEncoder) -> None:
        self._lstm = _direct(encoder.rnn)
        self._segments, self._segment = encoder.segments, encoder.segment
        self._weight = encoder.projection.weight.detach()
        self._bias = encoder.projection.bias.detach()
        self._cut = self._projected = torch.empty(0)

    def forward(self, rows: Tensor, target: Tensor | None) -> Tensor:
        segments, segment, windows = self._segments, self._segment, rows.shape[1]
        cut = rows[-segments * segment :].view(segments, segment, windows, -1).transpose(1, 2)
        cut = cut.clone(memory_format=torch.contiguous_format)
        if target is not None:
            steps = target[:, -segments * segment :].view(windows, segments, segment)
            cut[:, :, :, 0] = steps.transpose(0, 1)
        self._cut = cut.view(segments * windows, -1)
        self._projected = torch.addmm(self._bias, self._cut, self._weight.t()).relu_()
        return self._lstm.forward(self._projected.view(segments, windows, -1))

    def backward(self, gradient: Tensor) -> list[Tensor]:
        of_steps, gradients = self._lstm.backward(gradient)
        of_projected = of_steps.view(self._projected.shape)
        of_projected = torch.ops.aten.threshold_backward(of_projected, self._projected, 0)
        return [of_projected.t() @ self._cut, of_projected.sum(0), *gradients]
