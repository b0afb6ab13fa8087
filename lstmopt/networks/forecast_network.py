"""A network: an encoder in the composition that is the same for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstmopt.data.input_columns import Columns
from lstmopt.data.windows import Part
from lstmopt.errors import LstmoptError
from lstmopt.networks.column_choice import ColumnChoice, encoder_features, is_plain
from lstmopt.networks.head import Head
from lstmopt.networks.linear_part import LinearKind, LinearPart
from lstmopt.networks.linear_start import LinearView
from lstmopt.networks.network_start import Solved, set_linear, set_quantiles, what_is_left
from lstmopt.networks.normalisation import Normalisation, make_normalisation
from lstmopt.networks.quantile_head import QuantileHead
from lstmopt.networks.selection import Selection
from lstmopt.search_space import Value
from lstmopt.search_space.quantiles import parse_quantiles

MakeEncoder = Callable[[Mapping[str, Value], int, int], nn.Module | None]
"""Makes a family's encoder from hyperparameters, columns of a row and rows; None for no encoder."""


class Prepared(NamedTuple):
    """What the parts of a network see of windows.

    Attributes:
        target: What the encoder sees of the target [batch, window].
        beside: What the head sees beside the encoder's state [batch, columns], if anything.
        level: What forecasts are the difference to [batch, 1].
        unit: What the head's output is multiplied by, [1] or [batch, 1].
        linear: What the linear part sees [batch, features], if there is one.
    """

    target: Tensor
    beside: Tensor | None
    level: Tensor
    unit: Tensor
    linear: Tensor | None


class HeadView(NamedTuple):
    """What the linear map of a head sees, and what becomes of what it gives.

    The forecast is ``base + unit * map(seen)``.

    Attributes:
        seen: [batch, features].
        unit: [1] or [batch, 1].
        base: [batch, horizon] or [batch, 1].
    """

    seen: Tensor
    unit: Tensor
    base: Tensor


