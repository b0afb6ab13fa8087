"""The raw events of a benchmark: one JSON line a trial, then one for its study.

Every figure is drawn from them. A study counts once its last line is there; what an interruption
left without one is read over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lstmopt.errors import LstmoptError


class Improvement(msgspec.Struct, frozen=True, array_like=True):
    """A report of a trial whose loss was lower than at all before it.

    ``values`` are the trial's objectives from then on, lower is better; ``at_epochs`` and
    ``at_seconds`` say what its study had spent when the report came.
    """

    at_epochs: int
    at_seconds: float
    values: tuple[float, ...]


class TrialEvent(msgspec.Struct, frozen=True, tag_field="event", tag="trial"):
    """A closed trial.

    ``losses`` and ``seconds`` are what it trained, epoch by epoch; ``improvements`` what it was
    worth meanwhile, none for one that failed. ``values`` are a finished trial's objectives, lower
    is better; ``full_values`` what they would be at the end of training, whether or not it got
    there, where the work knows them (a replay does). ``at_epochs`` and ``at_seconds`` say what its
    study had spent when it closed.
    """

    task: str
    strategy: str
    seed: int
    number: int
    state: str
    by_pruner: bool
    params: dict[str, str | int | float | bool]
    losses: tuple[float | None, ...]
    seconds: tuple[float, ...]
    improvements: tuple[Improvement, ...]
    values: tuple[float, ...] | None
    full_values: tuple[float, ...] | None
    at_epochs: int
    at_seconds: float


class StudyEvent(msgspec.Struct, frozen=True, tag_field="event", tag="study"):
    """A study that spent its budget; seconds of training are recorded ones in a replay."""

    task: str
    strategy: str
    seed: int
    study_seed: int
    device: str
    sampler: str
    pruner: str
    budget: int
    epochs: int
    seconds: float
    ask_seconds: float
    prune_seconds: float
    tell_seconds: float
    peak_mib: float
    ended: str
    machine: str
    versions: dict[str, str]


class Study(msgspec.Struct, frozen=True):
    """A study with its trials, in the order in which they closed."""

    event: StudyEvent
    trials: tuple[TrialEvent, ...]

    @property
    def key(self) -> tuple[str, str, int]:
        return self.event.task, self.event.strategy, self.event.seed


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(TrialEvent | StudyEvent).decode


def append_study(path: Path, study: Study) -> None:
    """Write a study's lines at the end of the file, the study's own line last."""
    lines = [*map(_encode, study.trials), _encode(study.event)]
    start = b"" if _ends_well(path) else b"\n"
    with path.open("ab") as file:
        file.write(start + b"\n".join(lines) + b"\n")


def _ends_well(path: Path) -> bool:
    """Say whether the file ends with a whole line, or is not there yet."""
    if not path.is_file() or path.stat().st_size == 0:
        return True
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def read_studies(path: Path) -> Iterator[Study]:
    """Read every whole study, each once, whatever an interruption left between them.

    Raises LstmoptError for a whole line that is none of a benchmark's.
    """
    if not path.is_file():
        return
    seen: set[tuple[str, str, int]] = set()
    trials: defaultdict[tuple[str, str, int], dict[int, TrialEvent]] = defaultdict(dict)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                event = _decode(line)
            except msgspec.ValidationError as error:
                raise LstmoptError(
                    f"every line of {path} is a trial or a study of a benchmark, found in line "
                    f"{number}: {error}; begin the benchmark in another folder"
                ) from None
            except msgspec.DecodeError:  # the incomplete last line of an interrupted benchmark
                continue
            key = (event.task, event.strategy, event.seed)
            if isinstance(event, TrialEvent):
                trials[key].setdefault(event.number, event)
            elif key not in seen:
                seen.add(key)
                yield Study(event, tuple(trials.pop(key, {}).values()))


def rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Keep six significant digits, which is more than any figure shows."""
    return tuple(float(f"{value:.6g}") for value in values)
