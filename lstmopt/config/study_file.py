"""A study file (TOML) -> one frozen Config; an unknown key is an error naming the near miss."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import tomli_w

from lstmopt.data.options import DataOptions
from lstmopt.errors import LstmoptError, near_miss
from lstmopt.objectives import Limits
from lstmopt.plugin.registry import Named, TellStopped
from lstmopt.training.options import TrainingOptions

Pick = Literal["knee", "best", "fastest"]


class TaskOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is forecast from what: input and forecast steps, in rows."""

    window: int = 24
    horizon: int = 1


class SplitOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Fractions of the rows, in time's order; the rest is the test part."""

    train: float = 0.7
    validation: float = 0.15


class BudgetOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When the search ends: trials or epochs in all, or seconds of one call (also "10m", "1h")."""

    trials: int = 50
    epochs: int | None = None
    timeout: float | str | None = None

    @property
    def seconds(self) -> float | None:
        return None if self.timeout is None else parse_duration(self.timeout)


class EngineOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where candidates are trained: in processes of this machine unless ``url`` says otherwise.

    ``url`` is a Dask scheduler's, or ``dask`` for a cluster on this machine. ``wait`` is how long
    it may be away or without workers (seconds, also "10m"); ``gpus`` the share of a GPU that a
    candidate asks for where the device is cuda; ``latency_on`` the worker on which forecasts are
    timed, this machine where it is empty.
    """

    url: str = ""
    wait: float | str = "5m"
    gpus: float = 1.0
    latency_on: str = ""


LOCAL_ENGINE = "local"
"""Another word on the command line for processes of this machine."""


class FinalistOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the front is refitted and one candidate chosen."""

    seeds: int = 3
    pick: Pick = "knee"


class WarmStartOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a study learns from: ``runs``, and what hyperparameters there are called here.

    A run is a folder, an ``optimization_results.json``, an Optuna storage's URL, or ``auto`` for
    all in the folder of the study's own. ``name`` and the other keys of ``[warm_start]`` choose the
    strategy.
    """

    runs: tuple[str, ...] = ()
    rename: dict[str, str] = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything in force in one run.

    ``plugins`` are files; ``requires`` names the packages whose plug-ins are used, with versions.
    """

    name: str = "study"
    seed: int = 0
    objectives: tuple[str, ...] = ("val_loss", "latency_ms")
    workers: int = 0
    device: str = "auto"
    storage: str = ""
    engine: EngineOptions = EngineOptions()
    plugins: tuple[str, ...] = ()
    requires: dict[str, str] = {}
    data: DataOptions = DataOptions()
    task: TaskOptions = TaskOptions()
    split: SplitOptions = SplitOptions()
    training: TrainingOptions = TrainingOptions()
    space: dict[str, Any] = {}
    sampler: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "tpe"})
    pruner: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "auto"})
    tell_stopped: TellStopped | None = None
    limits: Limits = Limits()
    warm_start: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "auto"})
    budget: BudgetOptions = BudgetOptions()
    finalists: FinalistOptions = FinalistOptions()

    @property
    def earlier(self) -> WarmStartOptions:
        """What the study learns from."""
        fields = {k: v for k, v in self.warm_start.items() if k in _EARLIER}
        return msgspec.convert(fields, WarmStartOptions)

    @property
    def warm_start_strategy(self) -> dict[str, Any]:
        """The warm start's name and options."""
        return {k: v for k, v in self.warm_start.items() if k not in _EARLIER}


_EARLIER = WarmStartOptions.__struct_fields__


