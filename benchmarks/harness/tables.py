"""Recorded learning curves: one small format, written by ``bench record``, read by ``--replay``.

A table is an ``.npz`` file of plain arrays, a row a candidate:

* ``losses`` [rows, epochs]: validation loss after each epoch, NaN from where the candidate failed,
  the last one again where its training ended before;
* ``seconds`` [rows, epochs]: what each epoch took, NaN after the candidate's last;
* ``param_NAME`` [rows]: a hyperparameter, NaN or "" where it does not apply;
* ``static_NAME`` [rows]: a static objective, lower is better;
* ``meta``: JSON with ``schema``, ``name``, ``source``, ``licence``; ``space``, a list of values or
  ``{low, high, log, integer}`` for each hyperparameter; ``conditions``, where they are not those of
  a stacked LSTM, values of others by name; ``static``, for each static objective the
  hyperparameters that decide it, ``{"lookup": [...]}`` or ``{"product": [...]}``; and ``target``,
  the fingerprint of the series (see `data.series.Series`).

A table without hyperparameters can be replayed row by row only.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.search_space import Choice, Parameter, Params, Range, Space, Value

from .foreign import FOREIGN

Floats = NDArray[np.float64]
SCHEMA = 1


@dataclass(frozen=True)
class StaticRule:
    """How a static objective follows from hyperparameters: looked up in the rows, or a product."""

    kind: Literal["lookup", "product"]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Learning curves of many candidates; see the module for shapes and units."""

    name: str
    losses: Floats
    seconds: Floats
    static: Mapping[str, Floats]
    space: Space = field(default_factory=lambda: Space({}))
    params: tuple[Params, ...] = ()
    rules: Mapping[str, StaticRule] = field(default_factory=dict)
    source: str = ""
    licence: str = ""
    target: str = ""

    @property
    def rows(self) -> int:
        return len(self.losses)

    @property
    def epochs(self) -> int:
        return int(self.losses.shape[1])

    @property
    def lengths(self) -> NDArray[np.int_]:
        """How many epochs each row was trained for [rows]."""
        trained = ~np.isnan(self.seconds)
        trained[:, 0] = True
        lengths: NDArray[np.int_] = self.epochs - trained[:, ::-1].argmax(1)
        return lengths

    @property
    def best_losses(self) -> Floats:
        """The lowest loss of each row [rows]; NaN where the row failed."""
        best: Floats = self.losses.min(1)  # NaN wherever there is one
        return best

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when a recorded figure does."""
        digest = hashlib.sha256(np.ascontiguousarray(self.losses, np.float32).tobytes())
        for name in sorted(self.static):
            digest.update(np.ascontiguousarray(self.static[name], np.float32).tobytes())
        return digest.hexdigest()[:12]


def shipped_tables() -> dict[str, Path]:
    """Find the tables that come with the program, by name."""
    folder = Path(str(files("lstmopt_benchmarks"))) / "recorded"
    return {path.stem: path for path in sorted(folder.glob("*.npz"))}


def read_tables(source: str) -> list[Table]:
    """Read ``source``: a shipped table's name or a file; ``FILE#NAME`` takes one table of several.

    Also reads LCBench's and NAS-Bench-NLP's files (see ``foreign``). Raises LstmoptError for what
    is not a table.
    """
    place, _, wanted = source.partition("#")
    path = shipped_tables().get(place, Path(place))
    if not path.is_file():
        raise LstmoptError(
            f"--replay takes a table's file or a shipped table, found {place!r}: "
            f"{near_miss(place, list(shipped_tables()))}"
        )
    try:
        tables = _read(path)
    except LstmoptError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise LstmoptError(
            f"a table is an .npz file of losses, seconds and meta, found {path} ({error}): "
            "record it again"
        ) from error
    names = [table.name for table in tables]
    if wanted and wanted not in names:
        raise LstmoptError(
            f"{path} holds the tables {', '.join(names)}, found {wanted!r} asked for: "
            f"{near_miss(wanted, names)}"
        )
    return [table for table in tables if wanted in ("", table.name)]


def _read(path: Path) -> list[Table]:
    for recognises, read in FOREIGN:
        if recognises(path):
            return [_checked(make_table(**content)) for content in read(path)]
    with np.load(path, allow_pickle=False) as arrays:
        meta = json.loads(str(arrays["meta"]))
        if meta["schema"] != SCHEMA:
            raise LstmoptError(
                f"this version reads tables of schema {SCHEMA}, found {meta['schema']!r} in {path}:"
                " record it again"
            )
        columns = {n.removeprefix("param_"): arrays[n] for n in arrays if n.startswith("param_")}
        static = {n.removeprefix("static_"): arrays[n] for n in arrays if n.startswith("static_")}
        table = make_table(
            name=meta["name"],
            losses=arrays["losses"],
            seconds=arrays["seconds"],
            static=static,
            columns=columns,
            space=meta["space"],
            rules=meta["static"],
            source=meta["source"],
            licence=meta["licence"],
            conditions=meta.get("conditions"),
            target=meta.get("target", ""),
        )
    return [_checked(table)]


def make_table(
    *,
    name: str,
    losses: NDArray[Any],
    seconds: NDArray[Any],
    static: Mapping[str, NDArray[Any]],
    columns: Mapping[str, NDArray[Any]],
    space: Mapping[str, Any],
    rules: Mapping[str, Mapping[str, Sequence[str]]],
    source: str,
    licence: str,
    conditions: Mapping[str, Mapping[str, Sequence[Value]]] | None = None,
    target: str = "",
) -> Table:
    """Build a table from arrays and the plain values of its ``meta``."""
    parameters = {n: _read_parameter(entry) for n, entry in space.items()}
    return Table(
        name,
        losses.astype(float),
        seconds.astype(float),
        {n: values.astype(float) for n, values in static.items()},
        _read_space(parameters, conditions),
        _rows_of(columns, parameters),
        {n: _read_rule(rule) for n, rule in rules.items()},
        source,
        licence,
        target,
    )


def write_table(table: Table, path: Path) -> None:
    """Write a table; its folder is made where there is none."""
    parameters = table.space.parameters
    columns = {f"param_{n}": _column(table, n) for n in parameters}
    static = {f"static_{n}": values.astype(np.float32) for n, values in table.static.items()}
    meta: dict[str, Any] = {
        "schema": SCHEMA,
        "name": table.name,
        "source": table.source,
        "licence": table.licence,
        "space": {n: _plain(p) for n, p in parameters.items()},
        "static": {n: {rule.kind: rule.names} for n, rule in table.rules.items()},
    }
    if (acting := _acting_conditions(table.space)) != _acting_conditions(Space(parameters)):
        meta["conditions"] = acting
    if table.target:
        meta["target"] = table.target
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "meta": np.array(json.dumps(meta)),
        "losses": table.losses.astype(np.float32),
        "seconds": table.seconds.astype(np.float32),
        **columns,
        **static,
    }
    np.savez_compressed(path, **arrays)


def _checked(table: Table) -> Table:
    shapes = {table.seconds.shape, table.losses.shape}
    lengths = {len(values) for values in table.static.values()} | {table.rows}
    if table.params:
        lengths.add(len(table.params))
    if len(shapes) > 1 or len(lengths) > 1 or not table.static or table.losses.ndim != 2:
        raise LstmoptError(
            f"a table holds losses and seconds of one shape and a static objective for each row, "
            f"found {shapes} and {lengths} rows in {table.name!r}: record it again"
        )
    return table


def table_space(space: Space) -> Space:
    """Return a space as a table holds it: with no condition but those that may fail in it."""
    classic, acting = Space(space.parameters), _acting_conditions(space)
    return classic if acting == _acting_conditions(classic) else Space(space.parameters, acting)


def _acting_conditions(space: Space) -> dict[str, dict[str, tuple[Value, ...]]]:
    return {
        name: {
            parent: tuple(value for value in values if _may_be(space, parent, value))
            for parent, values in space.conditions[name].items()
            if space.is_conditional(parent) or not {*space.values_of(parent)} <= {*values}
        }
        for name in space.parameters
        if space.is_conditional(name)
    }


def _may_be(space: Space, name: str, value: Value) -> bool:
    parameter = space.parameters.get(name)
    return parameter.contains(value) if parameter else value in space.values_of(name)


def _read_space(
    parameters: dict[str, Parameter],
    conditions: Mapping[str, Mapping[str, Sequence[Value]]] | None,
) -> Space:
    if conditions is None:
        return Space(parameters)
    read = {n: {p: tuple(values) for p, values in when.items()} for n, when in conditions.items()}
    return Space(parameters, read)


def _read_parameter(entry: Any) -> Parameter:
    return Range(**entry) if isinstance(entry, Mapping) else Choice(tuple(entry))


def _plain(parameter: Parameter) -> Any:
    match parameter:
        case Choice(values):
            return list(values)
        case Range(low, high, log, integer):
            return {"low": low, "high": high, "log": log, "integer": integer}


def _read_rule(rule: Mapping[str, Sequence[str]]) -> StaticRule:
    ((kind, names),) = rule.items()
    if kind not in ("lookup", "product"):
        raise ValueError(f"a static objective is a lookup or a product, not {kind!r}")
    return StaticRule("lookup" if kind == "lookup" else "product", tuple(names))


def _rows_of(
    columns: Mapping[str, NDArray[Any]], parameters: Mapping[str, Parameter]
) -> tuple[Params, ...]:
    values = [[_value(v, parameters[n]) for v in column] for n, column in columns.items()]
    return tuple(
        {n: v for n, v in zip(columns, row, strict=True) if v is not None}
        for row in zip(*values, strict=True)
    )


def _value(value: Any, parameter: Parameter) -> Value | None:
    """Turn an array's element into a hyperparameter's value; None where it does not apply."""
    plain = value.item()
    if plain == "" or plain != plain:
        return None
    if isinstance(parameter, Choice):
        return next(choice for choice in parameter.values if choice == plain)
    return round(plain) if parameter.integer else float(plain)


def _column(table: Table, name: str) -> NDArray[Any]:
    values = [params.get(name) for params in table.params]
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values])
    return np.array([np.nan if value is None else value for value in values], float)
