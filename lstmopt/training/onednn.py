"""A stacked LSTM's passes by oneDNN's kernels and Adam's update, called without autograd.

``nn.LSTM`` and ``torch.optim.Adam(fused=True)`` call the same operators on a CPU, so the answers
are the same; what is saved is the graph, its bookkeeping and Python around the kernels, half of a
small network's step, and the second that ``torch.optim`` needs to start. They are ATen's own
operators (``native_functions.yaml``), so a torch that declares them otherwise trains with autograd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from lstmopt.networks.parameter_groups import ParameterGroup
from lstmopt.training.candidate_options import StepOptions

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
    """Runs ``nn.LSTM`` s one after the other in training mode; the weights stay the modules' own.

    ``dropout`` is the share that is dropped between layers, also between those of two modules.
    """

    def __init__(self, *lstms: nn.LSTM, dropout: float | None = None) -> None:
        self._dropout = lstms[0].dropout if dropout is None else dropout
        # detached, or the operators would record a graph
        self._weights = [
            [getattr(lstm, f"{name}_l{layer}").detach() for name in _NAMES]
            for lstm in lstms
            for layer in range(lstm.num_layers)
        ]
        self._zeros: dict[int, Tensor] = {}
        self._passes: list[tuple[Tensor | None, ...]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs [steps, batch, features] to the last layer's outputs [steps, batch, hidden].

        Between layers outputs are dropped out as ``nn.LSTM`` does, from the same random numbers.
        """
        self._passes, states = [], inputs
        for number, weights in enumerate(self._weights):
            noise = None
            if number and self._dropout:
                kept = 1 - self._dropout
                noise = torch.empty_like(states).bernoulli_(kept).div_(kept)
                states = states * noise
            before, zeros = states, self._first_state(weights, inputs.shape[1])
            states, *after = torch.ops.aten.mkldnn_rnn_layer(
                *(before, *weights, zeros, zeros, False, []),
                *(_LSTM, zeros.shape[1], 1, True, False, False, True),
            )
            self._passes.append((noise, before, states, *after))
        return states

    def backward(self, gradient: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map the gradient of the last outputs [steps, batch, hidden] to that of the inputs.

        The second list holds the weights' gradients in the order of the modules' parameters.
        """
        found: list[Tensor] = []
        layers = zip(self._weights, self._passes, strict=True)
        for weights, (noise, before, *after, workspace) in reversed(list(layers)):
            zeros = self._first_state(weights, gradient.shape[1])
            gradient, *gradients = torch.ops.aten.mkldnn_rnn_layer_backward(
                *(before, *weights, zeros, zeros, *after, gradient, None, None),
                *(False, _LSTM, zeros.shape[1], 1, True, True, False, [], False, workspace),
            )
            found[:0] = gradients[: len(weights)]
            if noise is not None:
                gradient = gradient * noise
        return gradient, found

    def _first_state(self, weights: list[Tensor], windows: int) -> Tensor:
        hidden = weights[1].shape[1]
        if hidden not in self._zeros or len(self._zeros[hidden]) != windows:
            self._zeros[hidden] = torch.zeros(windows, hidden)
        return self._zeros[hidden]


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class DirectAdam:
    """Adam, or AdamW, one call a step and group of weights; defaults as torch's own.

    Gradients of a norm above ``clip_norm`` are scaled down to it.
    """

    def __init__(
        self, groups: Sequence[ParameterGroup], options: StepOptions, clip_norm: float
    ) -> None:
        kinds = {"Adam": torch._fused_adam_, "AdamW": torch._fused_adamw_}
        self._update, self._options = kinds[options.optimizer], options
        self._weights = [p.detach() for group in groups for p in group.parameters]
        self._means = [torch.zeros_like(weight) for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        self._step = torch.zeros(())
        ends = list(accumulate(len(group.parameters) for group in groups))
        self._groups = [
            (slice(first, end), group.rate, options.weight_decay if group.decays else 0.0)
            for first, end, group in zip([0, *ends], ends, groups, strict=False)
        ]
        self._clip_norm = clip_norm

    def __call__(self, gradients: list[Tensor]) -> None:
        """Make a step; ``gradients`` in the order of the groups' parameters may be changed."""
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        self._step += 1
        rate = self._options.rate(int(self._step))
        grad_scale = norm.div_(self._clip_norm).clamp_(min=1.0)
        for those, share, weight_decay in self._groups:
            self._update(
                self._weights[those],
                gradients[those],
                self._means[those],
                self._squares[those],
                [],
                [self._step] * (those.stop - those.start),
                grad_scale=grad_scale,
                lr=share * rate,
                weight_decay=weight_decay,
                **_ADAM_DEFAULTS,
            )

    def state_dict(self) -> dict[str, Any]:
        return {"step": self._step, "means": self._means, "squares": self._squares}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._step.copy_(state["step"])
        for name, own in (("means", self._means), ("squares", self._squares)):
            for tensor, saved in zip(own, state[name], strict=True):
                tensor.copy_(saved)


_ADAM_DEFAULTS: dict[str, Any] = {
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "amsgrad": False,
    "maximize": False,
}
