"""Baselines fitted while a study searches."""

from __future__ import annotations

import importlib
import math
import threading
import time
from collections.abc import Iterable, Sequence
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
    """Fits baselines one by one in a thread of its own, on one core.

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
        self._fitted: list[FittedBaseline] = []
        self._error: BaseException | None = None
        self.scoring_seconds = 0.0
        """What all of them took so far to forecast the whole validation part."""
        # two threads that load it at once may find it half loaded
        importlib.import_module("scipy.stats")
        self._thread = threading.Thread(target=self._work, name="baselines", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            with threadpool_limits(1):  # the other cores are busy with candidates
                for name in self._names:
                    fitted = fit_baseline(
                        self._registry, name, self._folds, self._seasons, self._most_seconds
                    )
                    self.scoring_seconds += fitted.scoring_seconds
                    self._fitted.append(fitted)
        except BaseException as error:
            self._error = error

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
        done = tuple(self._fitted)
        validation = self._folds[0].validation
        timed = tuple(with_latency(baseline, validation) for baseline in done)
        return Fitted(timed, tuple(self._names[len(done) :]))


_LOOK = 0.5
"""Seconds of a wait, after which Ctrl-C is heard."""
