"""The contract of families of networks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lstmopt.data.input_columns import Columns
from lstmopt.networks.families import Families
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.weights import read_tensors
from lstmopt.plugin.network import Network, known_hyperparameters
from lstmopt.search_space import Architecture, Hyperparameter, Params, Range, Value
from lstmopt.testing.contract import Contract
from lstmopt.testing.network_stage import (
    COLUMNS,
    COMPOSITIONS,
    FOLD,
    LONG,
    OTHER_TRAINING,
    candidates,
    domain_values,
    train,
    windows_of,
    with_value,
)


class NetworkContract(Contract):
    """What a family of networks must hold to; subclass it with one.

    Attributes:
        network: What is checked.
    """

    network: ClassVar[Network]

    @property
    def _families(self) -> Families:
        return Families.of([self.network])

    def _build(self, params: Mapping[str, Value], columns: Columns, seed: int = 0) -> Any:
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return self._families.build(params, columns).eval()

    def _trained(self, params: Mapping[str, Value]) -> ForecastNetwork:
        """Return a network whose head is no longer at zero, for inputs of `FOLD`."""
        model: ForecastNetwork = self._build(params, FOLD.train.columns)
        model.load_state_dict(train(self._families, params, 1)[0]["model"])
        return model

    def _composed(self) -> Iterator[Params]:
        """Yield candidates of the default domains, each in another composition."""
        for number, params in enumerate(candidates(self.network)):
            yield params | COMPOSITIONS[number % len(COMPOSITIONS)]

    def test_it_says_what_it_is(self) -> None:
        """Its name is a word, and it has a summary."""
        assert self.network.name.isidentifier(), "a name is a word, as a study file has it"
        assert self.network.summary, "a family says in one line what it is"

    def test_its_default_domains_lie_within_what_its_hyperparameters_take(self) -> None:
        """Defaults and domains are accepted, names are free, and conditions can be met."""
        known = known_hyperparameters([self.network]).hyperparameters
        for name, found in self.network.hyperparameters.items():
            assert name.isidentifier(), f"a hyperparameter's name is a word, found {name!r}"
            assert found.accepts(found.default), f"{name} does not take its default"
            _check_domain(name, found)
            for parent, values in found.when.items():
                assert parent in known, f"{name} depends on {parent!r}, which there is not"
                assert values, f"{name} depends on a value of {parent} and names none"

    def test_it_forecasts_from_any_window_horizon_and_columns(self) -> None:
        """Finite numbers [batch, 1, horizon] in every composition, also of inputs at rest."""
        rng = torch.Generator().manual_seed(0)
        for columns in COLUMNS:
            x = torch.randn(3, columns.window, columns.features, generator=rng)
            for inputs in (x, torch.zeros_like(x)):
                for params in self._composed():
                    with torch.inference_mode():
                        found = self._build({**params, "window": columns.window}, columns)(inputs)
                    wanted = (3, 1, columns.horizon)
                    assert found.shape == wanted, f"forecasts are {wanted}, found {found.shape}"
                    assert torch.isfinite(found).all(), f"no finite forecast for {params}"

    def test_a_state_of_each_row_sees_no_later_row(self) -> None:
        """Where states are one a row (``per_row``), each is of the rows up to its own."""
        for params in self._composed():
            model = self._trained(params)
            encoder = model.encoder
            if encoder is None or not getattr(encoder, "per_row", False):
                continue
            x = torch.randn(
                2, 12, len(model.choice.encoder), generator=torch.Generator().manual_seed(1)
            )
            changed = x.clone()
            changed[:, 8:] += 1
            with torch.inference_mode():
                before, after = encoder(x), encoder(changed)
            assert before.shape[:2] == (2, 12), "a state of each row is [batch, rows, size]"
            torch.testing.assert_close(after[:, :8], before[:, :8], rtol=1e-4, atol=1e-5)

    def test_every_weight_learns(self) -> None:
        """After a few steps each weight has a finite gradient that is not 0."""
        x = torch.randn(16, LONG.window, LONG.features, generator=torch.Generator().manual_seed(0))
        for params in self._composed():
            model = self._build({**params, "window": LONG.window}, LONG).train()
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
            with torch.random.fork_rng([]):
                torch.manual_seed(0)
                for _ in range(3):  # the head begins at zero, and so may parts of an encoder
                    optimizer.zero_grad()
                    (model(x)[:, -1] - 1).square().mean().backward()
                    optimizer.step()
            for name, weight in model.named_parameters():
                assert weight.grad is not None, f"{name} takes no part in a forecast"
                assert torch.isfinite(weight.grad).all(), f"{name} has no finite gradient"
                assert weight.grad.abs().max() > 0, f"{name} has a gradient of 0: it never learns"

    def test_no_item_of_a_batch_sees_another(self) -> None:
        """A changed window changes its own forecast alone, which is also that of it alone."""
        for params in self._composed():
            model = self._trained(params)
            inputs, _ = windows_of(FOLD.validation, 4)
            changed = inputs.clone()
            changed[1] = changed[1].flip(0) + 1
            with torch.inference_mode():
                before, after, alone = model(inputs), model(changed), model(inputs[1:2])
            others = torch.tensor([0, 2, 3])
            torch.testing.assert_close(after[others], before[others], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(alone[0], before[1], rtol=1e-4, atol=1e-5)
            assert (after[1] - before[1]).abs().max() > 1e-6, "a window changes no forecast"

    def test_what_is_saved_forecasts_as_before(self) -> None:
        """Its weights and its hyperparameters are all that it is made of."""
        for params in self._composed():
            model, buffer = self._trained(params), io.BytesIO()
            torch.save(model.state_dict(), buffer)
            again = self._build(json.loads(json.dumps(params)), model.columns, seed=1)
            again.load_state_dict(read_tensors(io.BytesIO(buffer.getvalue())))
            inputs, _ = windows_of(FOLD.validation, 4)
            with torch.inference_mode():
                torch.testing.assert_close(again(inputs), model(inputs), rtol=0, atol=0)

    def test_what_does_not_cost_changes_no_weights(self) -> None:
        """Without ``costs`` a hyperparameter is of training alone: no shape depends on it."""
        for name, found in self.network.hyperparameters.items():
            if found.costs:
                continue
            shapes = [
                self._shapes(with_value(self.network, name, value))
                for value in domain_values(found)
            ]
            assert all(other == shapes[0] for other in shapes), (
                f"{name} changes the weights: say that it decides what a forecast costs"
            )

    def test_what_changes_the_weights_is_of_the_architecture(self) -> None:
        """Candidates that differ in training alone have weights of one shape, and are counted."""
        training = known_hyperparameters([self.network]).training
        seen: dict[Architecture, dict[str, Any]] = {}
        for params in candidates(self.network, 12):
            architecture = Architecture.of(params, training)
            shapes = self._shapes(params)
            assert seen.setdefault(architecture, shapes) == shapes, (
                f"{architecture} has weights of several shapes: what they depend on decides the "
                "cost of a forecast"
            )
            otherwise = self._shapes(params | OTHER_TRAINING)
            assert otherwise == shapes, "weights depend on how a candidate is trained"
            counted = self._families.count_parameters(architecture, FOLD.train.columns)
            built = self._build(params, FOLD.train.columns)
            weights = sum(weight.numel() for weight in built.parameters())
            assert counted == weights, f"{counted} weights are counted of {weights}"

    def _shapes(self, params: Mapping[str, Value]) -> dict[str, Any]:
        state: Mapping[str, Tensor] = self._build(params, FOLD.train.columns).state_dict()
        return {name: tuple(weight.shape) for name, weight in state.items()}

    def test_two_segments_of_training_are_exactly_one(self) -> None:
        """Two epochs and three from their checkpoint are five, bit for bit."""
        for params in candidates(self.network, 2):
            whole, losses = train(self._families, params, 5)
            parts, others = train(self._families, params, 2, 3)
            assert losses == others, "the losses differ"
            for name, weight in whole["model"].items():
                assert torch.equal(weight, parts["model"][name]), f"{name} differs"

    def test_workers_can_be_given_it(self) -> None:
        """What is packed and unpacked draws the same weights."""
        sent = self._families.packed[self.network.name].value
        assert (sent.build is None) == (self.network.build is None), "it lost its encoder"
        if self.network.build is None:
            return
        for params in candidates(self.network, 2):
            complete = {**self.network.complete(params), "window": 12}
            here, there = (_encoder(family, complete) for family in (self.network, sent))
            for name, weight in here.state_dict().items():
                assert torch.equal(weight, there.state_dict()[name]), f"{name} differs"


def _encoder(family: Network, params: Mapping[str, Value]) -> nn.Module:
    assert family.build is not None
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        made: nn.Module = family.build(params, 3, 12)
    return made


def _check_domain(name: str, found: Hyperparameter) -> None:
    """Hold a default domain to what its hyperparameter takes."""
    values = domain_values(found)
    assert values, f"{name} varies over nothing"
    for value in values:
        assert found.accepts(value), f"{name} takes {found.rule}, found {value!r} in its domain"
    if isinstance(found.domain, Range):
        whole = isinstance(found.default, int)
        assert not isinstance(found.default, bool | str), f"{name} varies over a list of values"
        assert found.domain.integer == whole, f"{name} is a whole number, or its domain's are not"
        assert found.domain.low <= found.domain.high, f"{name} has a domain from high to low"
        assert not found.domain.log or found.domain.low > 0, f"{name} has no logarithm of 0"
