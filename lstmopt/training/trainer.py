"""advance(candidate, checkpoint, epochs) -> progress; knows nothing of search.

Training is a pure function: all randomness of an epoch is drawn from (candidate.seed, epoch), and
the checkpoint holds everything else, so two segments of five epochs give exactly one of ten.
"""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor

from lstmopt.data.windows import Part
from lstmopt.epoch import Epoch
from lstmopt.networks.families import Families, installed_families
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.network_start import Solved
from lstmopt.networks.weights import copy_weights, read_checkpoint
from lstmopt.search_space import Candidate
from lstmopt.seeds import derive_seed
from lstmopt.system.memory_limit import peak_mib
from lstmopt.training.batches import DevicePart
from lstmopt.training.forecast_objectives import ForecastObjectives, Measured
from lstmopt.training.metrics import Quantiles
from lstmopt.training.options import TrainingOptions
from lstmopt.training.scores import predict, predict_quantiles, score_at
from lstmopt.training.train_step import make_step
from lstmopt.training.weight_average import WeightAverage


@dataclass(frozen=True)
class Progress:
    """What a segment of training gave.

    ``finished`` says that nothing is left to train; ``failure`` why the candidate has no value;
    ``out_of_time`` that an epoch was given up because time was up. ``peak_mib`` is the most memory
    that the process has held so far.
    """

    checkpoint: bytes
    epochs: tuple[Epoch, ...]
    finished: bool
    failure: str | None = None
    out_of_time: bool = False
    peak_mib: float = 0.0


