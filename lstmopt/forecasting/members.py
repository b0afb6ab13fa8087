"""What a model's forecast is the mean of: networks, and baselines that were saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmopt.data.input_columns import Columns
from lstmopt.data.windows import Part, Shape
from lstmopt.forecasting.baseline_state import BaselineState
from lstmopt.forecasting.judging import Forecast
from lstmopt.forecasting.levels import Scale
from lstmopt.forecasting.model_history import NetworkTraining
from lstmopt.forecasting.packing import packed, unpacked
from lstmopt.forecasting.saved_baselines import refit_baseline, restore_baseline
from lstmopt.networks.families import installed_families
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.head_posterior import HeadPosterior
from lstmopt.networks.lstm import classic_names, composed_names
from lstmopt.networks.spread_head import SpreadHead
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.search_space import NETWORK, Architecture
from lstmopt.training.batches import DevicePart
from lstmopt.training.metrics import Quantiles
from lstmopt.training.scores import predict, predict_quantiles
from lstmopt.training.trainer import one_thread
from lstmopt.training.uncertainty import (
    dropout_deviations,
    head_deviations,
    posterior_of,
    spread_of,
)

Tensors = dict[str, Tensor]
Floats = NDArray[np.float64]

_DROPOUT_SEED = 0
"""Of what is dropped when forecasts are made, so that the same table has the same intervals."""


def both_sides(deviations: Floats) -> Floats:
    """Return what lies as far below as above [2, windows, horizon]."""
    return np.stack([deviations, deviations])


@dataclass(frozen=True)
class NetworkMember:
    """A network.

    Attributes:
        weights: Its state dict.
        architecture: The hyperparameters that decide what a forecast costs.
        training: How it was trained; None for a model that does not say.
        known: What says how far off it may be: the posterior of its head, or a head that gives the
            spread; None where nobody asked for it, or it has no head.
    """

    weights: Tensors
    architecture: Architecture
    training: NetworkTraining | None = None
    known: HeadPosterior | SpreadHead | None = None

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(weight.numel() for weight in self.weights.values())

    @property
    def megabytes(self) -> float:
        """What they take (10^6 bytes)."""
        return sum(weight.nbytes for weight in self.weights.values()) / 1e6

    def rows(self, shape: Shape) -> int:
        """Return how many rows up to an origin it looks at."""
        return int(self.architecture["window"]) or shape.window

    def network(self, columns: Columns, dropout: float = 0.0) -> ForecastNetwork:
        """Build the network.

        Args:
            columns: Those of its input.
            dropout: The share of units that are dropped in training mode.

        Returns:
            It, with its weights, in eval mode.
        """
        dropped = {"dropout": dropout} if dropout else {}
        model = installed_families().build(self.architecture.params | dropped, columns)
        model.load_state_dict(self.weights)
        return model.eval()

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon] of the scaled target at ``part.origins()``."""
        model, origins = self._of(part), torch.from_numpy(part.origins())
        with one_thread():
            found: NDArray[np.float32] = predict(model, DevicePart(part, "cpu"), origins).numpy()
        return found

    def quantiles(self, part: Part) -> Quantiles | None:
        """Forecast quantiles of the scaled target at ``part.origins()``; None without a head."""
        model, origins = self._of(part), torch.from_numpy(part.origins())
        if model.quantile_head is None:
            return None
        with one_thread():
            found = predict_quantiles(model, DevicePart(part, "cpu"), origins)
        return Quantiles(model.quantile_head.quantiles, found.numpy())

    def variances(self, part: Part, scale: Scale) -> Floats:
        """Return the variances of the scaled target by the network itself.

        By its quantiles, by what is known of its head, or by dropout.

        Returns:
            Those of what lies below a forecast and above it [2, windows, horizon]; 0 where nothing
            is known.
        """
        quantiles = self.quantiles(part) if scale == "quantile" else None
        if quantiles is not None:
            return quantiles.spreads() ** 2
        return both_sides(self._variances(part, scale))

    def _variances(self, part: Part, scale: Scale) -> Floats:
        with one_thread():
            if scale in ("bayesian", "quantile") and self.known is not None:
                return head_deviations(self._of(part), self.known, part) ** 2
            if scale == "dropout" and self.training is not None:
                model = self.network(part.columns, float(self.training.params.get("dropout", 0.0)))
                return dropout_deviations(model, part, _DROPOUT_SEED) ** 2
        return np.zeros((len(part.origins()), part.shape.horizon))

    def knowing(self, scale: Scale, train: Part) -> NetworkMember:
        """Return the same network with what its scale needs to know of training windows."""
        model = self._of(train)
        with one_thread():
            if scale == "bayesian":
                return replace(self, known=posterior_of(model, train))
            wanted = scale == "quantile" and model.quantile_head is None
            return replace(self, known=spread_of(model, train) if wanted else None)

    def knowing_again(self, train: Part) -> NetworkMember:
        """Return a network whose weights have changed with what it knew, of other windows."""
        if self.known is None:
            return self
        scale: Scale = "bayesian" if isinstance(self.known, HeadPosterior) else "quantile"
        return self.knowing(scale, train)

    def on_windows(self, inputs: Tensor, columns: Columns) -> NDArray[np.float32]:
        """Forecast [windows, horizon] from windows of scaled inputs [windows, window, features]."""
        with torch.inference_mode():
            found: NDArray[np.float32]
            found = self.network(columns)(inputs)[:, -1].numpy()
        return found

    def timed(self, part: Part, device: str) -> Callable[[], object]:
        """Return what forecasts on ``device`` from the last window of a part."""
        model = self._of(part).to(device)
        windows = part.gather_inputs(part.origins()[-1:])[:, -model.window :]
        inputs = torch.from_numpy(np.ascontiguousarray(windows)).to(device)
        return lambda: model(inputs)

    def _of(self, part: Part) -> ForecastNetwork:
        return self.network(part.columns)

    def tensors(self) -> Tensors:
        """Return the weights, those of an LSTM under the names that they always had."""
        lstm = self.architecture[NETWORK] == "lstm"
        return classic_names(self.weights) if lstm else self.weights

    def description(self) -> dict[str, Any]:
        """Return the architecture, and how it was trained."""
        return {
            "kind": "network",
            "architecture": self.architecture.params,
            "training": msgspec.to_builtins(self.training),
            "known": None if self.known is None else self._described(),
        }

    def _described(self) -> dict[str, Any]:
        assert self.known is not None
        return {"of": type(self.known).__name__, "arrays": packed(self.known.arrays())}

    @classmethod
    def restore(cls, tensors: Tensors, content: Mapping[str, Any]) -> NetworkMember:
        """Return the network of a description."""
        training = msgspec.convert(content.get("training"), NetworkTraining | None)
        architecture = Architecture.of(content["architecture"])
        known: HeadPosterior | SpreadHead | None = None
        if held := content.get("known"):
            arrays = unpacked(held["arrays"])
            of_spread = held["of"] == SpreadHead.__name__
            known = SpreadHead(**arrays) if of_spread else HeadPosterior(**arrays)
        return cls(composed_names(tensors), architecture, training, known)


