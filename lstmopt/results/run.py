"""A run read back from its folder, finished or not: tables, study and model.

What a command need not load (pandas, optuna, torch) is imported where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError, masked
from lstmopt.objectives import Goals
from lstmopt.results.document import (
    Audit,
    PointEntry,
    StudyResults,
    TrialEntry,
    as_document,
    read_results,
    results_so_far,
)
from lstmopt.results.points import parameter_column, points_table
from lstmopt.results.selection import pick_point
from lstmopt.storage.run_folder import RunFolder

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from lstmopt.config.options import Config
    from lstmopt.forecasting.forecaster import Forecaster
    from lstmopt.results.importance import Importances


@dataclass(frozen=True)
class RunData:
    """A run as it stands: what it found, and everything that can be read of it.

    Attributes:
        folder: The run's folder and the names in it.
        results: What ``optimization_results.json`` holds, or the same of a study that has no such
            file yet or has gone on since it was written.
        active: The trials that are not closed, of such a study.
    """

    folder: RunFolder
    results: StudyResults
    active: tuple[TrialEntry, ...] = ()

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @property
    def name(self) -> str:
        """The study's name."""
        return self.results.study.name

    @property
    def finished(self) -> bool:
        """Whether a model was chosen and nothing has gone on since."""
        return self.results.chosen is not None

    @cached_property
    def document(self) -> dict[str, Any]:
        """The results as plain values, as the file has them; ``running`` lists active trials."""
        document = as_document(self.results)
        return (
            document | {"running": list(map(as_document, self.active))} if self.active else document
        )

    @cached_property
    def goals(self) -> Goals:
        """The objectives, with their directions."""
        return self.results.goals

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a trial, indexed by its number, also those that run.

        ``state`` (complete, pruned, failed, infeasible, running, interrupted), a column an
        objective (missing where a trial has no such value), a column a hyperparameter (``params_``
        before its name where another column has that name), ``epochs`` (reports that the
        pruner saw), ``epochs_trained``, ``seconds``, ``reason``, ``by_pruner``, ``began``,
        ``ended``, and ``front``.
        """
        import pandas as pd

        front = set(self.results.front)
        rows = [
            {
                "trial": entry.number,
                "state": entry.state,
                **entry.values,
                **{self.column(name): value for name, value in entry.params.items()},
                **{name: getattr(entry, name) for name in _TRIAL_COLUMNS},
                "front": entry.number in front,
            }
            for entry in self.entries
        ]
        hyperparameters = [self.column(name) for name in self.parameters]
        columns = ["trial", "state", *self.goals.names, *hyperparameters, *_TRIAL_COLUMNS, "front"]
        table = pd.DataFrame(rows, columns=columns).set_index("trial")
        times = {name: pd.to_datetime(table[name]) for name in ("began", "ended")}
        numbers = {name: table[name].astype(float) for name in self.goals.names}
        return table.assign(**times, **numbers)

    @property
    def entries(self) -> tuple[TrialEntry, ...]:
        """The trials, those that run at the end."""
        return self.results.trials + self.active

    @property
    def parameters(self) -> list[str]:
        """The hyperparameters of candidates, in the order of the study file."""
        used = (name for entry in self.results.trials for name in entry.params)
        return list(dict.fromkeys([*self.results.study.space, *used]))

    @property
    def varying(self) -> list[str]:
        """Those of which trials have had several values; all as long as there is no such."""
        seen = {name: {e.params.get(name) for e in self.results.trials} for name in self.parameters}
        return [name for name, values in seen.items() if len(values - {None}) > 1] or list(seen)

    def column(self, parameter: str) -> str:
        """Return the column of ``trials`` and ``front`` that holds a hyperparameter."""
        taken = {"trial", "state", "front", *_TRIAL_COLUMNS, *self.goals.names}
        return parameter_column(parameter, taken)

    @cached_property
    def front(self) -> pd.DataFrame:
        """The trials of the front, best first objective first, with values and hyperparameters."""
        hyperparameters = [self.column(name) for name in self.parameters]
        columns = [*self.goals.names, *hyperparameters]
        front: pd.DataFrame = self.trials.loc[list(self.results.front), columns]
        return front

    @cached_property
    def points(self) -> pd.DataFrame:
        """What may be chosen, the trials of the front and then the averages (`points_table`)."""
        return points_table(self.results)

    def pick(self, pick: str = "best") -> tuple[PointEntry, str]:
        """Pick among ``points``, as ``lstmopt pareto RUN --pick`` does.

        Args:
            pick: ``knee``, ``best``, ``near_best``, ``fastest``, a trial's number, or an average as
                in ``average 3``.

        Returns:
            The trial or the average, and a sentence that says why.

        Raises:
            LstmoptError: Where there is no such point, or none at all.
        """
        return pick_point(self.results, pick)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A row a report of each trial, by trial and epoch: losses, R², MAE and seconds.

        Then a column for each objective of the kind ``forecast``.
        """
        import pandas as pd

        fields = [name for name in Epoch.__struct_fields__ if name != "values"]
        names = list(dict.fromkeys([*fields, *(o.name for o in self.goals.forecast)]))
        rows = [
            [entry.number, *(report.value(name) for name in names)]
            for entry in self.entries
            for report in entry.curve
        ]
        table = pd.DataFrame(rows, columns=["trial", *names]).rename(columns={"number": "epoch"})
        kinds = {name: "float64" for name in names if name != "number"}
        table = table.astype(kinds | {"trial": "int64", "epoch": "int64"})
        return table.set_index(["trial", "epoch"])

    @cached_property
    def importances(self) -> list[Importances]:
        """How much each hyperparameter matters, objective by objective."""
        from lstmopt.results.importance import importances

        return importances(self.results)

    @cached_property
    def forecasts(self) -> pd.DataFrame:
        """The last forecasts on the validation and the test part, in the target's own units.

        Columns ``part``, ``origin``, ``lead``, ``time``, ``truth``, one a baseline, and one a
        finalist (``trial N``); on the test part only of the trial that was chosen. Empty where the
        run has chosen none.

        Raises:
            LstmoptError: Where their file is damaged.
        """
        import pandas as pd

        from lstmopt.forecasting.forecast_table import COLUMNS, ID

        if not self.finished or not self.folder.forecasts.is_file():
            return pd.DataFrame(columns=list(COLUMNS))
        try:
            table = pd.read_csv(self.folder.forecasts, dtype={ID: str})
            return table.assign(
                origin=pd.to_datetime(table["origin"]),
                time=pd.to_datetime(table["time"]),
                truth=table["truth"].astype(float),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LstmoptError(
                f"forecasts are a table that lstmopt wrote, found {self.folder.forecasts} damaged "
                f"({' '.join(str(error).split())}): remove it, or write it again with lstmopt fit"
            ) from error

    @cached_property
    def series_errors(self) -> pd.DataFrame:
        """Errors of each series of a panel on the test part, over all leads.

        Columns ``series``, ``windows``, and for each model ``MODEL mase``, ``MODEL smape`` and
        ``MODEL mae``, the chosen one first. Empty where the run has one series, or has chosen
        nothing.

        Raises:
            LstmoptError: Where their file is damaged.
        """
        import pandas as pd

        from lstmopt.forecasting.forecast_table import ID

        if not self.finished or not self.folder.series_errors.is_file():
            return pd.DataFrame(columns=[ID])
        try:
            return pd.read_csv(self.folder.series_errors, dtype={ID: str}).set_index(ID)
        except (OSError, ValueError, KeyError) as error:
            raise LstmoptError(
                f"errors by series are a table that lstmopt wrote, found "
                f"{self.folder.series_errors} damaged ({' '.join(str(error).split())}): remove it, "
                "or write it again with lstmopt fit"
            ) from error

    @property
    def audit(self) -> Audit | None:
        """What ``lstmopt audit`` found, where it was run to its end."""
        try:
            return msgspec.json.decode(self.folder.audit.read_bytes(), type=Audit)
        except (OSError, msgspec.DecodeError):
            return None

    @cached_property
    def config(self) -> Config | None:
        """The study file in force, where the run has one."""
        return _config_of(self.folder)

    @cached_property
    def study(self) -> optuna.Study:
        """The study in its storage.

        Raises:
            LstmoptError: Where that is gone.
        """
        study = stored_study(self.folder, self.config)
        if study is None:
            raise LstmoptError(
                f"a run keeps its study in a storage, found none for {self.path}: give the folder "
                "with its journal.log, or bring its database back"
            )
        return study

    @cached_property
    def model(self) -> Forecaster:
        """The chosen model.

        Raises:
            LstmoptError: Where none was chosen yet.
        """
        from lstmopt.forecasting.forecaster import Forecaster

        return Forecaster.load(self.path)


_TRIAL_COLUMNS = (
    "epochs",
    "epochs_trained",
    "seconds",
    "reason",
    "by_pruner",
    "began",
    "ended",
)


def read_run(path: str | Path) -> RunData:
    """Read the run in a folder, finished or not.

    Returns:
        The run as it stands now.

    Raises:
        LstmoptError: Where there is none, or where neither its document nor its study can be read.
    """
    folder = RunFolder(Path(path))
    written, damage = None, None
    if folder.results.is_file():
        try:
            written = read_results(folder.results)
        except LstmoptError as error:
            damage = error
    if written and not _is_newer(folder.journal, folder.results):
        return RunData(folder, written)
    try:
        so_far = _so_far(folder)
    except LstmoptError as error:
        # what was written is there, whatever became of its storage
        so_far, damage = None, damage or error
    if written and (so_far is None or _same_trials(written, so_far)):
        return RunData(folder, written)
    if so_far is None:
        raise damage or LstmoptError(
            f"a run is a folder with {folder.results.name} or {folder.journal.name}, found neither "
            f"in {folder.path}: name the folder that lstmopt run wrote"
        )
    return so_far


def _so_far(folder: RunFolder) -> RunData | None:
    """Read what a study's storage holds of it.

    Returns:
        The run, None where there is no storage.

    Raises:
        LstmoptError: Where the storage is damaged, or its study says nothing of itself.
    """
    config = _config_of(folder)
    try:
        study = stored_study(folder, config)
        if study is None:
            return None
        found = results_so_far(study)
    except LstmoptError:
        raise
    except Exception as error:  # whatever a damaged storage makes Optuna say
        raise LstmoptError(
            f"a study is read from a storage that is whole, found that of {folder.path} damaged "
            f"({type(error).__name__}: {' '.join(str(error).split())}): bring back a copy"
        ) from error
    if found is None:
        raise LstmoptError(
            "an unfinished run is read from what its study says of itself, found nothing in "
            f"{folder.path}: run the same command again, to its end"
        )
    results, active = found
    if not folder.is_driven():
        active = tuple(msgspec.structs.replace(entry, state="interrupted") for entry in active)
    return RunData(folder, results, active)


def _is_newer(path: Path, other: Path) -> bool:
    """Say whether a file was written after another.

    Returns:
        True also where there is no file: a storage lies elsewhere.
    """
    return not path.is_file() or path.stat().st_mtime_ns > other.stat().st_mtime_ns


def _same_trials(written: StudyResults, so_far: RunData) -> bool:
    """Say whether nothing went on since a document was written.

    Returns:
        Whether both hold the same closed trials, and none is active.
    """
    closed = {entry.number for entry in so_far.results.trials}
    return not so_far.active and closed == {entry.number for entry in written.trials}


def _config_of(folder: RunFolder) -> Config | None:
    from lstmopt.config.study_file import read_config

    return read_config(folder.study_file) if folder.study_file.is_file() else None


def stored_study(folder: RunFolder, config: Config | None) -> optuna.Study | None:
    """Open the study of a run in its storage, to be read.

    Returns:
        The study, None where there is none.

    Raises:
        LstmoptError: Where the database that its study file names holds nothing.
    """
    import optuna

    from lstmopt.storage.study_store import is_there, open_storage

    url = config.storage if config else ""
    if not is_there(url, folder):
        if url:
            raise LstmoptError(
                f"the study of {folder.path} lies in {masked(url)}, found nothing there: bring the "
                "database back, or go to the folder from which the study was run"
            )
        return None
    storage = open_storage(url, folder)
    names = optuna.get_all_study_names(storage)
    wanted = config.name if config else next(iter(names), "")
    return optuna.load_study(study_name=wanted, storage=storage) if wanted in names else None