class Workload:
    """Everything that candidates of one study share, on one device.

    ``reports`` is how often an epoch is scored on the validation part; a candidate's epochs are
    then counted in such shares. ``measures`` are the study's objectives of the kind ``forecast``,
    None where it has none. ``families`` build its networks, those that are installed without it.
    ``between`` is called before every step.
    """

    def __init__(
        self,
        train: Part,
        validation: Part,
        options: TrainingOptions,
        device: str,
        reports: int = 1,
        measures: ForecastObjectives | None = None,
        families: Families | None = None,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        self.between = between
        self.reports, self.measures = reports, measures
        self.families = families or installed_families()
        self.columns = train.columns
        self.solved: Solved = {}  # what is solved for one candidate serves others too
        self.train, self.validation = DevicePart(train, device), DevicePart(validation, device)
        self.options, self.device = options, device
        self.features, self.horizon = train.inputs.shape[1], train.shape.horizon
        self.targets = targets_per_window(train, options)
        self._origins: dict[int, Tensor] = {}
        self.validation_origins = self.validation.origins(train.shape.window)

    def for_epochs(self, epochs: int) -> Workload:
        """Return the same work with another number of epochs."""
        other = copy.copy(self)
        other.options = msgspec.structs.replace(self.options, epochs=epochs)
        return other

    def train_origins(self, targets: int) -> Tensor:
        """Return where training windows end that forecast at so many of their last rows."""
        if targets not in self._origins:
            self._origins[targets] = self.train.origins(self.train.shape.window + targets - 1)
        return self._origins[targets]

    def build(self, candidate: Candidate) -> ForecastNetwork:
        return self.families.build(candidate.params, self.columns).to(self.device)


def targets_per_window(train: Part, options: TrainingOptions) -> int:
    """Return how many of a window's last steps forecast: as asked for, or 6 on a long series.

    An epoch then costs a fifth, and the network that is chosen is better; on short series it leaves
    too few steps an epoch, and it is worse. Measured on ten series: benchmarks/README.md.
    """
    if options.targets_per_window is not None:
        return options.targets_per_window
    return _SEVERAL if len(train.origins()) >= _LONG else 1


_SEVERAL, _LONG = 6, 5_000
"""Targets a window, from so many training windows on."""


def windows_per_epoch(train: Part, options: TrainingOptions) -> int | None:
    """Return how many windows an epoch has, None for all.

    As asked for, or of a panel that has more `_MANY`: an epoch is what lies between two looks at
    the validation part, and training ends after some without a better one.
    """
    if options.windows is None and train.panel is not None and len(train.origins()) > _MANY:
        return _MANY
    return options.windows


_MANY = 2**15
"""Windows an epoch of a large panel."""


def reports_per_epoch(train: Part, options: TrainingOptions, largest_batch: int) -> int:
    """Return how often an epoch is scored so that a report comes every ``report_every`` steps.

    Steps of ``largest_batch``: candidates of smaller batches take more steps to a report, so that
    all have seen as many windows at the same report and may be compared there.
    """
    if options.report_every is None:
        return 1
    targets = targets_per_window(train, options)
    phases = train.origins(train.shape.window + targets - 1) % targets
    windows = int(np.bincount(phases, minlength=targets).min())
    windows = min(windows, options.windows or windows)
    return max(1, windows // (options.report_every * largest_batch))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread, so that results do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def advance(
    workload: Workload,
    candidate: Candidate,
    checkpoint: bytes | None,
    epochs: int,
    seconds: float = math.inf,
) -> Progress:
    """Train ``candidate`` for up to ``epochs`` more epochs from ``checkpoint`` (None: anew).

    An epoch here is what lies between two reports: a share of one where ``workload.reports`` is
    more than one. Stops early after ``patience`` whole epochs without a better validation loss, or
    with a failure when a loss is not finite or a forecast objective gives no number. Pure: the same
    arguments give bit for bit the same answer on one device. After ``seconds`` it gives up within
    one step; an epoch that was begun then counts for nothing.
    """
    end = time.monotonic() + seconds
    with torch.random.fork_rng(_devices(workload)), one_thread():
        state = _State.begin(workload, candidate, checkpoint, end)
        done: list[Epoch] = []
        kept, count = checkpoint, 0
        try:
            while len(done) < epochs and not state.finished:
                if done and time.monotonic() + _SPARE * done[-1].seconds > end:
                    kept, count = state.save(), len(done)
                done.append(state.run_epoch())
        except _OutOfTime:
            whole = kept or _State.begin(workload, candidate, None).save()
            return Progress(whole, tuple(done[:count]), False, None, True, peak_mib())
        ended = state.save(), tuple(done), state.finished, state.failure
        return Progress(*ended, peak_mib=peak_mib())


class _OutOfTime(Exception):
    """Training was to end by now."""


_SPARE = 3.0
"""How many epochs of time are left when each is saved before it begins: the last may not end."""


class _State:
    """A candidate in training: what a checkpoint holds."""

    def __init__(self, workload: Workload, candidate: Candidate, end: float = math.inf) -> None:
        torch.manual_seed(derive_seed(candidate.seed, 0))
        families = workload.families
        params = families.complete(candidate.params, workload.columns)
        self.trained = families.family(candidate.params).trained
        self.workload, self.candidate, self._end = workload, Candidate(params, candidate.seed), end
        self.model = workload.build(candidate)
        options = workload.options
        self.step = make_step(
            self.model, self.candidate, options.clip_norm, options.precision, options.cuda_graph
        )
        self.average = WeightAverage(self.model, float(self.candidate["ema"]))
        self.epoch, self.best_epoch = 0, 0
        self.best_loss = math.inf
        self.best_weights = copy_weights(self.model)
        self.failure: str | None = None

    @classmethod
    def begin(
        cls,
        workload: Workload,
        candidate: Candidate,
        checkpoint: bytes | None,
        end: float = math.inf,
    ) -> _State:
        state = cls(workload, candidate, end)
        if checkpoint is None:
            parts = workload.train.part, workload.validation.part
            state.model.fit_start(*parts, workload.solved)
        else:
            saved = read_checkpoint(checkpoint, workload.device)
            state.model.load_state_dict(saved["model"])
            state.step.load_state_dict(saved["optimizer"])
            state.average.load_state_dict(saved["average"])
            state.best_weights = saved["best_weights"]
            state.best_loss, state.best_epoch = saved["best_loss"], saved["best_epoch"]
            state.epoch, state.failure = saved["epoch"], saved["failure"]
        return state

    def save(self) -> bytes:
        buffer = io.BytesIO()
        names = ("best_weights", "best_loss", "best_epoch", "epoch", "failure")
        content = {name: getattr(self, name) for name in names}
        content |= {"model": self.model.state_dict(), "optimizer": self.step.state_dict()}
        content["average"] = self.average.state_dict()
        torch.save(content, buffer)
        return buffer.getvalue()

    @property
    def finished(self) -> bool:
        options, reports = self.workload.options, self.workload.reports
        stale = self.epoch - self.best_epoch >= options.patience * reports
        solved = not self.trained and self.epoch > 0
        return self.failure is not None or solved or stale or self.epoch >= options.epochs * reports

    def run_epoch(self) -> Epoch:
        start = time.perf_counter()
        self.epoch += 1
        train_loss = self._train() if self.trained else self._train_loss()
        with self.average.applied():
            return self._report(train_loss, start)

    def _report(self, train_loss: float, start: float) -> Epoch:
        """Score the weights as they are on the validation part; keep them where they are best."""
        validation, origins = self.workload.validation, self.workload.validation_origins
        forecasts, quantiles = self._forecast(validation, origins)
        scores, measured = score_at(forecasts, validation, origins), Measured()
        if not (math.isfinite(train_loss) and math.isfinite(scores.mse)):
            whole = (self.epoch - 1) // self.workload.reports + 1
            self.failure = f"the loss was no longer finite in epoch {whole}"
        elif scores.mse < self.best_loss:
            self.best_loss, self.best_epoch = scores.mse, self.epoch
            self.best_weights = copy_weights(self.model)
        if self.workload.measures and self.failure is None:
            arrays = forecasts.cpu().numpy(), origins.cpu().numpy()
            measured = self.workload.measures.measure(*arrays, quantiles)
            self.failure = measured.failure
        seconds = time.perf_counter() - start
        errors = scores.mse, scores.mae, scores.r2
        return Epoch(self.epoch, train_loss, *errors, seconds, dict(measured.values))

    def _forecast(self, part: DevicePart, origins: Tensor) -> tuple[Tensor, Quantiles | None]:
        """Forecast at origins [windows, horizon], with quantiles where the network has any."""
        head = self.model.quantile_head
        if head is None:
            return predict(self.model, part, origins, self._check_time), None
        found = predict_quantiles(self.model, part, origins, self._check_time)
        return found[..., head.median], Quantiles(head.quantiles, found.cpu().numpy())

    def _check_time(self) -> None:
        self.workload.between()
        if time.monotonic() > self._end:
            raise _OutOfTime

    def _train(self) -> float:
        """Run one pass over the training part, or its next share; return its mean squared error."""
        workload = self.workload
        whole, share = divmod(self.epoch - 1, workload.reports)
        torch.manual_seed(derive_seed(self.candidate.seed, whole + 1))
        forecasts = workload.targets if self.model.forecasts_every_row else 1
        # windows of several targets start at another phase each epoch, so that every row serves
        phase = int(torch.randint(forecasts, ()))
        origins = workload.train_origins(forecasts)
        origins = origins[origins % forecasts == phase] if forecasts > 1 else origins
        order = self._order(origins).to(origins.device)
        size = int(self.candidate["batch_size"])
        steps = math.ceil(len(order) / size)
        first, end = (steps * n // workload.reports for n in (share, share + 1))
        chosen = origins[order[first * size : end * size]]
        if share:  # the order is the epoch's; what is drawn from here on is the share's own
            torch.manual_seed(derive_seed(self.candidate.seed, whole + 1, share))
        squares = torch.zeros((), device=workload.device)
        count = torch.zeros((), device=workload.device)
        self.model.train()
        for batch in workload.train.batches(chosen, size, forecasts, self.model.window):
            self._check_time()
            squares += self.step(batch)
            self.average.update()
            count += batch.observed
        return float(squares / count)

    def _order(self, origins: Tensor) -> Tensor:
        """Return which windows an epoch takes, in which order."""
        options, count = self.workload.options, len(origins)
        if options.sample_by == "series":
            return _by_series(self.workload.train.part, origins, options.windows or count)
        return torch.randperm(count)[: options.windows]

    def _train_loss(self) -> float:
        """Return the mean squared error of weights that were solved, over training windows."""
        train = self.workload.train
        origins = self.workload.train_origins(1)
        some = origins[:: -(-len(origins) // _SOME)]
        return score_at(predict(self.model, train, some, self._check_time), train, some).mse


def _by_series(part: Part, origins: Tensor, count: int) -> Tensor:
    """Draw so many windows, each series of a panel as often as another [count]."""
    of = part.series_of(origins.cpu().numpy())
    if of is None:
        return torch.randperm(len(origins))[:count]
    first = np.flatnonzero(np.diff(of, prepend=-1))
    begins = torch.from_numpy(first)
    lengths = torch.from_numpy(np.diff(first, append=len(of)))
    chosen = torch.randint(len(first), (count,))
    return begins[chosen] + (torch.rand(count) * lengths[chosen]).long()


_SOME = 4_096
"""Training windows, evenly spread, that a solved network is scored on at most."""


def initial_checkpoint(
    workload: Workload, candidate: Candidate, weights: Mapping[str, Tensor]
) -> bytes:
    """Return the checkpoint before the first epoch, with other ``weights``."""
    with torch.random.fork_rng(_devices(workload)):
        state = _State(workload, candidate)
        state.model.load_state_dict(weights)
        return state.save()


def _devices(workload: Workload) -> list[str]:
    return [workload.device] if workload.device != "cpu" else []
