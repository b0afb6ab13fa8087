"""What a study file may say: a frozen value a table, each field with its type, bounds and default.

A bound stands on its field. Where its words are not those of the number (``at least 1``), they are
its ``description``; `study_file` puts them into a sentence. What no single field can say is refused
where a value is made.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lstmopt.config.units import parse_duration
from lstmopt.data.options import DataOptions, History
from lstmopt.data.target_scale import TargetOptions, Transform
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.levels import Scale, check_levels
from lstmopt.objectives import Limits
from lstmopt.plugin.strategy import TellStopped
from lstmopt.search_space.quantiles import check_quantiles
from lstmopt.training.options import AtLeastOne, TrainingOptions

Pick = Literal["knee", "best", "near_best", "fastest"]
Name = Annotated[str, Meta(pattern=r"^[\w.-]+$", description="is a plain folder name")]
Workers = Annotated[int, Meta(ge=0, description="is at least 0 (0: one a core)")]
Device = Annotated[
    str, Meta(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="is auto, cpu or cuda")
]
EngineURL = Annotated[
    str,
    Meta(
        pattern=r"^(|dask|(tcp|tls|ws|wss)://[^\s/]+:\d+)$",
        description="is a Dask scheduler's such as tcp://host:8786, dask, or local",
    ),
]


class TaskOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is forecast from what.

    Attributes:
        window: Input steps of a forecast, in rows; None for what suits the series' seasons in the
            default space, else for 24.
        horizon: Steps forecast at once, in rows.
        transform: What the target becomes before it is scaled: ``none``, ``log1p`` or ``box_cox``.
        lower: What no forecast is below, in the target's own units; None for any number.
        upper: What no forecast is above.
        scale_by: Whether the target is scaled in each series of a panel by itself, or over all.
    """

    window: AtLeastOne | None = None
    horizon: AtLeastOne = 1
    transform: Transform = "none"
    lower: float | None = None
    upper: float | None = None
    scale_by: Literal["series", "all"] = "series"

    def __post_init__(self) -> None:
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise LstmoptError(
                f"task.lower stays below task.upper, found {self.lower:g} and {self.upper:g}: "
                "change one"
            )

    @property
    def target(self) -> TargetOptions:
        """What is asked of the target's scale."""
        return TargetOptions(self.transform, self.lower, self.upper, self.scale_by == "series")


class SplitOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which rows serve what, in time's order; the rest is the test part.

    Attributes:
        train: The share of the rows that is trained on.
        validation: The share that the search is judged on.
        validation_rows: How many rows that is in place of a share, of each series of a panel.
        test_rows: How many rows after these are the test part, in place of the rest; the two go
            together, and what lies before them is trained on.
        validation_from: The time from which on rows are validated on, the same in every series.
        test_from: The time from which on rows are tested on; the two go together.
        folds: How many times a candidate is trained and validated, each time that share of the rows
            earlier; its losses are means over the folds.
        gap: Rows left out between the training and the validation of a fold.
        history: What a fold is trained on: ``growing``, all rows before; ``sliding``, in every fold
            as many of the latest as the oldest fold has.
    """

    train: Annotated[float, Meta(gt=0, lt=1)] = 0.7
    validation: float = 0.15
    validation_rows: AtLeastOne | None = None
    test_rows: AtLeastOne | None = None
    validation_from: str | None = None
    test_from: str | None = None
    folds: AtLeastOne = 1
    gap: Annotated[int, Meta(ge=0)] = 0
    history: History = "growing"

    def __post_init__(self) -> None:
        if not (self.validation > 0 and self.train + self.validation < 1):
            raise LstmoptError(
                "split.train + split.validation stays below 1, so that a test part is left, found "
                f"{(self.train, self.validation)!r}: change it"
            )
        for kind in ("rows", "from"):
            pair = [f"{part}_{kind}" for part in ("validation", "test")]
            missing = [name for name in pair if getattr(self, name) is None]
            if len(missing) == 1:
                raise LstmoptError(
                    f"split.{pair[0]} and split.{pair[1]} go together, found one of them: give "
                    f"split.{missing[0]} too"
                )
        if self.test_rows is not None and self.test_from is not None:
            raise LstmoptError(
                "parts are counted or begin at times, found split.test_rows and split.test_from: "
                "leave one pair out"
            )


class BudgetOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When the search ends.

    Attributes:
        trials: Trials in all.
        epochs: Epochs of training in all, None for any number.
        timeout: Seconds of one call (also "10m", "1h"), from its start to the saved model and
            report; None for any time.
    """

    trials: AtLeastOne = 50
    epochs: AtLeastOne | None = None
    timeout: float | str | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and self.seconds <= 0:
            raise LstmoptError(f"a timeout is above 0 seconds, found {self.timeout!r}: change it")

    @property
    def seconds(self) -> float | None:
        """The timeout in seconds."""
        return None if self.timeout is None else parse_duration(self.timeout)


class EngineOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where candidates are trained: in processes of this machine unless ``url`` says otherwise.

    Attributes:
        url: A Dask scheduler's, or ``dask`` for a cluster on this machine.
        wait: How long it may be away or without workers, in seconds (also "10m").
        gpus: The share of a GPU that a candidate asks for where the device is cuda.
        latency_on: The worker on which forecasts are timed; empty for this machine.
    """

    url: EngineURL = ""
    wait: float | str = "5m"
    gpus: Annotated[float, Meta(gt=0, le=1)] = 1.0
    latency_on: str = ""

    def __post_init__(self) -> None:
        if parse_duration(self.wait) <= 0:
            raise LstmoptError(f"engine.wait is above 0 seconds, found {self.wait!r}: change it")
        if self.latency_on and not self.url:
            raise LstmoptError(
                f"engine.latency_on needs a cluster (engine.url), found {self.latency_on!r}: "
                "change it"
            )


class FinalistOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the front is refitted and one candidate chosen.

    Attributes:
        seeds: How often each candidate of the front is trained anew.
        pick: How one is chosen: ``knee``, ``best``, ``near_best`` or ``fastest``.
        refit: What the network to deploy is trained on after the test: ``all`` trains it anew on
            all rows for the epochs that validation found, ``train`` leaves it as it was tested.
        averages: Whether means of refits, and of refits with baselines, may be chosen too.
        members: How many an average has at most, each counted as often as it is in it.
    """

    seeds: AtLeastOne = 3
    pick: Pick = "best"
    refit: Literal["train", "all"] = "all"
    averages: bool = True
    members: Annotated[int, Meta(ge=2, le=8, description="is between 2 and 8")] = 8


class IntervalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How sure of a forecast one may be.

    Attributes:
        levels: Of intervals, in per cent; None for 80 and 90 as far as there are rows for them.
        calibration: The share of the validation part that intervals are calibrated on and nothing
            is chosen by: its newest rows. 0 calibrates on all of it, which the choice was made by;
            None is half of it on a series that is long enough, else 0.
        adaptive: Whether the ends follow the errors that come later; None for where there is one
            series.
        scale: What says how much wider one interval is than another: nothing (``constant``), how
            far apart the members of an average are (``ensemble``), or this and the posteriors of
            their heads (``bayesian``), dropout (``dropout``), or quantiles (``quantile``). None for
            the last where networks forecast quantiles, else for the first.
        quantiles: What networks are trained to forecast, shares below 1 and the median; ``levels``
            for the ends of the intervals. None for these where networks are of families' default
            spaces or an objective measures quantiles, else for none.
    """

    levels: tuple[float, ...] | None = None
    calibration: Annotated[float, Meta(ge=0, lt=1)] | None = None
    adaptive: bool | None = None
    scale: Scale | None = None
    quantiles: tuple[float, ...] | Literal["levels"] | None = None

    def __post_init__(self) -> None:
        check_levels(self.levels or ())
        if self.quantiles is not None and self.quantiles != "levels":
            check_quantiles(self.quantiles)


class WarmStartOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a study learns from; the other keys of ``[warm_start]`` choose the strategy.

    Attributes:
        runs: Earlier runs: a folder, an ``optimization_results.json``, an Optuna storage's URL, or
            ``auto`` for all in the folder of the study's own.
        rename: What hyperparameters there are called here.
    """

    runs: tuple[str, ...] = ()
    rename: dict[str, str] = {}