@dataclass(frozen=True)
class BaselineMember:
    """A baseline that was saved.

    Attributes:
        text: What it is made from, ``NAME`` or ``NAME:KEY=VALUE,…``.
        state: What it learned.
        registry: Where its name is looked up.
    """

    text: str
    state: BaselineState
    registry: Registry

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return self.state.parameters

    @property
    def megabytes(self) -> float:
        """What they take (10^6 bytes)."""
        return self.state.megabytes

    def rows(self, shape: Shape) -> int:
        """Return how many rows up to an origin it looks at."""
        return self.state.rows

    @cached_property
    def forecast(self) -> Forecast:
        """The forecast. Raises LstmoptError where its plug-in is not there."""
        return restore_baseline(self.registry, self.text, self.state)

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon] of the scaled target at ``part.origins()``."""
        return self.forecast(part)

    def quantiles(self, part: Part) -> None:
        """Return nothing: a baseline forecasts no quantiles."""

    def variances(self, part: Part, scale: Scale) -> Floats:
        """Return variances [2, windows, horizon] of 0: a baseline is not asked how sure it is."""
        return np.zeros((2, len(part.origins()), part.shape.horizon))

    def knowing(self, scale: Scale, train: Part) -> BaselineMember:
        """Return the baseline, which has no head."""
        return self

    def timed(self, part: Part, device: str) -> Callable[[], object]:
        """Return what forecasts from the last origin of a part; a baseline has no device."""
        forecast, one = self.forecast, part.at(part.origins()[-1:])
        return lambda: forecast(one)

    def tensors(self) -> Tensors:
        """Return the arrays."""
        # weights may not share memory with what is read-only
        return {name: torch.from_numpy(np.array(a)) for name, a in self.state.arrays.items()}

    def refitted(self, train: Part) -> BaselineMember:
        """Return the same baseline fitted on other rows, with what validation chose."""
        return BaselineMember(
            self.text, refit_baseline(self.registry, self.text, self.state, train), self.registry
        )

    def description(self) -> dict[str, Any]:
        """Return which baseline it is, and what it chose."""
        return {
            "kind": "baseline",
            "baseline": self.text,
            "rows": self.state.rows,
            "settings": dict(self.state.settings),
        }

    @classmethod
    def restore(
        cls, tensors: Tensors, content: Mapping[str, Any], registry: Registry
    ) -> BaselineMember:
        """Return the baseline of a description."""
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        state = BaselineState(content["rows"], arrays, content["settings"])
        return cls(content["baseline"], state, registry)


Member = NetworkMember | BaselineMember
"""One forecast of a mean."""


@dataclass(frozen=True)
class Mean:
    """The mean of forecasts, each counted as often as is said.

    Attributes:
        members: At least one.
        counts: How often each counts [members].
    """

    members: tuple[Member, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, *members: Member) -> Mean:
        """Return the plain mean of some members."""
        return cls(members, (1,) * len(members))

    @property
    def networks(self) -> tuple[NetworkMember, ...]:
        """Those of its members that are networks."""
        return tuple(m for m in self.members if isinstance(m, NetworkMember))

    def check_baselines(self) -> None:
        """Restore its baselines. Raises LstmoptError where the plug-in of one is not there."""
        for member in self.members:
            if isinstance(member, BaselineMember):
                restore_baseline(member.registry, member.text, member.state)

    @property
    def parameters(self) -> int:
        """How many numbers its members hold."""
        return sum(member.parameters for member in self.members)

    @property
    def megabytes(self) -> float:
        """What they take (10^6 bytes)."""
        return sum(member.megabytes for member in self.members)

    def rows(self, shape: Shape) -> int:
        """Return how many rows up to an origin it looks at."""
        return max(member.rows(shape) for member in self.members)

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon] of the scaled target at ``part.origins()``."""
        return self.mean_of([member(part) for member in self.members])

    def mean_of(self, forecasts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the mean of its members' forecasts, each [windows, …], in their order."""
        if len(forecasts) == 1:
            return forecasts[0]
        stacked = np.stack(forecasts).astype(np.float64)
        return np.average(stacked, axis=0, weights=self.counts).astype(np.float32)

    def quantiles_of(self, each: Sequence[Quantiles | None]) -> Quantiles | None:
        """Return the means of its members' quantiles.

        Args:
            each: Those of its members, in their order.

        Returns:
            The means; None where a member has none, or others.

        References:
            Lichtendahl, Grushka-Cockayne and Winkler, Is it better to average probabilities or
            quantiles?, Management Science 59, 2013, https://doi.org/10.1287/mnsc.1120.1667
        """
        found = [quantiles for quantiles in each if quantiles is not None]
        shares = {quantiles.probabilities for quantiles in found}
        if len(found) < len(self.members) or len(shares) > 1:
            return None
        return Quantiles(shares.pop(), self.mean_of([quantiles.values for quantiles in found]))

    def deviations(self, part: Part, scale: Scale) -> Floats:
        """Return how far forecasts may be off, by what is deployed itself.

        Its members are a mixture: their variances, and how far apart their forecasts are.

        Args:
            part: Where it forecasts.
            scale: By what: how far apart the members are alone (``ensemble``), or what is known of
                their heads, or dropout, too. ``constant`` says nothing.

        Returns:
            Standard deviations of the scaled target below and above the forecast
            [2, windows, horizon]; all 0 where nothing is said.

        References:
            Lakshminarayanan, Pritzel and Blundell, Simple and scalable predictive uncertainty
            estimation using deep ensembles, NeurIPS 2017, https://arxiv.org/abs/1612.01474
        """
        if scale == "constant":
            return np.zeros((2, len(part.origins()), part.shape.horizon))
        weights = np.array(self.counts) / sum(self.counts)
        each = np.stack([member(part).astype(np.float64) for member in self.members])
        apart = each - np.tensordot(weights, each, 1)
        within = np.stack([member.variances(part, scale) for member in self.members])
        deviations: Floats = np.sqrt(np.tensordot(weights, within + apart[:, None] ** 2, 1))
        return deviations

    def knowing(self, scale: Scale, train: Part) -> Mean:
        """Return the same with what its scale needs to know of training windows."""
        return self.with_members([member.knowing(scale, train) for member in self.members])

    def with_members(self, members: Sequence[Member]) -> Mean:
        """Return the mean of others in their place."""
        return replace(self, members=tuple(members))

    def timed(self, part: Part, device: str) -> Callable[[], None]:
        """Return what makes the forecast at the last origin of a part, a member after the other."""
        calls = [member.timed(part, device) for member in self.members]

        def forecast() -> None:
            for call in calls:
                call()

        return forecast

    def tensors(self) -> Any:
        """Return what goes into the file of weights: of a single network its plain state dict."""
        each = [member.tensors() for member in self.members]
        return each[0] if self._is_network else each

    @property
    def _is_network(self) -> bool:
        return len(self.members) == 1 and isinstance(self.members[0], NetworkMember)

    def description(self) -> list[dict[str, Any]]:
        """Return what goes into the description, a member after the other."""
        each = zip(self.members, self.counts, strict=True)
        return [member.description() | {"count": count} for member, count in each]

    @classmethod
    def restore(cls, tensors: Any, content: Sequence[Mapping[str, Any]]) -> Mean:
        """Return the mean of a description; its baselines are of plug-ins that are installed."""
        each = tensors if isinstance(tensors, list) else [tensors]
        registry = None
        members: list[Member] = []
        for held, described in zip(each, content, strict=True):
            if described["kind"] == "network":
                members.append(NetworkMember.restore(held, described))
            else:
                registry = registry or load_registry()
                members.append(BaselineMember.restore(held, described, registry))
        return cls(tuple(members), tuple(int(described["count"]) for described in content))
