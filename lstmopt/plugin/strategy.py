"""What a plug-in hands over: a strategy, or an objective, under a name of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lstmopt.errors import LstmoptError
from lstmopt.plugin.failures import PluginErrors, wrong_answer

if TYPE_CHECKING:
    from lstmopt.epoch import Epoch
    from lstmopt.plugin.network import Network

Kind = Literal["sampler", "pruner", "warm-start", "objective", "network", "baseline"]


TellStopped = Literal["nothing", "last", "extrapolated"]
"""What a sampler sees in place of a stopped or paused trial's learned objectives.

Nothing; the best value so far; or what it would have come to, judged by finished trials.
"""


@dataclass(frozen=True)
class Strategy:
    """A named way to do something, and what it can do.

    The keyword signature of ``make`` is its option schema: names, defaults and annotated types.
    Some keywords are filled where the signature has them, and are no options. A sampler's are
    ``seed`` (int, another for each trial), ``study_seed`` (int, the same for all) and ``space``
    (`Space`); a warm start's are ``make_warm_start``, which makes the one that another name or
    table stands for, and ``target_fingerprint`` (str), by which a series is known again (`Series`
    in ``lstmopt.data.series``), "" where that is not known; a pruner's are ``make_pruner``, which
    makes another's, and ``naive``, which gives the naive forecast's losses by objective or is None.

    Attributes:
        name: What it is chosen by.
        make: Makes it; what its docstring says of each option is what a user reads of it.
        summary: What it does, in a line.
        reference: The paper or the page that describes it.
        multi_objective: Whether a sampler can serve several objectives.
        continuous: Whether a sampler can search ranges without a finite list of values.
        conditional: Whether a sampler can search hyperparameters that do not always apply.
        parallel: Whether a sampler may propose while other trials run.
        resume: Whether the state is in the study alone. Then a sampler is made anew, with a seed of
            its own, for every trial, and a pruner decides the same after an interruption.
        tell_stopped: What serves a sampler best to be told of stopped trials.
        sees: How many trials a sampler is shown, the latest and as many finished ones, where its
            cost grows with them; None for all.
        stopped_per_finished: How many stopped trials without values a sampler is shown at most for
            each that has them; None for all.
        needs: A module of an optional package that it imports; where that is not installed, a study
            that names no baselines does without this one.
        package: Who brought it, the distribution's name or a file's path; the registry fills it in.
    """

    name: str
    make: Callable[..., Any]
    summary: str
    reference: str
    multi_objective: bool = True
    continuous: bool = True
    conditional: bool = True
    parallel: bool = True
    resume: bool = True
    tell_stopped: TellStopped = "last"
    sees: int | None = None
    stopped_per_finished: int | None = None
    needs: str = ""
    package: str = field(default="", compare=False)


@dataclass(frozen=True)
class Objective:
    """One thing a study optimises.

    Attributes:
        name: A word, as a column has it.
        direction: ``minimize`` or ``maximize``.
        kind: ``static`` is known before training; ``learned`` comes with each report, and so does
            ``forecast``, which is measured where training happens.
        measure: Maps a `ForecastCost` (static), an `Epoch` (learned) or `ScoredForecasts` of the
            validation part (forecast) to a finite float.
        summary: What it measures, in a line.
        unit: Of its values, for labels.
        scale: How an axis is best read, ``linear`` or ``log``.
        quantiles: Whether it measures quantiles, which a study's networks then forecast.
        package: Who brought it, the distribution's name or a file's path; the registry fills it in.
    """

    name: str
    direction: Literal["minimize", "maximize"]
    kind: Literal["static", "learned", "forecast"]
    measure: Callable[[Any], float]
    summary: str = ""
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    quantiles: bool = False
    package: str = field(default="", compare=False)

    def value(self, measured: Any) -> float:
        """Measure, and hold ``measure`` to a number.

        Args:
            measured: A `ForecastCost` (static), an `Epoch` (learned) or `ScoredForecasts`
                (forecast).

        Returns:
            What it measures, in its own units. A learned or forecast objective may be no finite
            number in an epoch: a trial whose best epoch is so fails, and no other.

        Raises:
            LstmoptError: Where ``measure`` raises, and where it gives no number, or a static one
                that is not finite.
        """
        who = described("objective", self)
        with PluginErrors(who):
            found = self.measure(measured)
        number = _as_number(found)
        if number is None or (self.kind == "static" and not math.isfinite(number)):
            rule = "a finite number" if self.kind == "static" else "a number"
            given = f"{found!r} for {measured}"
            rule = f"a {self.kind} objective measures {rule}"
            raise LstmoptError(wrong_answer(rule, given, who))
        return number

    def at(self, epoch: Epoch) -> float:
        """Return what a report says of it.

        Args:
            epoch: The report.

        Returns:
            The value of a learned or forecast objective, in its own units; NaN for a forecast
            objective that was not measured then.
        """
        if self.kind == "forecast":
            return epoch.values.get(self.name, math.nan)
        return self.value(epoch)

    def minimised(self, value: float) -> float:
        """Return a value turned so that lower is better; the same turns it back.

        Args:
            value: In the objective's own units, or turned.

        Returns:
            The value, with the other sign where the objective is maximised.
        """
        return value if self.direction == "minimize" else -value


def described(kind: Kind, item: Strategy | Objective | Network) -> str:
    """Return a plug-in as an error names it: what it is, its name, and who brought it.

    Args:
        kind: What it is.
        item: What the plug-in handed over.

    Returns:
        For instance ``sampler 'mine' of mine.py``.
    """
    brought = f" of {item.package}" if item.package else ""
    return f"{kind.replace('-', ' ')} {item.name!r}{brought}"


def _as_number(found: Any) -> float | None:
    """Return a number of any library's as Python's own; None for what is none, such as text."""
    if isinstance(found, str | bytes | bytearray):
        return None
    try:
        return float(found)
    except (TypeError, ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Named:
    """A strategy's name and its options, written ``NAME`` or ``NAME:KEY=VALUE,KEY=VALUE``.

    Attributes:
        name: A registered name.
        options: Values by keyword; they are text where they were read from text.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read a name and its options from one text.

        Args:
            text: ``NAME`` or ``NAME:KEY=VALUE,KEY=VALUE``.

        Returns:
            The name, and the options as text.

        Raises:
            LstmoptError: For an option without a keyword or a value.
        """
        name, rest = _SPLIT.fullmatch(text).groups("")  # type: ignore[union-attr]
        options = {}
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            if not (key and equals):
                raise LstmoptError(
                    f"a strategy's options are KEY=VALUE, found {part!r} in {text!r}: "
                    "write for instance percentile:percentile=40"
                )
            options[key] = value
        return cls(name, options)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Named:
        """Return what a table says, of which ``name`` is the name and the rest the options."""
        return cls(table["name"], {k: v for k, v in table.items() if k != "name"})

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


_SPLIT = re.compile(r"([^=]*?)(?::([^:=]*=.*))?", re.DOTALL)
"""A name, which may hold a colon itself (``optuna:NopPruner``), and what follows it with ``=``."""
