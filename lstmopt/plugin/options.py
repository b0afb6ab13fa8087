"""The options of a strategy: the keywords of its ``make``, with their types and what they mean."""

from __future__ import annotations

import collections.abc
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.plugin.failures import PluginErrors
from lstmopt.plugin.strategy import Kind, Strategy, described

CONTEXT = (
    "seed",
    "study_seed",
    "space",
    "naive",
    "make_pruner",
    "make_warm_start",
    "target_fingerprint",
)
"""Keywords of ``make`` that are filled where the signature has them; never options."""

_TYPES = {int: "a whole number", float: "a number", bool: "true or false"}

_MARKUP = (
    (re.compile(r"(Example:\s*)?\.\. testcode::.*", re.DOTALL), ""),
    (re.compile(r":[\w:]+:`~(?:\w+\.)*(\w+)`"), r"\1"),  # :class:`~package.Name`
    (re.compile(r":[\w:]+:`([^`]*)`"), r"\1"),  # :obj:`None`
    (re.compile(r"`([^`<]+?)\s*<([^`>]+)>`__?"), r"\1 (\2)"),  # a link
    (re.compile(r"\.\. (\w+)::"), r"\1:"),  # .. note::
    (re.compile(r"`+([^`]*)`+"), r"\1"),
)
"""What reStructuredText adds to a text, and what stands for it in a terminal."""


@dataclass(frozen=True)
class Option:
    """An option as a user reads of it; ``default`` is "" where it must be given."""

    name: str
    type: str
    default: str
    meaning: str


def options_of(strategy: Strategy) -> list[Option]:
    """List what a strategy may be asked for; what it means is what its docstring says of it."""
    import docstring_parser

    documented = docstring_parser.parse(inspect.getdoc(strategy.make) or "").params
    meanings = {entry.arg_name: _plain(entry.description or "") for entry in documented}
    return [
        Option(
            name,
            inspect.formatannotation(parameter.annotation).strip("'"),
            "" if parameter.default is parameter.empty else repr(parameter.default),
            meanings.get(name, ""),
        )
        for name, parameter in _schema(strategy).items()
    ]


def _plain(text: str) -> str:
    """Return a docstring's text in one line, without its markup."""
    for markup, words in _MARKUP:
        text = markup.sub(words, text)
    return " ".join(text.split())


def takes(strategy: Strategy, keyword: str) -> bool:
    """Say whether ``strategy.make`` has a keyword."""
    return keyword in inspect.signature(strategy.make).parameters


def make(strategy: Strategy, kind: Kind, options: Mapping[str, Any], **context: Any) -> Any:
    """Call ``strategy.make`` with checked options and the parts of ``context`` it asks for.

    Text, as the command line gives it, is read as the type that the option's annotation names.

    Raises:
        LstmoptError: For an option that there is not or of another type, for one that ``make``
            refuses, where it needs a package that is not installed, and where it raises.
    """
    schema = _schema(strategy)
    checked = {}
    for name, value in options.items():
        if name not in schema:
            raise LstmoptError(
                f"{kind} {strategy.name!r} takes its own options only, found {name!r}: "
                f"{near_miss(name, list(schema))}"
            )
        wanted = _type_of(strategy.make, schema[name])
        try:
            checked[name] = msgspec.convert(value, wanted, strict=False)
        except msgspec.ValidationError:
            rule = _TYPES.get(wanted, inspect.formatannotation(wanted))
            raise LstmoptError(
                f"{kind} option {name} takes {rule}, found {value!r}: change it"
            ) from None
        except TypeError:  # a type that msgspec does not know
            checked[name] = value
    filled = {name: value for name, value in context.items() if takes(strategy, name)}
    try:
        with PluginErrors(described(kind, strategy), passes=_is_refusal):
            return strategy.make(**checked, **filled)
    except ImportError as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        raise LstmoptError(
            f"{kind} {strategy.name!r} needs a package that is not installed, found: {error}: "
            + (f"pip install {missing.partition('.')[0]}" if missing else "install what it names")
        ) from error
    except (ValueError, TypeError) as error:
        raise LstmoptError(f"{kind} {strategy.name!r} refused its options: {error}") from error


def _is_refusal(error: Exception) -> bool:
    """Say whether what ``make`` raised is how it refuses its options, or what is not installed."""
    return isinstance(error, ImportError | ValueError | TypeError)


def _schema(strategy: Strategy) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(strategy.make).parameters
    return {name: parameter for name, parameter in parameters.items() if name not in CONTEXT}


def _type_of(make: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Return an option's type; Any where its annotation is text that names what is not there."""
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return Any if annotation is parameter.empty else annotation
    names = vars(collections.abc) | vars(typing) | getattr(make, "__globals__", {})
    try:
        return typing.get_type_hints(SimpleNamespace(__annotations__={"it": annotation}), names)[
            "it"
        ]
    except NameError:  # it is there for type checkers only
        return Any