class ForecastNetwork(nn.Module):
    """An encoder between a normalisation of the window, a head and a linear skip.

    Without a normalisation, recent rows and a skip it is the encoder of all columns and a head.
    Otherwise the target's window is normalised, the head begins at zero, and its output,
    denormalised, is added to the level of the window (see `normalisation`) or to the linear
    forecast. Without an encoder the linear forecast is all.

    Attributes:
        columns: The input's columns.
        window: Rows that are looked at, the last ones.
        choice: Which columns each part sees.
        recent: Rows of the normalised target that the head sees beside the state, the last ones.
        encoder: What maps rows [batch, steps, features] to states [batch, states, encoder.size].
        normalisation: What becomes of the target's window; None where nothing does.
        head: The map of the last state to all leads; None without an encoder.
        skip: The linear part, None without one.
        quantile_head: What forecasts quantiles around the forecast; None where none are wanted.
        for_encoder: Takes the columns of rows that the encoder sees.
    """

    def __init__(
        self, encoder: nn.Module | None, params: Mapping[str, Value], columns: Columns
    ) -> None:
        super().__init__()
        self.columns, self.window = columns, int(params["window"])
        if not 1 <= self.window <= columns.window:
            raise LstmoptError(
                f"a network reads 1 to {columns.window} rows, found window = {self.window}: take "
                f"another, or longer windows for all"
            )
        linear = {**params, "skip": True} if encoder is None else params
        self.choice = ColumnChoice.of(linear, columns)
        self.encoder = encoder
        self.recent = 0
        self.head: Head | None = None
        self.normalisation: Normalisation | None = None
        self.skip: LinearPart | None = None
        if encoder is not None:
            self.recent = min(int(params["recent"]), self.window)
            size = _size(encoder) + self.recent + len(self.choice.head)
            self.head = Head(size, columns.horizon, int(params["decoder_hidden_size"]))
            if not is_plain(params):
                self.head.begin_at_zero()
                self.normalisation = make_normalisation(params["normalisation"])
        if encoder is None or params["skip"]:
            kind = _linear_kind(params) if encoder is None else "nlinear"
            others = len(self.choice.skip)
            self.skip = LinearPart(self.window, others, columns.horizon, kind)
        self.quantile_head: QuantileHead | None = None
        if quantiles := parse_quantiles(str(params["quantiles"])):
            seen = 0 if self.head is None else self.head.in_features
            self.quantile_head = QuantileHead(seen, columns.horizon, quantiles)
        self.for_encoder = Selection(self.choice.encoder)
        self._beside_target = Selection(self.choice.encoder[1:])
        self._for_head = Selection(self.choice.head)
        self._for_skip = Selection(self.choice.skip)

    @property
    def forecasts_every_row(self) -> bool:
        """Whether a forecast can be made at each of several steps of a window."""
        return self.normalisation is None and bool(getattr(self.encoder, "per_row", False))

    def forward(self, x: Tensor, last: int = 1) -> Tensor:
        """Forecast from the last rows, ``window`` of them before each forecast.

        Args:
            x: Inputs [batch, steps, features] in z-scores, at least ``window + last - 1`` steps.
            last: At how many of the last steps a forecast is made.

        Returns:
            Forecasts [batch, last, horizon] in z-scores.

        Raises:
            ValueError: For several steps where the network can only forecast at one.
        """
        if last > 1 and not self.forecasts_every_row:
            raise ValueError(
                f"a network with a normalisation, recent rows, a skip or no state for every row "
                f"forecasts at one step, not {last}"
            )
        rows = x[:, -(self.window + last - 1) :]
        if self.encoder is not None and self.head is not None and self.normalisation is None:
            forecasts: Tensor = self.head(self.encoder(self.for_encoder(rows))[:, -last:])
            return forecasts
        if self.skip is not None and self.encoder is None:
            linear: Tensor = self.skip(rows[:, :, 0], self._for_skip(rows[:, -1]))
            return linear.unsqueeze(1)
        assert self.encoder is not None
        assert self.head is not None
        prepared = self.prepare(rows)
        state = self._state(rows, prepared)
        forecast: Tensor = prepared.level + prepared.unit * self.head(state)
        if self.skip is not None and prepared.linear is not None:
            forecast = forecast + self.skip.apply_to(prepared.linear)
        return forecast.unsqueeze(1)

    def forecast_quantiles(self, x: Tensor, last: int = 1) -> Tensor:
        """Forecast quantiles, the median being the forecast.

        Args:
            x: Inputs as `forward` takes them.
            last: At how many of the last steps a forecast is made.

        Returns:
            Quantiles [batch, last, horizon, quantiles] in z-scores, ascending.

        Raises:
            ValueError: As `forward` does, and for a network without a quantile head.
        """
        if self.quantile_head is None:
            raise ValueError("quantiles are asked of a network that forecasts them, found none")
        if self.head is None or self.encoder is None:
            nothing, one = x.new_empty(len(x), last, 0), x.new_ones(1)
            return self._around(nothing, one, self(x, last))
        if self.normalisation is None:
            rows = x[:, -(self.window + last - 1) :]
            seen = self.head.see(self.encoder(self.for_encoder(rows))[:, -last:])
            return self._around(seen, x.new_ones(1), self.head.map(seen))
        if last > 1:
            return self._around(x, x, self(x, last))  # which it refuses
        view = self.head_view(x)
        assert view is not None
        forecast = view.base + view.unit * self.head.map(view.seen)
        return self._around(view.seen, view.unit, forecast).unsqueeze(1)

    def _around(self, seen: Tensor, unit: Tensor, forecast: Tensor) -> Tensor:
        assert self.quantile_head is not None
        quantiles: Tensor = self.quantile_head(seen, unit, forecast)
        return quantiles

    def _state(self, rows: Tensor, prepared: Prepared) -> Tensor:
        """Return the encoder's last state with what lies beside it [batch, size]."""
        assert self.encoder is not None
        seen = torch.cat([prepared.target.unsqueeze(2), self._beside_target(rows)], 2)
        state: Tensor = self.encoder(seen)[:, -1]
        return state if prepared.beside is None else torch.cat([state, prepared.beside], 1)

    def head_view(self, x: Tensor) -> HeadView | None:
        """Return what the head's linear map sees at the last step; None without a head.

        Args:
            x: Inputs [batch, steps, features] in z-scores, at least ``window`` steps.

        Returns:
            It, and what makes the forecast of what the map gives.
        """
        if self.encoder is None or self.head is None:
            return None
        rows = x[:, -self.window :]
        if self.normalisation is None:
            state = self.encoder(self.for_encoder(rows))[:, -1]
            return HeadView(self.head.see(state), x.new_ones(1), x.new_zeros(len(x), 1))
        prepared = self.prepare(rows)
        base = prepared.level
        if self.skip is not None and prepared.linear is not None:
            base = base + self.skip.apply_to(prepared.linear)
        return HeadView(self.head.see(self._state(rows, prepared)), prepared.unit, base)

    def prepare(self, rows: Tensor) -> Prepared:
        """Return what the parts of a network with a normalisation see of rows.

        Args:
            rows: Windows [batch, window, features].

        Returns:
            What is seen of them.
        """
        assert self.normalisation is not None
        target, newest = rows[:, :, 0].contiguous(), rows[:, -1]  # it is read several times
        seen, level, unit = self.normalisation(target)
        beside = self._beside(seen, newest)
        if self.skip is None:
            return Prepared(seen, beside, level, unit, None)
        linear = self.skip.see(target, self._for_skip(newest))
        return Prepared(seen, beside, target[:, -1:], unit, linear)

    def _beside(self, target: Tensor, newest: Tensor) -> Tensor | None:
        """Return what the head sees beside the state, if anything."""
        parts = [target[:, -self.recent :]] if self.recent else []
        if self.choice.head:
            parts.append(self._for_head(newest))
        return torch.cat(parts, 1) if parts else None

    def fit_start(self, train: Part, validation: Part, solved: Solved | None = None) -> None:
        """Set the constants and the linear part's weights from training windows.

        Pure: the same parts give the same numbers. The linear part is ridge regression, its penalty
        chosen on validation.

        Args:
            train: The training part, whose windows may be longer than the network's.
            validation: The validation part.
            solved: Solutions that were found on the same two parts; a new one is added.
        """
        known: Solved = {} if solved is None else solved
        linear = None
        if self.skip is not None:
            view = LinearView(self.window, self.choice.skip, self.skip.kind)
            set_linear(self.skip, view, (train, validation), known)
            linear = view, known[view]
        if self.normalisation is None and self.quantile_head is None:
            return
        start = what_is_left(train, self.window, self.normalisation, linear)
        if self.normalisation is not None:
            self.normalisation.fit(*start)
        if self.quantile_head is not None:
            set_quantiles(self.quantile_head, self.normalisation, *start)


def _size(encoder: nn.Module) -> int:
    size = getattr(encoder, "size", None)
    if type(size) is not int or size < 1:
        raise LstmoptError(
            f"an encoder says in its attribute size how many units a state has, found {size!r} in "
            f"{type(encoder).__name__}: give it a whole number of at least 1"
        )
    return size


def _linear_kind(params: Mapping[str, Value]) -> LinearKind:
    match params["linear"]:
        case "nlinear":
            return "nlinear"
        case "dlinear":
            return "dlinear"
        case other:
            raise LstmoptError(f"linear is nlinear or dlinear, found {other!r}: take one of them")


def build_network(
    make_encoder: MakeEncoder, params: Mapping[str, Value], columns: Columns
) -> ForecastNetwork:
    """Build a candidate's network.

    Args:
        make_encoder: The family's.
        params: All hyperparameters of the composition and of the encoder.
        columns: The input's columns.

    Returns:
        The network, its weights drawn from torch's random numbers and its linear part at zero.

    Raises:
        LstmoptError: For a value that a hyperparameter does not have.
    """
    encoder = make_encoder(params, encoder_features(params, columns), int(params["window"]))
    return ForecastNetwork(encoder, params, columns)
