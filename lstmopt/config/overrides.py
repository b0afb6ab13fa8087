"""Command line options over a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lstmopt.config.options import Config
from lstmopt.config.study_file import absolute, make_config
from lstmopt.config.units import parse_duration, parse_megabytes
from lstmopt.errors import LstmoptError
from lstmopt.plugin.strategy import Named

LOCAL_ENGINE = "local"
"""Another word on the command line for processes of this machine."""


_PLACES = {
    "data": ("data", "path"),
    "target": ("data", "target"),
    "time_columns": ("data", "time"),
    "features": ("data", "features"),
    "drop": ("data", "drop"),
    "known": ("data", "known"),
    "id": ("data", "id"),
    "wide": ("data", "wide"),
    "order": ("data", "order"),
    "timezone": ("data", "timezone"),
    "time_format": ("data", "time_format"),
    "missing": ("data", "missing"),
    "series": ("data", "series"),
    "resample": ("data", "resample"),
    "resample_with": ("data", "resample_with"),
    "holidays": ("data", "holidays"),
    "window": ("task", "window"),
    "horizon": ("task", "horizon"),
    "transform": ("task", "transform"),
    "lower": ("task", "lower"),
    "upper": ("task", "upper"),
    "levels": ("intervals", "levels"),
    "calibration": ("intervals", "calibration"),
    "adaptive": ("intervals", "adaptive"),
    "scale": ("intervals", "scale"),
    "quantiles": ("intervals", "quantiles"),
    "scale_by": ("task", "scale_by"),
    "validation_rows": ("split", "validation_rows"),
    "test_rows": ("split", "test_rows"),
    "validation_from": ("split", "validation_from"),
    "test_from": ("split", "test_from"),
    "folds": ("split", "folds"),
    "gap": ("split", "gap"),
    "trials": ("budget", "trials"),
    "timeout": ("budget", "timeout"),
    "epochs": ("training", "epochs"),
    "report_every": ("training", "report_every"),
    "max_latency_ms": ("limits", "max_latency_ms"),
    "max_parameters": ("limits", "max_parameters"),
    "max_memory_mb": ("limits", "max_memory_mb"),
    "max_trial_seconds": ("limits", "max_trial_seconds"),
    "pick": ("finalists", "pick"),
    "refit": ("finalists", "refit"),
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
    if marks := options.get("missing"):
        options["missing"] = [as_value(mark) for mark in marks]
    if text := options.get("quantiles"):
        shares = [] if text == "none" else list(map(as_value, text.split(",")))
        options["quantiles"] = text if text == "levels" else shares
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
        content["warm_start"]["runs"] = [absolute(run) for run in runs]
    content["plugins"] = [absolute(path) for path in content["plugins"]]
    if options.get("data"):
        content["data"]["path"] = str(Path(options["data"]).resolve())
    return make_config(content, "the command line")


def as_value(text: str) -> float | str:
    """Return a word of the command line as a number where it is one.

    Args:
        text: The word.

    Returns:
        The number or the word.
    """
    try:
        return float(text)
    except ValueError:
        return text


def _parse_option(kind: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise LstmoptError(
            f"--{kind}-option takes NAME=VALUE, found {text!r}: write n_startup_trials=20"
        )
    return name, value
