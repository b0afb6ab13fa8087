"""A fitted model: save, load, predict."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lstmopt.data.calendar import calendar_features
from lstmopt.data.cells import one_hot_names
from lstmopt.data.input_columns import Columns
from lstmopt.data.layout import Spans, ranges
from lstmopt.data.options import DataOptions
from lstmopt.data.panel_rows import named
from lstmopt.data.raw_table import Source
from lstmopt.data.read_series import read_series
from lstmopt.data.scaling import Scaling, scaled_inputs
from lstmopt.data.series import Series, observed_lengths, times_after
from lstmopt.data.series_parts import ForModel
from lstmopt.data.split import scaled_part
from lstmopt.data.windows import Part, Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.conformal import Conformal, Floats, Intervals
from lstmopt.forecasting.levels import check_levels
from lstmopt.forecasting.members import Mean, NetworkMember
from lstmopt.forecasting.model_files import find_weights, read_model, write_model
from lstmopt.forecasting.model_history import ModelHistory
from lstmopt.networks.families import MissingFamily, take_from_files
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.weights import read_tensors

SCHEMA = 2
"""2 lists members; 1 had one network."""


@dataclass(frozen=True)
class Forecaster:
    """Networks and baselines with everything needed to forecast in the target's own units.

    Attributes:
        mean: What the forecast is the mean of: one network, or several members.
        features: Columns of their input: past, calendar, and one a step for each known in advance.
        shape: Rows read and rows forecast.
        scaling: Mean and standard deviation of the columns, the target first.
        step: The series' step, a pandas offset alias.
        calendar: The names of its calendar features.
        data: How a table is read.
        history: What the model has seen; None for one that does not say.
        conformal: What its intervals rest on; None for one that has none.
    """

    mean: Mean
    features: int
    shape: Shape
    scaling: Scaling
    step: str
    calendar: tuple[str, ...]
    data: DataOptions
    history: ModelHistory | None = None
    conformal: Conformal | None = None

    @property
    def columns(self) -> Columns:
        """What the columns of its input are."""
        return Columns(
            past=1 + self._inputs_of(self.data.features or ()),
            calendar=len(self.calendar),
            known=self._inputs_of(self.data.known),
            annual=sum(name.startswith("year_") for name in self.calendar),
            window=self.shape.window,
            horizon=self.shape.horizon,
        )

    @property
    def rows(self) -> int:
        """How many rows a forecast looks at: a baseline may look further back than a network."""
        return max(self.shape.window, self.mean.rows(self.shape))

    @property
    def member(self) -> NetworkMember:
        """The network, where the model is one.

        Raises:
            LstmoptError: For a mean of several members.
        """
        only = self.mean.members[0]
        if len(self.mean.members) > 1 or not isinstance(only, NetworkMember):
            raise LstmoptError(
                f"a network is asked of a model that is one, found {len(self.mean.members)} "
                "members: take each of mean.members"
            )
        return only

    def network(self) -> ForecastNetwork:
        """Build the network of a model that is one.

        Returns:
            It, with its weights, in eval mode.
        """
        return self.member.network(self.columns)

    def forecast(self, inputs: np.ndarray) -> np.ndarray:
        """Forecast from windows of scaled inputs, where all members are networks.

        Args:
            inputs: Inputs as `data.windows.Part` gathers them [windows, window, features].

        Returns:
            Forecasts in the target's own units [windows, horizon].

        Raises:
            LstmoptError: Where a member is a baseline, which looks at more than a window, and for
                a model of several series.
        """
        if self.scaling.series is not None:
            raise LstmoptError(
                "windows alone do not say of which series they are, found a model of several: give "
                "the table to predict or look_back"
            )
        networks = self.mean.networks
        if len(networks) < len(self.mean.members):
            raise LstmoptError(
                "windows alone are enough for a model of networks, found a baseline among its "
                "members: give the whole series to predict or look_back"
            )
        windows = torch.as_tensor(inputs, dtype=torch.float32)
        each = [member.on_windows(windows, self.columns) for member in networks]
        return self._own(self.mean.mean_of(each))

    def _own(self, scaled: np.ndarray) -> np.ndarray:
        """Return scaled forecasts in the target's own units.

        Returns:
            Forecasts [windows, horizon].
        """
        return self.scaling.own(scaled)

    def predict(
        self,
        source: Source,
        future: Source | Mapping[str, float | str] | None = None,
        levels: Sequence[float] = (),
    ) -> pd.DataFrame:
        """Forecast the rows after the last observed target of a table.

        Args:
            source: A table, or the path of one, with the columns that the model was fitted on; it
                is read as the model's first table was. Of a long file only the last rows are read,
                unless intervals follow the errors in all new ones.
            future: What is known in advance of the rows that are forecast, where ``source`` does
                not hold it: a table with times, the path of one, or a value a column.
            levels: Those of intervals, in per cent.

        Returns:
            A row a forecast [horizon]: ``time``, the target's name, and the ends of its intervals
            (see `conformal.Intervals.columns`), in its own units.

        Raises:
            LstmoptError: Where the table lacks what the model was fitted on, or has another step,
                and for intervals that the model does not have.
        """
        return self.forecast_next(self.read(source, future, self.follows(levels)), levels)

    def follows(self, levels: Sequence[float]) -> bool:
        """Say whether intervals follow the errors in all rows that the model has not seen.

        Args:
            levels: Those that are wanted, in per cent.

        Returns:
            True where they do: of a long file the whole is read then.
        """
        return bool(levels) and self.conformal is not None and self.conformal.later is not None

    def read(
        self,
        source: Source,
        future: Source | Mapping[str, float | str] | None = None,
        whole: bool = False,
    ) -> Series:
        """Read a table as the model's first table was read.

        Args:
            source: A table, or the path of one.
            future: What is known in advance of the rows that are forecast (see `predict`).
            whole: Whether all of a long file is read, and not its end alone.

        Returns:
            The series, of a long file its end unless ``whole``; its ``notices`` say what was found
            and done.

        Raises:
            LstmoptError: Where the table lacks what the model was fitted on, or has another step.
        """
        model = ForModel(self.step, self.rows, self.shape.horizon, future, whole)
        series = read_series(source, self.data, model)
        if series.step != self.step:
            raise LstmoptError(
                f"a model forecasts at its own step, {self.step}, found {series.step}: "
                "give a series of that step"
            )
        told = self._left_out(series)
        return replace(series, calendar=self.calendar, notices=(*series.notices, *told))

    def forecast_next(self, series: Series, levels: Sequence[float] = ()) -> pd.DataFrame:
        """Forecast the rows after the last observed target of a series.

        Args:
            series: What `read` returned.
            levels: Those of intervals, in per cent.

        Returns:
            A row a forecast [horizon]: ``time``, the target's name, and the ends of its intervals,
            in its own units.

        Raises:
            LstmoptError: For a series that is too short, for missing values, and for intervals that
                the model does not have.
        """
        intervals = self._intervals(levels, series)
        last = self._last_rows(series)
        part, scaling = self._part(series, last)
        scaled, of = self.mean(part), _series_of(series, last)
        names = self._named(series, last, self.shape.horizon)
        times = times_after(series, last, self.shape.horizon)
        found = {"time": times, series.target: scaling.own(scaled, of).ravel()}
        ends = intervals(part, series.target, scaled, scaling, of)
        return pd.DataFrame(names | found | ends)

    def _last_rows(self, series: Series, back: int = 0) -> NDArray[np.int64]:
        """Return the row of the last target of each series, or ``back`` before it.

        Of a panel those series alone that have rows enough.
        """
        last = series.layout.starts[:-1] + observed_lengths(series) - 1 - back
        if series.panel is None:
            return last
        long_enough = last[last + 1 - series.panel.starts[:-1] >= self.rows]
        return long_enough[self._is_known(series, long_enough)]

    def _is_known(self, series: Series, last: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say after which rows a forecast has all that it reads, and all known in advance.

        Returns:
            Whether it has [rows].
        """
        whole = np.ones(len(last), bool)
        rows = last[:, None] + np.arange(1 - self.shape.window, 1)
        for column in series.values.T:
            whole &= np.isfinite(column[rows]).all(axis=1)
        ahead = last[:, None] + np.arange(2 - self.shape.window, 1 + self.shape.horizon)
        inside = np.minimum(ahead, len(series.times) - 1)
        for column in series.known_values.T:
            whole &= np.isfinite(column[inside]).all(axis=1)
        return whole

    def _left_out(self, series: Series) -> list[str]:
        """Say which series of a panel are not forecast, and why.

        Returns:
            A line for each reason.
        """
        if series.panel is None:
            return []
        lengths = observed_lengths(series)
        last = series.panel.starts[:-1] + lengths - 1
        long_enough = np.flatnonzero(lengths >= self.rows)
        known = self._is_known(series, last[long_enough])
        columns = f" or of {', '.join(series.known)} in advance" if series.known else ""
        why = {
            f"fewer than the {self.rows} rows that the model reads": np.flatnonzero(
                lengths < self.rows
            ),
            f"no value in a long gap of the last {self.shape.window} rows{columns}": long_enough[
                ~known
            ],
        }
        return [
            f"{len(places):,} of {series.panel.count:,} series have {reason} and are not forecast: "
            f"{named([series.panel.ids[place] for place in places])}"
            for reason, places in why.items()
            if len(places)
        ]

    def _named(
        self, series: Series, origins: NDArray[np.int64], horizon: int
    ) -> dict[str, NDArray[Any]]:
        """Return the column that names the series of forecasts [origins * horizon] of a panel."""
        of = _series_of(series, origins)
        if of is None or series.panel is None:
            return {}
        names = np.array(series.panel.ids, object)[of]
        return {"/".join(self.data.id): np.repeat(names, horizon)}

    def _intervals(
        self, levels: Sequence[float], series: Series | None = None
    ) -> Callable[
        [Part, str, NDArray[np.float32], Scaling, NDArray[np.int64] | None], dict[str, Floats]
    ]:
        """Return what gives the columns of intervals around forecasts of a part.

        Adaptive ones follow the errors in the rows of ``series`` that the model has not seen.

        Raises:
            LstmoptError: For levels that are none, and where the model has no such intervals.
        """
        wanted = check_levels(levels)
        if not wanted:
            return lambda *_: {}
        if self.conformal is None:
            raise LstmoptError(
                "intervals come from a model that was calibrated, found one of an earlier version "
                "or of a study with intervals.levels = []: take that line out of the run's "
                "study.toml, if it is there, and save the model again with lstmopt fit"
            )
        conformal = self.conformal
        if conformal.later is not None and series is not None:
            conformal = conformal.joined(*self._new_errors(series, conformal))
        conformal.bounds(wanted[-1])

        def columns(
            part: Part,
            name: str,
            scaled: NDArray[np.float32],
            scaling: Scaling,
            of: NDArray[np.int64] | None,
        ) -> dict[str, Floats]:
            found = Intervals(conformal, wanted, deviations=self._deviations(part, conformal))
            return found.columns(name, scaled, scaling, of=of)

        return columns

    def _deviations(self, part: Part, conformal: Conformal) -> Floats:
        """Return how far forecasts of a part may be off, by what is deployed itself."""
        return self.mean.deviations(part, conformal.scale) * self.scaling.deviation

    def _new_errors(self, series: Series, conformal: Conformal) -> tuple[Floats, Floats]:
        """Return errors and deviations in rows that the model has not seen.

        [windows, horizon] and [2, windows, horizon].
        """
        inputs = scaled_inputs(series, self.scaling, self.shape.horizon)
        whole = Spans.one((0, len(inputs)))
        part = scaled_part(series, inputs, self.scaling, self.shape, whole)
        origins = part.origins(self.rows)
        if self.history is not None:
            last, times = pd.Timestamp(self.history.until), series.times[origins]
            if (last.tz is None) != (times.tz is None):  # what is new cannot be told
                times = times[:0]
            last = last.tz_convert(times.tz) if last.tz and times.tz else last
            origins = origins[times.searchsorted(last) :] if len(times) else origins[:0]
        if not len(origins):
            return np.empty((0, self.shape.horizon)), np.empty((2, 0, self.shape.horizon))
        rows = origins[:, None] + np.arange(1, self.shape.horizon + 1)
        truth = np.where(series.observed, series.values[:, 0], np.nan)[rows]
        new = part.at(origins)
        found = self.scaling.transformed(self.mean(new))
        return self.scaling.target.transformed(truth) - found, self._deviations(new, conformal)

    def look_back(self, series: Series, origins: int, levels: Sequence[float] = ()) -> pd.DataFrame:
        """Forecast from the last rows whose forecasts can be compared with what came.

        Args:
            series: What `read` returned.
            origins: How many forecasts, each of all leads.
            levels: Those of intervals, in per cent.

        Returns:
            A row a forecast [origins * horizon]: ``origin`` (the time of the last row that was
            read), ``lead``, ``time``, ``truth`` (missing where no target was observed), the
            target's name, and the ends of its intervals, in its own units.

        Raises:
            LstmoptError: For a series that is too short, for missing values, and for intervals that
                the model does not have.
        """
        intervals = self._intervals(levels)
        horizon = self.shape.horizon
        last = self._last_rows(series, horizon)
        most = int(last[0]) + 2 - self.rows if series.panel is None else origins
        if origins > most:
            raise LstmoptError(
                f"a look back goes as far as there are {self.rows} rows before it, found "
                f"{origins} forecasts asked for and {max(most, 0)} possible: ask for fewer or give "
                "a longer table"
            )
        begins = series.layout.starts[series.layout.of_rows(last)] + self.rows - 1
        rows = ranges(np.maximum(last - origins + 1, begins), last + 1)
        if series.panel is not None:  # the rest goes on without what a gap hides
            rows = rows[self._is_known(series, rows)]
        part, scaling = self._part(series, rows)
        scaled, of = self.mean(part), _series_of(series, rows)
        leads = np.arange(1, horizon + 1)
        ahead = (rows[:, None] + leads).ravel()
        truth = np.where(series.observed, series.values[:, 0], np.nan)[ahead]
        found = {
            "origin": series.times[np.repeat(rows, horizon)],
            "lead": np.tile(leads, len(rows)),
            "time": series.times[ahead],
            "truth": truth,
            series.target: scaling.own(scaled, of).ravel(),
        }
        ends = intervals(part, series.target, scaled, scaling, of)
        return pd.DataFrame(self._named(series, rows, horizon) | found | ends)

    def _part(self, series: Series, origins: NDArray[np.int64]) -> tuple[Part, Scaling]:
        """Return a series scaled, with the origins of the forecasts that are wanted, and how.

        Raises:
            LstmoptError: For a series that is too short, and for missing values.
        """
        window, scaling = self.shape.window, self.scaling.for_panel(series)
        if not len(origins):
            columns = ", ".join(series.known)
            ahead = f" and {columns} of the next {self.shape.horizon}" if columns else ""
            raise LstmoptError(
                f"this model reads {self.rows} rows before its forecast{ahead}, found no series "
                "that has them: give longer series, without long gaps"
            )
        if origins[0] + 1 < self.rows:
            raise LstmoptError(
                f"this model reads {self.rows} rows before its forecast, found {origins[0] + 1}: "
                "give a longer series"
            )
        inputs = scaled_inputs(series, scaling, self.shape.horizon)
        gathered = inputs[origins[:, None] + np.arange(1 - window, 1)]
        if not np.isfinite(gathered).all():
            missing = self._missing_known(series, int(origins[-1]))
            known = f", of {', '.join(missing)} in advance" if missing else ""
            raise LstmoptError(
                f"the last {window} rows must be free of long gaps and the next "
                f"{self.shape.horizon} must hold the columns known in advance, found "
                f"{int(np.isnan(gathered).sum())} missing values{known}: fill them, give them with "
                "--future, or end the table before the gap"
            )
        starts = series.layout.starts
        whole = Spans(starts[:-1], starts[:-1], starts[1:])
        return scaled_part(series, inputs, scaling, self.shape, whole).at(origins), scaling

    def _missing_known(self, series: Series, origin: int) -> list[str]:
        """Return the columns known in advance that lack a value in the rows to come."""
        rows = series.known_values[origin + 1 : origin + 1 + self.shape.horizon]
        if len(rows) < self.shape.horizon:
            return list(series.known)
        return [
            name
            for name, column in zip(series.known, rows.T, strict=True)
            if not np.isfinite(column).all()
        ]

    def _check(self) -> None:
        """Hold the parts of a description to each other.

        Raises:
            ValueError: Where they do not belong together.
        """
        past = 1 + self._inputs_of(self.data.features or ())
        known = self._inputs_of(self.data.known)
        for name, moments in (("mean", self.scaling.mean), ("std", self.scaling.std)):
            if moments.shape != (past + known,) or not np.isfinite(moments).all():
                raise ValueError(f"{name} must hold {past + known} numbers")
        known_cycles = calendar_features(pd.DatetimeIndex(["2000-01-01"]), self.step)[0]
        if strangers := set(self.calendar) - set(known_cycles):
            raise ValueError(f"no calendar feature is called {', '.join(strangers)}")
        features = past + len(self.calendar) + known * self.shape.horizon
        if self.features != features or min(self.shape.window, self.shape.horizon) < 1:
            raise ValueError(f"the columns give {features} inputs, found {self.features}")
        for network in self.mean.networks:
            network.network(self.columns)
        if min(self.mean.counts, default=0) < 1:
            raise ValueError("every member must count at least once")
        if self.conformal and self.conformal.errors.shape[1] != self.shape.horizon:
            raise ValueError(f"intervals must be of {self.shape.horizon} leads")

    def _inputs_of(self, columns: Iterable[str]) -> int:
        """Return how many inputs columns of the table become."""
        categories = self.data.categories
        return sum(len(one_hot_names(n, categories[n])) if n in categories else 1 for n in columns)

    def save(self, weights: str | Path) -> None:
        """Write the model to disk.

        Args:
            weights: Where the weights go (``.pth``): the plain state dict of a network, or a list
                with the tensors of each member; the description goes beside them (``.json``).
        """
        buffer = io.BytesIO()
        torch.save(self.mean.tensors(), buffer)
        description = {
            "schema": SCHEMA,
            "members": self.mean.description(),
            "features": self.features,
            **asdict(self.shape),
            **self.scaling.description(),
            "step": self.step,
            "calendar": self.calendar,
            "data": msgspec.to_builtins(self.data),
            "history": msgspec.to_builtins(self.history),
            "intervals": self.conformal.description() if self.conformal else None,
        }
        write_model(Path(weights), buffer.getvalue(), description)

    @classmethod
    def load(cls, path: str | Path, plugins: Iterable[str | Path] = ()) -> Forecaster:
        """Read a saved model; no code in it is run.

        Args:
            path: Its ``.pth`` file, or the folder of a finished run.
            plugins: Python files of plug-ins, where one brings its family of networks.

        Returns:
            The model.

        Raises:
            LstmoptError: Where there is none, it is not what `save` wrote, or the plug-in of one of
                its baselines is not there.
            MissingFamily: Where its family of networks is not here.
        """
        weights = find_weights(Path(path))
        take_from_files(plugins)
        try:
            saved, content = read_model(weights)
            tensors, content = read_tensors(io.BytesIO(saved)), _in_schema_2(content)
            loaded = cls(
                Mean.restore(tensors, content["members"]),
                content["features"],
                Shape(content["window"], content["horizon"]),
                Scaling.restore(content),
                content["step"],
                tuple(content["calendar"]),
                msgspec.convert(content["data"], DataOptions),
                msgspec.convert(content.get("history"), ModelHistory | None),
                Conformal.restore(found) if (found := content.get("intervals")) else None,
            )
            loaded._check()
        except MissingFamily:
            raise
        except FileNotFoundError:
            raise LstmoptError(
                f"a model is a .pth file with its .json, or the folder of a finished run, found "
                f"none at {path}: mend the path or run the study to its end"
            ) from None
        except Exception as error:
            line = (str(error) or repr(error)).splitlines()[0]
            raise LstmoptError(
                f"a model is what lstmopt saved, found {weights} unreadable ({line}): "
                "save it again with lstmopt fit"
            ) from error
        loaded.mean.check_baselines()
        return loaded


def _series_of(series: Series, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return which series of a panel some rows are of; None of a single one."""
    return None if series.panel is None else series.panel.of_rows(rows)


def _in_schema_2(content: dict[str, Any]) -> dict[str, Any]:
    """Return a description as it would be written now.

    Returns:
        The same, with the one network of schema 1 as its only member.

    Raises:
        ValueError: For a later schema.
    """
    schema = content.get("schema", 1)
    if schema == SCHEMA:
        return content
    if schema != 1:
        raise ValueError(f"this version reads schema 1 and {SCHEMA}, not {schema!r}")
    network = {"kind": "network", "count": 1, "architecture": content["architecture"]}
    if history := content.get("history"):
        network["training"] = {name: history[name] for name in ("params", "seed", "reports")}
    return content | {"members": [network]}