_EARLIER = WarmStartOptions.__struct_fields__


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything in force in one run; what a study file holds.

    Attributes:
        name: The study's, and by default that of its folder.
        seed: Everything random follows from it.
        objectives: What is optimised, by registered names.
        workers: How many candidates train at once, 0 for one a core.
        device: ``auto``, ``cpu`` or ``cuda``.
        storage: A database's URL; a journal in the run's folder where it is empty.
        engine: Where candidates are trained.
        plugins: Python files that bring plug-ins.
        requires: The packages whose plug-ins are used, with their versions.
        data: The table and how it is read.
        task: What is forecast from what.
        split: Which rows are trained on, validated on, tested on.
        training: How a candidate is trained.
        networks: Families of networks, by registered names, whose default domains are searched;
            what ``space`` says stands in place of theirs. None for ``space`` alone, or where that
            is empty too for the default families.
        space: The hyperparameters that vary (see `search_space.parse_space`).
        sampler: The sampler's name and options.
        pruner: The pruner's name and options.
        tell_stopped: What the sampler is told of stopped trials, None for what serves it best.
        limits: What a forecaster may cost at most.
        baselines: Forecasts that a network has to beat, by registered names with their options
            (``NAME:KEY=VALUE,…``); None for all whose packages are installed.
        warm_start: The warm start's name and options, and what it learns from.
        budget: When the search ends.
        finalists: How the front is refitted and one candidate chosen.
        intervals: How sure of a forecast one may be.
    """

    name: Name = "study"
    seed: Annotated[int, Meta(ge=0)] = 0
    objectives: tuple[str, ...] = ("val_loss", "latency_ms")
    workers: Workers = 0
    device: Device = "auto"
    storage: str = ""
    engine: EngineOptions = EngineOptions()
    plugins: tuple[str, ...] = ()
    requires: dict[str, str] = {}
    data: DataOptions = DataOptions()
    task: TaskOptions = TaskOptions()
    split: SplitOptions = SplitOptions()
    training: TrainingOptions = TrainingOptions()
    networks: tuple[str, ...] | None = None
    space: dict[str, Any] = {}
    sampler: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "tpe"})
    pruner: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "auto"})
    tell_stopped: TellStopped | None = None
    limits: Limits = Limits()
    baselines: tuple[str, ...] | None = None
    warm_start: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "auto"})
    budget: BudgetOptions = BudgetOptions()
    finalists: FinalistOptions = FinalistOptions()
    intervals: IntervalOptions = IntervalOptions()

    def __post_init__(self) -> None:
        if self.engine.url and ":" in self.device:
            raise LstmoptError(
                "device is cuda on a cluster, where each worker sees one GPU, found "
                f"{self.device!r}: change it"
            )
        self._check_folds()
        tables = {"sampler": self.sampler, "pruner": self.pruner, "warm_start": self.warm_start}
        for kind, example in (("sampler", "tpe"), ("pruner", "median"), ("warm_start", "best")):
            if not isinstance(tables[kind].get("name"), str):
                raise LstmoptError(f'[{kind}] needs a name, found none: add name = "{example}"')

    def _check_folds(self) -> None:
        """Refuse what does not go with reports that are a fold each.

        Raises:
            LstmoptError: For reports within an epoch, and for a budget that holds no fold.
        """
        training, folds = self.training, self.split.folds
        if folds > 1 and training.report_every is not None:
            raise LstmoptError(
                "training.report_every scores within an epoch, and with several folds a report is "
                f"a fold, found {training.report_every} and split.folds = {folds}: leave one out"
            )
        if folds > 1 and (self.budget.epochs or training.epochs) < training.epochs:
            raise LstmoptError(
                f"budget.epochs holds a fold of training.epochs = {training.epochs} at least, "
                f"found {self.budget.epochs}: raise it or lower training.epochs"
            )

    @property
    def earlier(self) -> WarmStartOptions:
        """What the study learns from."""
        fields = {k: v for k, v in self.warm_start.items() if k in _EARLIER}
        return msgspec.convert(fields, WarmStartOptions)

    @property
    def warm_start_strategy(self) -> dict[str, Any]:
        """The warm start's name and options."""
        return {k: v for k, v in self.warm_start.items() if k not in _EARLIER}