def read_config(path: Path) -> Config:
    """Read a study file; a relative data path is taken from the file's folder."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LstmoptError(f"a study is a TOML file, found none at {path}: mend the path") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LstmoptError(f"a study is a TOML file, found in {path}: {error}; mend it") from error
    config = make_config({"name": path.stem, **content}, str(path))
    if config.data.path:
        place = (path.parent / config.data.path).resolve()
        config = replace(config, data=replace(config.data, path=str(place)))
    if runs := config.earlier.runs:
        beside = [str(path.parent / run) if (path.parent / run).exists() else run for run in runs]
        near = [
            run if run == "auto" else _absolute(found)
            for run, found in zip(runs, beside, strict=True)
        ]
        config = replace(config, warm_start=config.warm_start | {"runs": near})
    return config


def make_config(content: dict[str, Any], source: str = "the study") -> Config:
    """Turn plain values into a checked Config. Raises LstmoptError naming the key at fault."""
    try:
        config = msgspec.convert(content, Config)
        named = {"name": "auto"} | config.warm_start
        config = msgspec.structs.replace(config, warm_start=named)
        _ = config.earlier  # refuses what is not its type
    except msgspec.ValidationError as error:
        raise LstmoptError(_explain(str(error), source)) from error
    check(config)
    return config


def check(config: Config) -> None:
    """Refuse what no type can: numbers out of range, names of unknown devices."""
    limits = (
        ("name is a plain folder name", re.fullmatch(r"[\w.-]+", config.name), config.name),
        ("seed is at least 0", config.seed >= 0, config.seed),
        ("workers is at least 0 (0: one a core)", config.workers >= 0, config.workers),
        (
            "device is auto, cpu or cuda",
            re.fullmatch(r"auto|cpu|cuda(:\d+)?", config.device),
            config.device,
        ),
        ("task.window is at least 1", config.task.window >= 1, config.task.window),
        ("task.horizon is at least 1", config.task.horizon >= 1, config.task.horizon),
        ("split.train lies between 0 and 1", 0 < config.split.train < 1, config.split.train),
        (
            "split.train + split.validation stays below 1, so that a test part is left",
            config.split.validation > 0 and config.split.train + config.split.validation < 1,
            (config.split.train, config.split.validation),
        ),
        ("training.epochs is at least 1", config.training.epochs >= 1, config.training.epochs),
        (
            "training.patience is at least 1",
            config.training.patience >= 1,
            config.training.patience,
        ),
        (
            "training.clip_norm is above 0",
            config.training.clip_norm > 0,
            config.training.clip_norm,
        ),
        (
            "training.targets_per_window is at least 1",
            config.training.targets_per_window is None or config.training.targets_per_window >= 1,
            config.training.targets_per_window,
        ),
        (
            "training.report_every is at least 1",
            config.training.report_every is None or config.training.report_every >= 1,
            config.training.report_every,
        ),
        (
            "limits.max_latency_ms is above 0",
            config.limits.max_latency_ms is None or config.limits.max_latency_ms > 0,
            config.limits.max_latency_ms,
        ),
        (
            "limits.max_parameters is at least 1",
            config.limits.max_parameters is None or config.limits.max_parameters >= 1,
            config.limits.max_parameters,
        ),
        (
            "limits.max_memory_mb is above 0",
            config.limits.max_memory_mb is None or config.limits.max_memory_mb > 0,
            config.limits.max_memory_mb,
        ),
        (
            "limits.max_trial_seconds is above 0",
            config.limits.max_trial_seconds is None or config.limits.max_trial_seconds > 0,
            config.limits.max_trial_seconds,
        ),
        ("budget.trials is at least 1", config.budget.trials >= 1, config.budget.trials),
        (
            "budget.epochs is at least 1",
            config.budget.epochs is None or config.budget.epochs >= 1,
            config.budget.epochs,
        ),
        ("finalists.seeds is at least 1", config.finalists.seeds >= 1, config.finalists.seeds),
        (
            "engine.url is a Dask scheduler's such as tcp://host:8786, dask, or local",
            re.fullmatch(r"|dask|(tcp|tls|ws|wss)://[^\s/]+:\d+", config.engine.url),
            config.engine.url,
        ),
        (
            "device is cuda on a cluster, where each worker sees one GPU",
            not config.engine.url or ":" not in config.device,
            config.device,
        ),
        (
            "engine.gpus is above 0 and at most 1",
            0 < config.engine.gpus <= 1,
            config.engine.gpus,
        ),
        (
            "engine.latency_on needs a cluster (engine.url)",
            config.engine.url or not config.engine.latency_on,
            config.engine.latency_on,
        ),
        (
            "engine.wait is above 0 seconds",
            parse_duration(config.engine.wait) > 0,
            config.engine.wait,
        ),
    )
    for rule, holds, found in limits:
        if not holds:
            raise LstmoptError(f"{rule}, found {found!r}: change it")
    if config.budget.seconds is not None and config.budget.seconds <= 0:
        raise LstmoptError(
            f"a timeout is above 0 seconds, found {config.budget.timeout!r}: change it"
        )
    for kind, example in (("sampler", "tpe"), ("pruner", "median"), ("warm_start", "best")):
        if not isinstance(getattr(config, kind).get("name"), str):
            raise LstmoptError(f'[{kind}] needs a name, found none: add name = "{example}"')


def replace(config: Any, **changes: Any) -> Any:
    """Return a frozen options value with some fields changed."""
    return msgspec.structs.replace(config, **changes)


def write_config(config: Config) -> str:
    """Return the study file that says the same; empty values are left out."""
    content = msgspec.to_builtins(config)
    return tomli_w.dumps(_without_none(content))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list | tuple) else value


_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_duration(value: float | str) -> float:
    """Return seconds from a number or a text such as "90s", "10m", "1.5h"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(value).lower())
    if match is None or match[2] not in _UNITS:
        raise LstmoptError(
            f"a duration is a number with s, m, h or d, found {value!r}: write for instance 10m"
        )
    return float(match[1]) * _UNITS[match[2]]


_BYTES = {"": 1e6, "mb": 1e6, "gb": 1e9, "mib": 2**20, "gib": 2**30}


