"""Baselines fitted while a study searches."""

from __future__ import annotations

import importlib
import math
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from lstmopt.data.windows import Fold
from lstmopt.forecasting.baselines import (
    FittedBaseline,
    baseline_names,
    fit_baseline,
    with_latency,
)
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named


@dataclass(frozen=True)
class Fitted:
    """What came of baselines in time.

    Attributes:
        baselines: Those that were fitted, each with what a forecast takes.
        late: The names of the others.
    """

    baselines: tuple[FittedBaseline, ...]
    late: tuple[str, ...] = ()


class BackgroundFit:
    """Fits baselines one by one in a thread of its own, on one core, the quickest first.

    Forecasts are timed when the answer is asked for: by then nothing trains beside them.

    Args:
        registry: Where their names are looked up.
        names: ``NAME`` or ``NAME:KEY=VALUE,…`` of each; all that there are for None.
        folds: What they are fitted on and choose on; the newest comes first.
        seasons: Plausible season lengths, in rows.
        most_seconds: What a baseline may take to forecast a whole validation part.
    """

    def __init__(
        self,
        registry: Registry,
        names: Iterable[str] | None,
        folds: Sequence[Fold],
        seasons: Sequence[int],
        most_seconds: float = math.inf,
    ) -> None:
        self._names = baseline_names(registry, names)
        self._registry, self._seasons = registry, seasons
        self._folds, self._most_seconds = tuple(folds), most_seconds
        self._fitted: dict[str, FittedBaseline] = {}
        self._error: BaseException | None = None
        self.scoring_seconds = 0.0
        """What all of them took so far to forecast the whole validation part."""
        self._fitting, self._may_begin = threading.Lock(), threading.Event()
        self._may_begin.set()
        # two threads that load it at once may find it half loaded
        importlib.import_module("scipy.stats")
        self._thread = threading.Thread(target=self._work, name="baselines", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            with threadpool_limits(1):  # the other cores are busy with candidates
                for name in sorted(self._names, key=_effort):
                    self._may_begin.wait()
                    with self._fitting:
                        fitted = fit_baseline(
                            self._registry, name, self._folds, self._seasons, self._most_seconds
                        )
                    self.scoring_seconds += fitted.scoring_seconds
                    self._fitted[name] = fitted
        except BaseException as error:
            self._error = error

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let no baseline begin in this context, and wait a moment for one that is being fitted."""
        self._may_begin.clear()
        waited = self._fitting.acquire(timeout=_PATIENCE)
        try:
            yield
        finally:
            if waited:
                self._fitting.release()
            self._may_begin.set()

    def result(self, seconds: float = math.inf) -> Fitted:
        """Wait for the baselines, for so many seconds at most.

        Returns:
            Those that are fitted by then.

        Raises:
            LstmoptError: Where a plug-in failed.
        """
        until = time.monotonic() + seconds
        while self._thread.is_alive() and (left := until - time.monotonic()) > 0:
            self._thread.join(min(left, _LOOK))
        if self._error is not None:
            raise self._error
        done = dict(self._fitted)
        validation = self._folds[0].validation
        timed = tuple(with_latency(done[name], validation) for name in self._names if name in done)
        return Fitted(timed, tuple(name for name in self._names if name not in done))


_QUICK = ("repeat", "seasonal_naive", "nlinear", "ridge")
"""Baselines that take next to nothing: there is a bar then, however short the time."""


def _effort(text: str) -> int:
    """Return a baseline's place in the order of fitting."""
    name = Named.parse(text).name
    return _QUICK.index(name) if name in _QUICK else len(_QUICK)


_PATIENCE = 2.0
"""Seconds that a baseline may go on being fitted when everything should stand still."""
_LOOK = 0.5
"""Seconds of a wait, after which Ctrl-C is heard."""
