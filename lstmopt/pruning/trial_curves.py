"""What is known of a study's trials, as a pruner or a sampler compares them.

A *report* is what training shows of a trial: once an epoch, unless a study reports more often, or
once a fold.
Everything is turned so that lower is better.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrialView:
    """What a pruner may know of the trial that it decides about, up to its last report.

    All objectives are turned so that lower is better.

    Attributes:
        number: The trial's.
        static: The static objectives by name.
        losses: The learned objectives by name, each a value a report [reports].
        cumulative: Whether a report takes in all before it, as a mean over folds does: then what
            counts is the latest and not the best.
    """

    number: int
    static: Mapping[str, float]
    losses: Mapping[str, Sequence[float]]
    cumulative: bool = False

    @property
    def report(self) -> int:
        """How many reports there are."""
        return len(next(iter(self.losses.values())))

    def curve(self, objective: str) -> Floats:
        """Return what counts of a learned objective at each report: its best value so far.

        What is no number is passed. Of a cumulative trial each value counts as it is.

        Args:
            objective: Its name.

        Returns:
            A value a report [reports], infinite before the first number.
        """
        known = np.asarray(self.losses[objective], float)
        known = np.where(np.isnan(known), np.inf, known)
        return known if self.cumulative else np.fmin.accumulate(known)

    def until(self, report: int) -> TrialView:
        """Return the trial as it stood after some of its reports.

        Args:
            report: How many of them.

        Returns:
            The earlier view.
        """
        seen = {name: tuple(values[:report]) for name, values in self.losses.items()}
        return replace(self, losses=seen)


class Trials:
    """Every trial that has trained, in columns that grow: what a trial is compared with.

    Row n of each column is trial ``numbers[n]``. All objectives are turned so that lower is better.
    What is known of a trial is only ever added to, so what follows from the columns may be kept.

    Args:
        static: The static objectives' names.
        learned: The learned objectives' names.
        cumulative: Whether the trials are (see `TrialView`).

    Attributes:
        static_names: The names of the columns of ``static``.
        learned_names: What ``best`` may be asked for.
        cumulative: Whether the trials are.
    """

    def __init__(
        self, static: Sequence[str], learned: Sequence[str], cumulative: bool = False
    ) -> None:
        self.static_names, self.learned_names = tuple(static), tuple(learned)
        self.cumulative = cumulative
        self._rows: dict[int, int] = {}
        self._numbers = np.empty(_ROWS, int)
        self._finished = np.zeros(_ROWS, bool)
        self._reports = np.zeros(_ROWS, int)
        self._static = np.empty((_ROWS, len(self.static_names)))
        self._reported: dict[str, list[array[float]]] = {n: [] for n in self.learned_names}
        self._best = {n: np.full((_ROWS, _REPORTS), np.nan) for n in self.learned_names}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    @property
    def numbers(self) -> NDArray[np.int_]:
        """Trial numbers [trials]."""
        return self._numbers[: len(self)]

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which trials ran to their end [trials]."""
        return self._finished[: len(self)]

    @property
    def reports(self) -> NDArray[np.int_]:
        """How many reports of each trial are known [trials]."""
        return self._reports[: len(self)]

    @property
    def static(self) -> Floats:
        """Static objectives [trials, static objectives]."""
        return self._static[: len(self)]

    def best(self, objective: str) -> Floats:
        """Return the best values so far of a learned objective; cumulative ones as they are.

        Args:
            objective: Its name.

        Returns:
            Values [trials, most reports], NaN after a trial's last report; a finished trial keeps
            what it ended with.
        """
        return self._best[objective][: len(self)]

    def row(self, number: int) -> int:
        """Return where a trial stands in the columns.

        Args:
            number: The trial's; it must be there.

        Returns:
            Its row.
        """
        return self._rows[number]

    def rows(self, numbers: Sequence[int]) -> NDArray[np.int_]:
        """Return where trials stand in the columns.

        Args:
            numbers: Theirs; they must be there.

        Returns:
            Their rows, in the order of the numbers [numbers].
        """
        return np.fromiter(map(self._rows.__getitem__, numbers), int, len(numbers))

    def put(self, trial: TrialView, finished: bool = False) -> None:
        """Add a trial, or what is new of it.

        Args:
            trial: The trial with all its reports so far.
            finished: Whether it ran to its end.
        """
        row = self._rows.get(trial.number)
        if row is None:
            row = self._append(trial)
        done, known = trial.report, int(self._reports[row])
        self._widen(done)
        for name in self.learned_names:
            best = self._best[name][row]
            new = np.asarray(trial.losses[name][known:done], float)
            self._reported[name][row][known:] = array("d", new)
            best[known:done] = trial.curve(name)[known:done]
            if finished:
                best[done:] = best[done - 1]
        self._reports[row], self._finished[row] = done, finished

    def view(self, number: int) -> TrialView:
        """Return all that is known of a trial.

        Args:
            number: The trial's; it must be there.

        Returns:
            The trial, up to its last report.
        """
        row = self._rows[number]
        return TrialView(
            number,
            dict(zip(self.static_names, self._static[row].tolist(), strict=True)),
            {n: list(self._reported[n][row][: self._reports[row]]) for n in self.learned_names},
            self.cumulative,
        )

    def __iter__(self) -> Iterator[TrialView]:
        return map(self.view, self._rows)

    def _append(self, trial: TrialView) -> int:
        row = len(self)
        if row == len(self._numbers):
            self._numbers, self._finished, self._reports, self._static = (
                np.concatenate([column, np.zeros_like(column)])
                for column in (self._numbers, self._finished, self._reports, self._static)
            )
            for name, table in self._best.items():
                self._best[name] = np.concatenate([table, np.full_like(table, np.nan)])
        for reported in self._reported.values():
            reported.append(array("d"))
        self._rows[trial.number] = row
        self._numbers[row] = trial.number
        self._static[row] = [trial.static[name] for name in self.static_names]
        return row

    def _widen(self, reports: int) -> None:
        """Make room for ``reports`` reports."""
        width = next(iter(self._best.values())).shape[1]
        if reports <= width:
            return
        more = max(reports - width, width)
        for name in self.learned_names:
            best = self._best[name]
            ends = np.where(self._finished, best[:, -1], np.nan)
            self._best[name] = np.concatenate([best, np.tile(ends[:, None], more)], axis=1)


_ROWS, _REPORTS = 64, 32
"""Room at the beginning; it doubles when it is used up."""
