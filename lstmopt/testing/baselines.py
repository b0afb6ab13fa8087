"""The contract of baselines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lstmopt.data.windows import Part, Shape
from lstmopt.forecasting.baseline_state import SavableBaseline
from lstmopt.forecasting.judging import Forecast
from lstmopt.plugin.options import make
from lstmopt.plugin.strategy import Strategy
from lstmopt.testing.contract import Contract

_SEASON, _WINDOW = 12, 24


class BaselineContract(Contract):
    """What a baseline must hold to; subclass it with one.

    Attributes:
        strategy: What is checked.
        options: By keyword, what ``make`` is given.
    """

    strategy: ClassVar[Strategy]
    options: ClassVar[dict[str, Any]] = {}

    def test_it_says_what_it_is(self) -> None:
        """Its name is a word, and it has a summary."""
        assert self.strategy.name.isidentifier(), "a name is a word, as a column has it"
        assert self.strategy.summary, "a baseline says in one line what it does"

    def test_it_forecasts_every_window_and_lead(self) -> None:
        """Finite numbers [windows, horizon], whatever the horizon and the columns."""
        for horizon in (1, 3):
            for columns in (1, 4):
                train, validation, test = _parts(horizon, columns)
                for part in (validation, test):
                    found = self._fit(train, validation)(part)
                    assert found.shape == (len(part.origins()), horizon)
                    assert np.isfinite(found).all()

    def test_it_forecasts_the_origins_that_it_is_asked_for(self) -> None:
        """At some of a part's origins it says what it says there among all."""
        train, validation, test = _parts(2, 2)
        forecast = self._fit(train, validation)
        some = forecast(test.at(test.origins()[3::7]))
        np.testing.assert_allclose(some, forecast(test)[3::7], rtol=1e-5, atol=1e-6)

    def test_it_forecasts_the_same_every_time(self) -> None:
        """Nothing else than the series decides."""
        train, validation, test = _parts(2, 2)
        first, second = (self._fit(train, validation)(test) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_it_sees_nothing_of_the_future(self) -> None:
        """A forecast is the same whatever comes after its last row of inputs."""
        train, validation, test = _parts(2, 1)
        forecast = self._fit(train, validation)
        half = len(test.origins()) // 2
        changed = replace(test, inputs=test.inputs.copy(), targets=test.targets.copy())
        cut = int(test.origins()[half]) + 1
        changed.inputs[cut:] += 7
        changed.targets[cut:] += 7
        before, after = forecast(test)[: half + 1], forecast(changed)[: half + 1]
        np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)

    def test_it_leaves_its_parts_as_they_are(self) -> None:
        """Training, validation and test are as before."""
        parts = _parts(2, 2)
        copies = [(part.inputs.copy(), part.targets.copy()) for part in parts]
        self._fit(*parts[:2])(parts[2])
        for part, (inputs, targets) in zip(parts, copies, strict=True):
            np.testing.assert_array_equal(part.inputs, inputs)
            np.testing.assert_array_equal(part.targets, targets)

    def test_what_it_saves_forecasts_the_same(self) -> None:
        """Where it can be saved: from its state alone, and from no more rows than that says."""
        made = make(self.strategy, "baseline", self.options)
        if not isinstance(made, SavableBaseline):
            return
        train, validation, test = _parts(2, 2)
        forecast = made.fit(train, validation, (_SEASON,))  # type: ignore[attr-defined]
        state = made.state(forecast)
        last = test.at(test.origins()[-1:])
        begins = int(last.origins()[0]) + 1 - state.rows
        short = replace(last, inputs=last.inputs.copy(), targets=last.targets.copy())
        short.inputs[:begins] = short.targets[:begins] = 0
        np.testing.assert_array_equal(made.restore(state)(short), forecast(last))

    def test_a_series_without_a_season_is_no_error(self) -> None:
        """It forecasts, or says that it cannot by None."""
        train, validation, test = _parts(1, 1)
        forecast = make(self.strategy, "baseline", self.options).fit(train, validation, ())
        assert forecast is None or np.isfinite(forecast(test)).all()

    def _fit(self, train: Part, validation: Part) -> Forecast:
        made = make(self.strategy, "baseline", self.options)
        forecast: Forecast | None = made.fit(train, validation, (_SEASON,))
        assert forecast is not None, "a series with a season can have this baseline"
        return forecast


def _parts(horizon: int, columns: int) -> tuple[Part, Part, Part]:
    """Return training, validation and test of a noisy season that drifts."""
    rng = np.random.default_rng(0)
    rows = np.arange(400)
    target = np.sin(2 * np.pi * rows / _SEASON) + rows / 400 + rng.normal(0, 0.1, 400)
    inputs = np.column_stack([target, *rng.normal(size=(columns - 1, 400))]).astype(np.float32)
    there = np.ones(400, bool)
    targets = target.astype(np.float32)
    shape = Shape(_WINDOW, horizon)
    whole = Part(inputs, there, targets, there, shape, (300, 400))
    return whole.earlier((0, 200)), whole.earlier((200, 300)), whole
