"""Shows a study as it goes: a live view on a terminal, a line a trial in a pipe."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lstmopt.epoch import Epoch
from lstmopt.errors import printable
from lstmopt.objectives import Goals
from lstmopt.search.observer import Observer
from lstmopt.search_space import Architecture, Params, describe_params
from lstmopt.storage.trial_record import INFEASIBLE, TrialRecord, front_of


def describe_values(values: Mapping[str, float | None]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in values.items() if value is not None)


class LineProgress(Observer):
    """Prints one line for each thing that ended."""

    def __init__(self, console: Console, trials: int) -> None:
        self.console, self.trials = console, trials

    def _line(self, text: str) -> None:
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        self._line(f"note: {text}")

    def measured(self, architecture: Architecture, latency_ms: float) -> None:
        self._line(f"latency of {architecture}: {latency_ms:.3f} ms")

    def told(self, record: TrialRecord) -> None:
        reason = f" ({record.reason})" if record.reason else ""
        self._line(
            f"trial {record.number} {record.state} after {len(record.curve)} reports, "
            f"{record.seconds:.1f} s: {describe_values(record.values)} | "
            f"{describe_params(record.params)}{reason}"
        )

    def refitting(self, front: list[TrialRecord]) -> None:
        numbers = ", ".join(str(record.number) for record in front)
        self._line(f"front: trials {numbers}; refitting it with other seeds")


class LiveProgress(LineProgress, AbstractContextManager["LiveProgress"]):
    """Redraws running trials, the front so far, counts and time left on a terminal."""

    def __init__(self, console: Console, trials: int, goals: Goals) -> None:
        super().__init__(console, trials)
        self.goals = goals
        self._counts: Counter[str] = Counter()
        self._front: list[TrialRecord] = []
        self._running: dict[int, tuple[Params, Mapping[str, float], Epoch | None]] = {}
        self._start, self._state = time.monotonic(), "searching"
        self._live = Live(get_renderable=self.view, console=console, refresh_per_second=4)

    def __enter__(self) -> LiveProgress:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def started(self, number: int, params: Params, static: Mapping[str, float]) -> None:
        self._running[number] = (params, static, None)

    def advanced(self, number: int, epochs: tuple[Epoch, ...]) -> None:
        if number in self._running and epochs:
            params, static, _ = self._running[number]
            self._running[number] = (params, static, epochs[-1])

    def told(self, record: TrialRecord) -> None:
        self._running.pop(record.number, None)
        self._counts[record.state] += 1
        self._front = front_of([*self._front, record], self.goals)

    def refitting(self, front: list[TrialRecord]) -> None:
        self._state = f"refitting the {len(front)} trials of the front with other seeds"

    def view(self) -> Group:
        """Draw everything at this moment."""
        return Group(self._headline(), self._running_table(), self._front_table())

    def _headline(self) -> Text:
        counts = {s: self._counts[s] for s in ("complete", "pruned", "failed", INFEASIBLE)}
        spent = time.monotonic() - self._start
        done = self._counts.total() - self._counts[INFEASIBLE]
        left = spent / done * max(self.trials - done, 0) if done else None
        text = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        remaining = "" if left is None else f", about {left:.0f} s left"
        return Text(f"{self._state}: {done}/{self.trials} trials ({text or 'none yet'}){remaining}")

    def _running_table(self) -> Table:
        table = Table(
            "trial", "epoch", "val_loss", *self._static_names(), "parameters", title="now"
        )
        for number, (params, static, epoch) in sorted(self._running.items()):
            table.add_row(
                str(number),
                str(epoch.number) if epoch else "",
                f"{epoch.val_loss:.4f}" if epoch else "",
                *(f"{static[name]:.3f}" for name in self._static_names()),
                describe_params(params),
            )
        return table

    def _static_names(self) -> list[str]:
        return [o.name for o in self.goals.static]

    def _front_table(self) -> Table:
        table = Table("trial", *self.goals.names, "parameters", title="front so far")
        for record in self._front:
            values = (record.values[name] for name in self.goals.names)
            table.add_row(
                str(record.number), *(f"{v:.4g}" for v in values), describe_params(record.params)
            )
        return table
