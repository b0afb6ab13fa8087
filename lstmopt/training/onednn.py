"""A stacked LSTM's passes by oneDNN's kernels and Adam's update, called without autograd.

``nn.LSTM`` and ``torch.optim.Adam(fused=True)`` call the same operators on a CPU, so the answers
are the same; what is saved is the graph, its bookkeeping and Python around the kernels, half of a
small network's step, and the second that ``torch.optim`` needs to start. They are ATen's own
operators (``native_functions.yaml``), so a torch that declares them otherwise trains with autograd.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

_ADAM = (
    "(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, "
    "Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, "
    "float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, "
    "Tensor? found_inf=None) -> ()"
)
_OPERATORS = {
    "mkldnn_rnn_layer": "(Tensor input, Tensor weight0, Tensor weight1, Tensor weight2, "
    "Tensor weight3, Tensor hx_, Tensor cx_, bool reverse, int[] batch_sizes, int mode, "
    "int hidden_size, int num_layers, bool has_biases, bool bidirectional, bool batch_first, "
    "bool train) -> (Tensor, Tensor, Tensor, Tensor)",
    "mkldnn_rnn_layer_backward": "(Tensor input, Tensor weight1, Tensor weight2, Tensor weight3, "
    "Tensor weight4, Tensor hx_, Tensor cx_tmp, Tensor output, Tensor hy_, Tensor cy_, "
    "Tensor? grad_output, Tensor? grad_hy, Tensor? grad_cy, bool reverse, int mode, "
    "int hidden_size, int num_layers, bool has_biases, bool train, bool bidirectional, "
    "int[] batch_sizes, bool batch_first, Tensor workspace) -> (Tensor, Tensor, Tensor, Tensor, "
    "Tensor, Tensor, Tensor)",
    "_fused_adam_": _ADAM,
    "_fused_adamw_": _ADAM,
}
_LSTM = 2
"""ATen's number for the kind of network."""


@cache
def is_available() -> bool:
    """Say whether this torch has oneDNN and the operators as they are called here."""
    return torch._C._has_mkldnn and all(
        hasattr(torch.ops.aten, name)
        and str(getattr(torch.ops.aten, name).default._schema) == f"aten::{name}{arguments}"
        for name, arguments in _OPERATORS.items()
    )


class DirectLSTM:
    """Runs an ``nn.LSTM`` in training mode; the weights stay the module's own."""

    def __init__(self, lstm: nn.LSTM) -> None:
        self._hidden, self._dropout = lstm.hidden_size, lstm.dropout
        # detached, or the operators would record a graph
        self._weights = [
            [getattr(lstm, f"{name}_l{layer}").detach() for name in _NAMES]
            for layer in range(lstm.num_layers)
        ]
        self._zeros = torch.empty(0)
        self._passes: list[tuple[Tensor | None, ...]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs [steps, batch, features] to the last layer's outputs [steps, batch, hidden].

        Between layers outputs are dropped out as ``nn.LSTM`` does, from the same random numbers.
        """
        if len(self._zeros) != inputs.shape[1]:
            self._zeros = torch.zeros(inputs.shape[1], self._hidden)
        self._passes, states = [], inputs
        for number, weights in enumerate(self._weights):
            noise = None
            if number and self._dropout:
                kept = 1 - self._dropout
                noise = torch.empty_like(states).bernoulli_(kept).div_(kept)
                states = states * noise
            before = states
            states, *after = torch.ops.aten.mkldnn_rnn_layer(
                *(before, *weights, self._zeros, self._zeros, False, []),
                *(_LSTM, self._hidden, 1, True, False, False, True),
            )
            self._passes.append((noise, before, states, *after))
        return states

    def backward(self, gradient: Tensor) -> list[Tensor]:
        """Map the gradient of the last outputs [steps, batch, hidden] to the weights' gradients.

        They come in the order of the module's parameters.
        """
        found: list[Tensor] = []
        layers = zip(self._weights, self._passes, strict=True)
        for weights, (noise, before, *after, workspace) in reversed(list(layers)):
            gradient, *gradients = torch.ops.aten.mkldnn_rnn_layer_backward(
                *(before, *weights, self._zeros, self._zeros, *after, gradient, None, None),
                *(False, _LSTM, self._hidden, 1, True, True, False, [], False, workspace),
            )
            found[:0] = gradients[: len(weights)]
            if noise is not None:
                gradient = gradient * noise
        return found


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class DirectAdam:
    """Adam, or AdamW where the decay is ``decoupled``, one call a step; defaults as torch's own.

    Gradients of a norm above ``clip_norm`` are scaled down to it.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        decoupled: bool,
        clip_norm: float,
    ) -> None:
        self._update = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self._weights = [parameter.detach() for parameter in parameters]
        self._means = [torch.zeros_like(weight) for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        self._step = torch.zeros(())
        self._options: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay, **_ADAM_DEFAULTS}
        self._clip_norm = clip_norm

    def __call__(self, gradients: list[Tensor]) -> None:
        """Make a step; ``gradients`` in the order of the parameters may be changed."""
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        self._step += 1
        self._update(
            self._weights,
            gradients,
            self._means,
            self._squares,
            [],
            [self._step] * len(gradients),
            grad_scale=norm.div_(self._clip_norm).clamp_(min=1.0),
            **self._options,
        )

    def state_dict(self) -> dict[str, Any]:
        return {"step": self._step, "means": self._means, "squares": self._squares}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._step.copy_(state["step"])
        for name, own in (("means", self._means), ("squares", self._squares)):
            for tensor, saved in zip(own, state[name], strict=True):
                tensor.copy_(saved)


_ADAM_DEFAULTS = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False, "maximize": False}
