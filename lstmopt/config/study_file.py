"""A study file (TOML) -> one frozen Config; an unknown key is an error naming the near miss."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import tomli_w

from lstmopt.config.options import Config, WarmStartOptions
from lstmopt.errors import LstmoptError, near_miss
from lstmopt.search_space import plain


def read_config(path: str | Path) -> Config:
    """Read a study file.

    Args:
        path: The TOML file; a relative data path in it is taken from its folder, and so
            is a plug-in's where there is such a file.

    Returns:
        The study, checked.

    Raises:
        LstmoptError: Where there is no such file, and for a key or a value that it may not have.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LstmoptError(f"a study is a TOML file, found none at {path}: mend the path") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LstmoptError(f"a study is a TOML file, found in {path}: {error}; mend it") from error
    config: Config = make_config({"name": path.stem, **content}, str(path))
    if config.data.path:
        place = (path.parent / config.data.path).resolve()
        config = replace(config, data=replace(config.data, path=str(place)))
    beside = [str(path.parent / p) if (path.parent / p).exists() else p for p in config.plugins]
    config = replace(config, plugins=tuple(map(absolute, beside)))
    if runs := config.earlier.runs:
        beside = [str(path.parent / run) if (path.parent / run).exists() else run for run in runs]
        near = [
            run if run == "auto" else absolute(found)
            for run, found in zip(runs, beside, strict=True)
        ]
        config = replace(config, warm_start=config.warm_start | {"runs": near})
    return config


TABLES = frozenset(
    {".csv", ".tsv", ".txt", ".gz", ".zip", ".xlsx", ".xls", ".ods", ".parquet", ".feather"}
)
"""How files end that hold a table and no study."""


def study_name(table: str) -> str:
    """Name a study after the file of its table.

    Args:
        table: The path of a table.

    Returns:
        A plain folder name, by which ``2023.01.csv`` and ``2023.02.csv`` differ.
    """
    name = Path(table).name
    while Path(name).suffix.lower() in TABLES:
        name = Path(name).stem
    return re.sub(r"[^\w.-]+", "_", name).strip("_.") or "study"


def make_config(content: dict[str, Any], source: str = "the study") -> Config:
    """Turn plain values into a study.

    Args:
        content: What a study file would hold; numbers and arrays of numpy's, and paths, too.
        source: Where it comes from, for errors.

    Returns:
        The study, checked; what ``content`` does not say has its default.

    Raises:
        LstmoptError: For a key or a value that a study may not have, which it names.
    """
    content = plain(content)
    if isinstance(table := content.get("warm_start"), dict):
        content = content | {"warm_start": {"name": "auto"} | table}
    try:
        config = msgspec.convert(content, Config)
        _check_earlier(config)
    except msgspec.ValidationError as error:
        raise LstmoptError(_explain(str(error), content, source)) from error
    return config


def _check_earlier(config: Config) -> WarmStartOptions:
    """Return what a study learns from: it is checked where it is asked for, which is here."""
    return config.earlier


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


_BOUND = re.compile(r"Expected `\w+` (>=|>|<=|<|matching)")


def _explain(message: str, content: Any, source: str) -> str:
    """Return a validation message as one sentence, with the near miss of an unknown key."""
    path = found[1] if (found := re.search(r"at `\$\.?([^`]*)`", message)) else ""
    keys = [key for key in path.split(".") if key]
    if unknown := re.search(r"unknown field `([^`]*)`", message):
        where = f"[{path}] in {source}" if path else source
        known = list(_type_at(keys).__struct_fields__)
        return (
            f"{where} holds known keys only, found {unknown[1]!r}: {near_miss(unknown[1], known)}"
        )
    if _BOUND.match(message):
        for key in keys:
            content = content[key]
        return f"{path} {_bound_of(_type_at(keys))}, found {content!r}: change it"
    rule = message.split(" - at ")[0]
    return f"{path or 'every key'} in {source} has a fixed type, found otherwise: {rule}"


def _type_at(keys: list[str]) -> Any:
    """Return the type of what lies at a path of keys in a study."""
    found: Any = Config
    for key in keys:
        found = get_type_hints(found, include_extras=True)[key]
    return found


def _bound_of(wanted: Any) -> str:
    """Return in words what bounds a type, which may be one of None too."""
    options = [wanted] if get_origin(wanted) is Annotated else get_args(wanted)
    (meta,) = (
        note
        for option in options
        if get_origin(option) is Annotated
        for note in get_args(option)[1:]
        if isinstance(note, msgspec.Meta)
    )
    if meta.description:
        return meta.description
    if meta.gt is not None and meta.lt is not None:
        return f"lies between {meta.gt} and {meta.lt}"
    words = {"at least": meta.ge, "above": meta.gt, "at most": meta.le, "below": meta.lt}
    return "is " + " and ".join(f"{w} {value}" for w, value in words.items() if value is not None)


def shipped_study() -> Path:
    """Return the study file that comes with the program.

    Returns:
        Its path.

    Raises:
        LstmoptError: Where it was not installed.
    """
    from importlib.util import find_spec

    found = find_spec("lstmopt_studies")
    if found is None or found.origin is None:
        raise LstmoptError("the shipped study is part of the package, found none: install it again")
    return Path(found.origin).with_name("bike_sharing.toml")


def absolute(place: str) -> str:
    """Return a path that means the same in any folder; other words stay as they are."""
    known = place not in ("", "auto") and Path(place).exists()
    return str(Path(place).resolve()) if known else place