def parse_megabytes(value: str) -> float:
    """Return megabytes (10^6 bytes) from a text such as "500", "500MB", "2GB", "1.5GiB"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value.lower())
    if match is None or match[2] not in _BYTES:
        raise LstmoptError(
            f"memory is a number with MB, GB, MiB or GiB, found {value!r}: write for instance 2GB"
        )
    return float(match[1]) * _BYTES[match[2]] / 1e6


def _explain(message: str, source: str) -> str:
    """Turn a validation message into one sentence with the near miss of an unknown key."""
    path = found[1] if (found := re.search(r"at `\$\.?([^`]*)`", message)) else ""
    if unknown := re.search(r"unknown field `([^`]*)`", message):
        struct: Any = Config
        for part in filter(None, path.split(".")):
            field = next(f for f in msgspec.structs.fields(struct) if f.name == part)
            options = (field.type, *get_args(field.type))
            struct = next(t for t in options if isinstance(t, type(msgspec.Struct)))
        where = f"[{path}] in {source}" if path else source
        hint = near_miss(unknown[1], [f.name for f in msgspec.structs.fields(struct)])
        return f"{where} holds known keys only, found {unknown[1]!r}: {hint}"
    rule = message.split(" - at ")[0]
    return f"{path or 'every key'} in {source} has a fixed type, found otherwise: {rule}"


def shipped_study() -> Path:
    """Return the study file that comes with the program."""
    from importlib.util import find_spec

    found = find_spec("lstmopt_studies")
    if found is None or found.origin is None:
        raise LstmoptError("the shipped study is part of the package, found none: install it again")
    return Path(found.origin).with_name("bike_sharing.toml")


_PLACES = {
    "data": ("data", "path"),
    "target": ("data", "target"),
    "time_columns": ("data", "time"),
    "features": ("data", "features"),
    "drop": ("data", "drop"),
    "window": ("task", "window"),
    "horizon": ("task", "horizon"),
    "trials": ("budget", "trials"),
    "timeout": ("budget", "timeout"),
    "epochs": ("training", "epochs"),
    "report_every": ("training", "report_every"),
    "max_latency_ms": ("limits", "max_latency_ms"),
    "max_parameters": ("limits", "max_parameters"),
    "max_memory_mb": ("limits", "max_memory_mb"),
    "max_trial_seconds": ("limits", "max_trial_seconds"),
    "pick": ("finalists", "pick"),
    "engine": ("engine", "url"),
    "latency_on": ("engine", "latency_on"),
    "sampler": ("sampler", "name"),
    "pruner": ("pruner", "name"),
}
"""Where a command line option stands in a study file; the others stand at its top."""

_OWN_WAY = ("warm_start", "warm_start_strategy")


def override(config: Config, options: dict[str, Any]) -> Config:
    """Lay command line options over a study; an option that is None or empty changes nothing.

    Another sampler or pruner than the study's drops the options of the study's.
    """
    content: dict[str, Any] = msgspec.to_builtins(config)
    options = dict(options)
    if options.get("engine") == LOCAL_ENGINE:
        content["engine"] = {}
        options["engine"] = None
    if text := options.pop("max_memory", None):
        options["max_memory_mb"] = parse_megabytes(text)
    if text := options.pop("max_trial_time", None):
        options["max_trial_seconds"] = parse_duration(text)
    for kind in ("sampler", "pruner"):
        if options.get(kind) and options[kind] != content[kind]["name"]:
            content[kind] = {}
    for option, value in options.items():
        if value is None or value == () or option.endswith("_option") or option in _OWN_WAY:
            continue
        place = content
        *tables, key = _PLACES.get(option, (option,))
        for table in tables:
            place = place[table]
        place[key] = value
    for kind in ("sampler", "pruner"):
        content[kind] |= dict(
            _parse_option(kind, text) for text in options.get(f"{kind}_option", ())
        )
    if text := options.get("warm_start_strategy"):
        named, earlier = Named.parse(text), config.earlier
        content["warm_start"] = {"name": named.name, **named.options}
        content["warm_start"] |= msgspec.to_builtins(earlier)
    if runs := options.get("warm_start"):
        # another folder may be the current one when the run goes on
        content["warm_start"]["runs"] = [_absolute(run) for run in runs]
    content["plugins"] = [_absolute(path) for path in content["plugins"]]
    if options.get("data"):
        content["data"]["path"] = str(Path(options["data"]).resolve())
    return make_config(content, "the command line")


def _absolute(place: str) -> str:
    """Return a path that means the same in any folder; other words stay as they are."""
    known = place not in ("", "auto") and Path(place).exists()
    return str(Path(place).resolve()) if known else place


def _parse_option(kind: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise LstmoptError(
            f"--{kind}-option takes NAME=VALUE, found {text!r}: write n_startup_trials=20"
        )
    return name, value
